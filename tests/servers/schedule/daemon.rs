//! The lines of the block in a real cron daemon.

use std::os::unix::process::CommandExt as _;
use std::process::Child;
use std::time::{Duration, Instant};

use super::private_cron::PrivateCron;

/// A process group with cron, killed with the value.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).expect("ours to end");
        self.0.wait().expect("ended");
    }
}

#[test]
fn cron_runs_the_line_as_it_is_written() {
    let Some(cron) = PrivateCron::new() else { return };
    cron.install(&[]).expect(0);
    // Every minute, or the test would take an hour; nothing else of the line is changed.
    let table = cron.table().expect("a table");
    let line = table.lines().find(|line| line.contains(" hourly ")).expect("the hourly line");
    cron.write_table(&format!("{}\n", line.replacen("10", "*", 1)));
    let log = cron.workdir.path().join("log/costwarden.log");
    let daemon = Daemon(cron.daemon().process_group(0).spawn().expect("cron starts"));
    let until = Instant::now() + Duration::from_secs(100);
    let said = loop {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        if said.ends_with('\n') || Instant::now() > until {
            break said;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    drop(daemon);
    // There is no bill to replay, which the job says where its output goes.
    let last = said.lines().last().unwrap_or_default();
    let report: serde_json::Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!((&report["job"], &report["outcome"]), (&"hourly".into(), &"failed".into()), "{report}");
}
