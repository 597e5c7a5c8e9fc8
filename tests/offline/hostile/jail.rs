//! The jail of workers and of the compiler on a kernel without Landlock, and the limits of a running worker.

use std::thread;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

use costwarden_tests::three_services::{LAST, MINIMAL, workdir, workdir_with_history};
use costwarden_tests::{Run, Workdir};

const MISSING: &str = "the kernel has no Landlock (version 4 or later) for the jail of detectors";

/// Runs a command on a kernel without Landlock: a filter of the calling thread, which the command inherits, refuses the system
/// calls of Landlock.
fn without_landlock(workdir: &Workdir, args: &[&str]) -> Run {
    let calls = [libc::SYS_landlock_create_ruleset, libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self];
    let rules = calls.into_iter().map(|call| (call, Vec::new())).collect();
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into().expect("supported");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, absent, architecture).expect("a filter");
    let filter: BpfProgram = filter.try_into().expect("compiled");
    let run = || {
        apply_filter(&filter).expect("applied");
        workdir.run(args)
    };
    thread::scope(|scope| scope.spawn(run).join().expect("no panic"))
}

#[test]
fn check_and_health_report_a_kernel_without_landlock() {
    let workdir = workdir_with_history();
    let check = without_landlock(&workdir, &["check"]).expect(0);
    assert!(check.stderr.contains(MISSING) || check.stdout.contains(MISSING), "{check:?}");
    let health = without_landlock(&workdir, &["health"]);
    assert!(health.stdout.contains(MISSING), "{health:?}");
    let run = without_landlock(&workdir, &["daily", "--date", &LAST.to_string(), "--json"]).expect(0);
    assert_eq!(run.report()["counts"]["anomalies"], 1, "the rest of the jail still applies");
}

#[test]
fn a_required_jail_runs_and_compiles_no_plugin_without_landlock() {
    let required = MINIMAL.replace("[plugins]\n", "[plugins]\njail = \"required\"\n");
    let compiling = workdir();
    compiling.write("costwarden.toml", &required);
    let refused = without_landlock(&compiling, &["check"]).expect(2);
    assert!(refused.stderr.contains(&format!("the compiler ended with exit code 1: {MISSING}")), "{refused:?}");
    // The compiled plugin is in the cache.
    let running = workdir_with_history();
    running.run(&["daily", "--date", &LAST.to_string()]).expect(0);
    running.write("costwarden.toml", &required);
    let refused = without_landlock(&running, &["daily", "--date", &LAST.to_string()]);
    assert!(refused.stderr.contains(&format!("cannot be run: {MISSING}")), "{refused:?}");
    let allowed = running.run(&["daily", "--date", &LAST.to_string()]);
    assert!(!allowed.stderr.contains("Landlock"), "{allowed:?}");
}
