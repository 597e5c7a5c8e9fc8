//! The smallest config works from any folder.

use std::process::Command;

use costwarden_tests::three_services::{LAST, MINIMAL, workdir};
use costwarden_tests::{Run, binary, run};

/// Relative paths start at the config file, not at the current folder.
#[test]
fn a_minimal_config_is_enough_from_any_folder() {
    let (workdir, elsewhere) = (workdir(), tempfile::tempdir().expect("a folder"));
    // Korean is the default.
    workdir.write("costwarden.toml", &MINIMAL.replace("language = \"en\"\n", ""));
    let config = workdir.path().join("costwarden.toml");
    let from_elsewhere = |args: &[&str]| -> Run {
        run(Command::new(binary()).args(args).arg("--config").arg(&config).current_dir(elsewhere.path()))
    };
    from_elsewhere(&["check"]).expect(0);
    from_elsewhere(&["backfill", "--from", "2026-10-26", "--to", "2026-11-21"]).expect(0);
    let daily = from_elsewhere(&["daily", "--date", &LAST.to_string()]).expect(0);
    assert!(daily.stdout.contains("[BILLING_ANOMALY] Domain/Project 프로젝트의 vm 비용이 평소 대비 약 "), "{daily:?}");
    let made =
        ["archive/raw/year=2026/month=11/day=22/billing_20261122.json", "state/costwarden.redb", "state/compiled"];
    for path in made {
        assert!(workdir.path().join(path).exists(), "{path}");
    }
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("a folder").count(), 0);
}

#[test]
fn a_config_is_named_by_flag_by_variable_or_lies_here() {
    let workdir = workdir();
    let parent = workdir.path().parent().expect("a folder");
    let name = workdir.path().file_name().expect("a name").to_str().expect("UTF-8");
    let relative = format!("{name}/costwarden.toml");
    run(Command::new(binary()).args(["check", "--config", &relative]).current_dir(parent)).expect(0);
    run(Command::new(binary()).arg("check").env("COSTWARDEN_CONFIG", &relative).current_dir(parent)).expect(0);
    run(Command::new(binary()).arg("check").env_remove("COSTWARDEN_CONFIG").current_dir(workdir.path())).expect(0);
}
