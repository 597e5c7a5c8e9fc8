//! The config, the rules, the store, the archive and the disk.

use std::process::{Command, Stdio};

use super::installation::{EMBEDDED, Installation, WELL};
use costwarden_tests::{run, skipped};

#[test]
fn a_config_that_is_none_is_critical() {
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    installation.configure("[rules]", "[rulez]");
    let run = installation.at(WELL, &["health", "--brief"]).expect(2);
    assert!(run.stdout.starts_with("COSTWARDEN CRITICAL - config: "), "{run:?}");
    assert!(run.stdout.contains("/costwarden.toml:1: rules: is missing"), "{run:?}");
    assert!(run.stdout.ends_with(" (`costwarden check` lists more)\n"), "{run:?}");
}

#[test]
fn rules_and_plugins_that_do_not_load_are_told() {
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    installation
        .workdir
        .write("rules/more.toml", "[[rule]]\nid = \"more\"\nwhy = \"w\"\ndetector = \"absent\"\nseries = \"daily\"\n");
    installation.expect(WELL, "rules", "WARNING", "rule more: detector: ");
    installation.workdir.write("plugins.lock", "version = 1\n");
    installation.expect(WELL, "rules", "CRITICAL", "no rule can run: ");
}

#[test]
fn an_archive_that_is_away_is_critical_and_its_spool_is_counted() {
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    let archive = installation.workdir.path().join("archive");
    let aside = installation.workdir.path().join("aside");
    std::fs::rename(&archive, &aside).expect("moved");
    std::fs::write(&archive, "in the way").expect("written");
    installation.bill.set_now("2026-11-23T11:10:00+09:00");
    installation.at("2026-11-23 02:10:00", &["hourly"]).expect(1);
    let told = format!("cannot write into {}: ", archive.display());
    installation.expect("2026-11-23 02:11:00", "archive", "CRITICAL", &told);
    installation.expect("2026-11-23 02:11:00", "spool", "WARNING", "1 document waits in the spool: ");
    installation.expect("2026-11-23 02:11:00", "hourly outcome", "WARNING", "degraded: ");
    std::fs::remove_file(&archive).expect("removed");
    std::fs::rename(&aside, &archive).expect("moved back");
    installation.expect("2026-11-23 02:11:00", "archive", "OK", "reached");
    installation.bill.set_now("2026-11-23T12:10:00+09:00");
    installation.at("2026-11-23 03:10:00", &["hourly"]).expect(0);
    installation.expect("2026-11-23 03:11:00", "spool", "OK", "empty");
}

#[test]
fn a_store_that_is_away_is_critical() {
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    installation.workdir.write("state/costwarden.redb", "not a database");
    installation.expect(WELL, "store", "CRITICAL", "costwarden.redb: ");
    let port = costwarden_tests::free_port();
    installation.configure(EMBEDDED, &format!("[store]\nkind = \"mongodb\"\nuri = \"mongodb://127.0.0.1:{port}\"\n"));
    installation.expect(WELL, "store", "CRITICAL", "no MongoDB server answered at ");
}

#[test]
fn a_disk_that_is_full_is_critical() {
    let mut may = Command::new("unshare");
    may.args(["--mount", "--propagation", "private", "true"]).stderr(Stdio::null());
    if !may.status().is_ok_and(|status| status.success()) {
        skipped("a small disk of one's own needs root");
        return;
    }
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    // A disk of a megabyte in place of the state's, with so many kilobytes on it.
    const DISK: &str = "mount -t tmpfs -o size=1m tmpfs state && head -c $0k /dev/zero >state/full && exec \"$@\"";
    for (kilobytes, state) in [("100", "OK"), ("870", "WARNING"), ("960", "CRITICAL")] {
        let health = installation.command(WELL, &["health", "--json"]);
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", DISK, kilobytes]).arg(health.get_program());
        command.args(health.get_args()).current_dir(installation.workdir.path());
        command.envs(health.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let report = run(&mut command).report();
        let checks = report["checks"].as_array().expect("checks");
        let disk = checks.iter().find(|check| check["name"] == "disk").expect("a disk");
        assert_eq!(disk["state"], state, "{disk}");
    }
}
