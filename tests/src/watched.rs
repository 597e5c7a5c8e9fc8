//! The output, the time and the memory of a process together with the processes that it starts.

use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::{Run, run};

/// A finished process.
#[derive(Debug)]
pub struct Watched {
    /// Exit code and output.
    pub run: Run,
    /// The smaller of the wall-clock time and the processor time: the first depends on other processes, the second on the
    /// number of cores.
    pub time: Duration,
    /// Largest total of the resident memory of the process and its descendants, read each hundredth of a second.
    pub peak_bytes: u64,
}

#[derive(Deserialize)]
struct Usage {
    code: i32,
    seconds: f64,
    peak_bytes: u64,
}

/// A Python program: runs a command, and prints its resource usage as the last line. The kernel reports the processor time
/// only to a parent.
const WATCH: &str = r#"
import glob, json, os, sys, time

def tree(process):
    processes = [process]
    for process in processes:
        for path in glob.glob(f"/proc/{process}/task/*/children"):
            try:
                processes += open(path).read().split()
            except OSError:
                pass
    return processes

def resident(process):
    try:
        return int(open(f"/proc/{process}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0

started, peak = time.monotonic(), 0
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
while True:
    ended, status, usage = os.wait4(child, os.WNOHANG)
    if ended:
        break
    peak = max(peak, sum(map(resident, tree(str(child)))))
    time.sleep(0.01)
seconds = min(time.monotonic() - started, usage.ru_utime + usage.ru_stime)
print()
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "seconds": seconds, "peak_bytes": peak}))
"#;

/// Runs the command of [`Workdir::command`](crate::Workdir::command) to its end.
///
/// # Panics
/// Python is missing.
pub fn watched(command: &Command) -> Watched {
    let mut python = Command::new("python3");
    python.args(["-c", WATCH]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        python.current_dir(folder);
    }
    let Run { stdout, stderr, .. } = run(&mut python);
    let (output, usage) = stdout.trim_end().rsplit_once('\n').unwrap_or_else(|| panic!("no usage: {stdout}{stderr}"));
    let Usage { code, seconds, peak_bytes } = serde_json::from_str(usage).expect("the usage is JSON");
    let run = Run { code, stdout: output.trim_end().to_owned(), stderr };
    Watched { run, time: Duration::from_secs_f64(seconds), peak_bytes }
}
