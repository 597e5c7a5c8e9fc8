//! The units according to systemd.

use std::process::Command;

use super::private_cron::{CONFIG, shipped};
use costwarden_tests::{Workdir, run, skipped};

/// The units of the account `default`, without the account in their names.
const SHIPPED: [&str; 6] = [
    "costwarden-daily.service",
    "costwarden-daily.timer",
    "costwarden-health.service",
    "costwarden-health.timer",
    "costwarden-hourly.service",
    "costwarden-hourly.timer",
];
/// The units of the account of [`CONFIG`].
const NAMES: [&str; 6] = [
    "costwarden-suite-daily.service",
    "costwarden-suite-daily.timer",
    "costwarden-suite-health.service",
    "costwarden-suite-health.timer",
    "costwarden-suite-hourly.service",
    "costwarden-suite-hourly.timer",
];

/// `systemd-analyze`; `None` if absent.
fn systemd_analyze() -> Option<Command> {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        skipped("systemd-analyze is absent; it is in the Debian package systemd");
        return None;
    }
    Some(Command::new("systemd-analyze"))
}

fn install(workdir: &Workdir) {
    std::fs::create_dir_all(workdir.path().join("units")).expect("a folder");
    let run = workdir.run(&["schedule", "install", "--systemd", "--dir", "units", "--user", "root"]).expect(0);
    assert!(run.stdout.starts_with("the units are written\nto start them: systemctl daemon-reload && "), "{run:?}");
}

#[test]
fn units_are_written_shown_and_removed() {
    let workdir = Workdir::new(CONFIG);
    workdir.run(&["schedule", "show", "--systemd", "--dir", "units"]).expect(1);
    install(&workdir);
    let again = workdir.run(&["schedule", "install", "--systemd", "--dir", "units", "--user", "root"]).expect(0);
    assert!(again.stdout.starts_with("the units are as they should be already\n"), "{again:?}");
    let shown = workdir.run(&["schedule", "show", "--systemd", "--dir", "units"]).expect(0).stdout;
    let mut names: Vec<_> = shown.lines().filter_map(|line| line.strip_prefix("units/")).collect();
    names.sort_unstable();
    assert_eq!(names, NAMES);
    workdir.run(&["schedule", "remove", "--systemd", "--dir", "units"]).expect(0);
    assert_eq!(std::fs::read_dir(workdir.path().join("units")).expect("the folder").count(), 0);
}

#[test]
fn systemd_finds_nothing_wrong_with_them() {
    let Some(mut verify) = systemd_analyze() else { return };
    let workdir = Workdir::new(CONFIG);
    install(&workdir);
    let units = NAMES.map(|name| workdir.path().join("units").join(name));
    let checked = run(verify.args(["verify", "--man=no", "--recursive-errors=no"]).args(units));
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{checked:?}");

    // It does find what is wrong.
    let broken = shipped("costwarden-daily.timer").replace("*:10:00", "25:10:00");
    workdir.write("units/broken.timer", &broken);
    let mut verify = systemd_analyze().expect("as before");
    let checked = run(verify.args(["verify", "--man=no"]).arg(workdir.path().join("units/broken.timer")));
    assert!(checked.code != 0 || checked.stderr.contains("OnCalendar"), "{checked:?}");
}

#[test]
fn systemd_rates_them_as_hardened() {
    if systemd_analyze().is_none() {
        return;
    }
    let workdir = Workdir::new(CONFIG);
    // Under a user that is not root; the file's name is its unit's.
    std::fs::create_dir_all(workdir.path().join("units")).expect("a folder");
    workdir.run(&["schedule", "install", "--systemd", "--dir", "units"]).expect(0);
    for task in ["daily", "hourly", "health"] {
        let unit = workdir.path().join(format!("units/costwarden-suite-{task}.service"));
        let mut security = systemd_analyze().expect("as before");
        // 10 is no protection at all, 0 the most.
        let rated = run(security.args(["security", "--offline=yes", "--threshold=25", "--no-pager"]).arg(unit));
        assert_eq!(rated.code, 0, "{}\n{}", rated.stdout, rated.stderr);
    }
}

#[test]
fn the_shipped_units_equal_the_generated_units() {
    let workdir = Workdir::new(CONFIG);
    let config = costwarden_tests::repository().join("config/costwarden.toml");
    let config = std::fs::read_to_string(config).expect("the config");
    let package = "# env_file = \"/etc/costwarden/environment\"";
    assert!(config.contains(package));
    workdir.write("shipped.toml", &config.replace(package, "env_file = \"environment\""));
    workdir.write(
        "environment",
        "KAKAO_CREDENTIAL_ID=a\nKAKAO_CREDENTIAL_SECRET=a\nS3_ACCESS_KEY=a\nS3_SECRET_KEY=a\nMONGODB_URI=mongodb://a\n",
    );
    let args = ["schedule", "install", "--systemd", "--dry-run", "--config"];
    let config = workdir.path().join("shipped.toml").display().to_string();
    let told = workdir.run(&[&args[..], &[&config]].concat()).expect(0).stdout;
    let told = told
        .replace(costwarden_tests::binary(), "/usr/bin/costwarden")
        .replace(&config, "/etc/costwarden/costwarden.toml")
        // This repository may be in somebody's home.
        .replace("ProtectHome=read-only", "ProtectHome=yes");
    for name in SHIPPED {
        let text = shipped(name);
        assert!(told.contains(&format!("# {name}\n{text}")), "{name} is not what this writes:\n{told}");
    }
}

/// A Python program: applies the restriction of `MemoryDenyWriteExecute` to its process and executes another program.
/// Exit code 77 means that the kernel has no such restriction.
const DENY: &str = "import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0): sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])";

#[test]
fn detectors_need_memory_that_was_written_and_is_executable() {
    let workdir = Workdir::new(CONFIG);
    workdir.run(&["check"]).expect(0);
    let mut command = Command::new("python3");
    command.args(["-c", DENY, costwarden_tests::binary(), "check"]).current_dir(workdir.path());
    let denied = run(&mut command);
    if denied.code == 77 {
        skipped("this kernel does not know PR_SET_MDWE");
        return;
    }
    let denied = denied.expect(2);
    assert!(denied.stderr.contains("unable to make memory executable"), "{denied:?}");
}
