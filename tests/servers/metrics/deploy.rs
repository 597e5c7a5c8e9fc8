//! The files of `config/deploy` for monitoring and for the system.

use std::os::unix::fs::PermissionsExt as _;

use super::tools;
use costwarden_tests::repository;

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    let rules = repository().join("config/deploy/prometheus");
    let text = |name: &str| std::fs::read_to_string(rules.join(name)).expect("a file");
    let tests = text("costwarden.rules.test.yml");
    let yml = text("costwarden.rules.yml");
    let alerts: Vec<&str> = yml.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 15, "{alerts:?}");
    for alert in &alerts {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} is never seen to fire");
        assert!(tests.contains(&format!("alertname: {alert}, exp_alerts: []")), "{alert} is never seen to be silent");
    }
    let Some(folder) = tools::folder() else { return };
    for (command, file) in [("check", "costwarden.rules.yml"), ("test", "costwarden.rules.test.yml")] {
        let mut promtool = tools::program(&folder, "usr/bin/promtool");
        let output = promtool.args([command, "rules", file]).current_dir(&rules).output().expect("promtool");
        assert!(output.status.success(), "{}", tools::said(&output));
    }
}

/// logrotate with another folder and the user of the suite, who may lack root.
#[test]
fn logs_are_rotated_and_the_last_thirty_kept() {
    let Some(folder) = tools::folder() else { return };
    let logs = tempfile::tempdir().expect("a folder");
    let shipped = std::fs::read_to_string(repository().join("config/deploy/logrotate/costwarden")).expect("the file");
    for line in ["daily", "rotate 30", "compress", "delaycompress", "missingok", "notifempty"] {
        assert!(shipped.lines().any(|found| found.trim() == line), "{line}");
    }
    let path = logs.path().display().to_string();
    let adapted: String = shipped
        .replace("/var/log/costwarden", &path)
        .lines()
        .filter(|line| !line.trim().starts_with("su "))
        .map(|line| line.replace("create 0644 costwarden costwarden", "create 0644") + "\n")
        .collect();
    let config = logs.path().join("logrotate.conf");
    std::fs::write(&config, adapted).expect("written");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).expect("set");
    let rotate = |how: &str| {
        let mut logrotate = tools::program(&folder, "usr/sbin/logrotate");
        logrotate.args([how, "--state"]).arg(logs.path().join("state")).arg(&config);
        let output = logrotate.output().expect("logrotate");
        assert!(output.status.success(), "{}", tools::said(&output));
        tools::said(&output)
    };
    let log = logs.path().join("costwarden.log");
    std::fs::write(&log, "day 0\n").expect("written");
    let plan = rotate("-d");
    assert!(plan.contains("after 1 days (30 rotations)") && !plan.contains("error"), "{plan}");
    for day in 1..=32 {
        std::fs::write(&log, format!("day {day}\n")).expect("written");
        rotate("-f");
    }
    let mut kept: Vec<String> = std::fs::read_dir(logs.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| name.starts_with("costwarden.log."))
        .collect();
    kept.sort();
    assert_eq!(kept.len(), 30, "{kept:?}");
    assert!(kept.contains(&"costwarden.log.1".to_owned()) && kept.contains(&"costwarden.log.30.gz".to_owned()));
    assert_eq!(std::fs::read_to_string(logs.path().join("costwarden.log.1")).expect("a log"), "day 32\n");
    assert_eq!(std::fs::read_to_string(&log).expect("the new log"), "");
}
