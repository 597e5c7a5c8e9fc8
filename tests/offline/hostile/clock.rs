//! The clock behind the fuel, with real worker processes: a detector without an end.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::artefact::{Artefact, LIMITS, spread};
use super::bombs::huge_function;
use costwarden_tests::Workdir;
use costwarden_tests::three_services::{LAST, MINIMAL, workdir_with_history};
use text_plugin::Plugin;

/// Returns a folder with a detector whose fuel lasts for hours, and with the given clock.
fn endless(call_seconds: u64) -> Workdir {
    let workdir = workdir_with_history();
    spread(
        &workdir,
        &[Artefact::plugin("endless", &Plugin { fit: "(loop (br 0)) (i32.const 8)", ..Plugin::default() })],
        "",
    );
    let clock = format!("fit_fuel_per_series = 1_000_000_000_000\ncall_seconds = {call_seconds}\n");
    let limits = LIMITS.replace("fit_fuel_per_series = 100_000\n", &clock);
    assert!(limits.contains(&clock), "{limits}");
    workdir.write("costwarden.toml", &format!("{MINIMAL}{limits}"));
    workdir
}

/// Starts the daily job.
fn started(workdir: &Workdir) -> Child {
    let mut command = workdir.command(&["daily", "--date", &LAST.to_string()], &[]);
    command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started")
}

#[test]
fn a_worker_is_ended_by_the_clock() {
    let workdir = endless(1);
    let run = workdir.run(&["daily", "--date", &LAST.to_string()]).expect(1);
    assert!(run.stderr.contains("ran longer than 1 seconds (plugins.limits.call_seconds)"), "{}", run.stderr);
}

/// Longest time between SIGTERM and the end of a run, on a machine with other work. The aim is a second.
const STOP: Duration = Duration::from_secs(10);

/// Returns the worker processes of a process.
fn workers(parent: u32) -> Vec<u32> {
    children(parent, "run-plugin")
}

/// Returns the processes of a process with a subcommand.
fn children(parent: u32, command: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("readable").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_searched = |id: &u32| {
        let read = |name: &str| fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
        let is_child = read("stat")
            .rsplit_once(") ")
            .is_some_and(|(_, fields)| fields.split(' ').nth(1) == Some(&parent.to_string()));
        is_child && read("cmdline").split('\0').nth(1) == Some(command)
    };
    ids.filter(is_searched).collect()
}

/// Waits for a worker in the endless call: a worker that has used half a second of the processor.
fn wait_for_endless_worker(run: &mut Child) -> u32 {
    let is_endless = |worker: &u32| {
        let stat = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
        let ticks = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(11)?.parse::<u64>().ok());
        ticks.is_some_and(|ticks| ticks >= 50)
    };
    loop {
        if let Some(worker) = workers(run.id()).into_iter().find(is_endless) {
            return worker;
        }
        assert_eq!(run.try_wait().expect("a child"), None, "the run ended without a worker");
        std::thread::yield_now();
    }
}

/// The clock of an hour would last longer than the test.
#[test]
fn a_stop_ends_the_call_of_an_endless_detector() {
    let workdir = endless(3600);
    let mut run = started(&workdir);
    wait_for_endless_worker(&mut run);
    let id = run.id();
    stop(run);
    assert_eq!(workers(id), Vec::<u32>::new());
}

/// Stops a run and asserts its end.
#[track_caller]
fn stop(run: Child) {
    let stopped = Instant::now();
    kill_process(Pid::from_raw(run.id().cast_signed()).expect("a process"), Signal::TERM).expect("sent");
    let ended = run.wait_with_output().expect("ended");
    let took = stopped.elapsed();
    eprintln!("the run ended {took:.2?} after SIGTERM");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("stopped by a signal; the next run resumes the job"), "{said}");
    assert!(took <= STOP, "{took:.2?}");
}

/// The compiler of the plugin would need minutes.
#[test]
fn a_stop_ends_the_compiler() {
    let workdir = workdir_with_history();
    spread(&workdir, &[huge_function()], "compile_seconds = 3600\n");
    let mut run = started(&workdir);
    while children(run.id(), "compile-plugin").is_empty() {
        assert_eq!(run.try_wait().expect("a child"), None, "the run ended without a compiler");
        std::thread::yield_now();
    }
    let id = run.id();
    stop(run);
    assert_eq!(children(id, "compile-plugin"), Vec::<u32>::new());
}

#[test]
fn the_kernel_limits_a_worker() {
    let workdir = endless(3600);
    let mut run = started(&workdir);
    let worker = wait_for_endless_worker(&mut run);
    let read = |name: &str| fs::read_to_string(format!("/proc/{worker}/{name}")).expect("readable");
    let [status, limits] = [read("status"), read("limits")];
    stop(run);
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert_eq!((value("NoNewPrivs:"), value("Seccomp:"), value("Threads:")), (Some("1"), Some("2"), Some("2")));
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("a limit");
        line.split_whitespace().map(str::to_owned).take(2).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max processes"), ["0", "0"]);
    assert_eq!(limit("Max open files"), ["256", "256"]);
    assert_eq!(limit("Max cpu time"), ["3600", "3600"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert!(limit("Max data size").iter().all(|bytes| bytes != "unlimited"), "{limits}");
}

/// A worker does not outlive a run that is killed.
#[test]
fn a_worker_ends_with_its_run() {
    let workdir = endless(3600);
    let mut run = started(&workdir);
    let worker = wait_for_endless_worker(&mut run);
    run.kill().and_then(|()| run.wait()).expect("killed");
    // The kernel ends the worker soon after its parent. The test waits for the end.
    while fs::read_to_string(format!("/proc/{worker}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
}
