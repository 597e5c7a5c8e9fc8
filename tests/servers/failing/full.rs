//! A full disk: work without the disk continues, the rest is reported with its folder, and no data is lost.

use std::fs;

use super::disk::Disk;
use super::quiet_month::{DAILY, HISTORY, break_archive, mend_archive, remembered, workdir};
use costwarden_tests::service;

const EMBEDDED: &str = "[store]\nkind = \"embedded\"\n";
const METRICS: &str = "[metrics]\ntextfile = \"costwarden.prom\"\n";

/// The `[store]` table for a new database.
fn mongodb(name: &str) -> Option<String> {
    let uri = service("COSTWARDEN_TEST_MONGODB")?;
    Some(format!("[store]\nkind = \"mongodb\"\nuri = {uri:?}\ndatabase = \"failing-{}-{name}\"\n", std::process::id()))
}

#[test]
fn a_run_with_a_store_elsewhere_does_all_but_keep_its_figures() {
    let (Some(store), Some(other)) = (mongodb("elsewhere"), mongodb("unlimited")) else { return };
    let (workdir, unlimited) = (workdir(&store, METRICS), super::quiet_month::workdir(&other, METRICS));
    let Some(disk) = Disk::new(&workdir, "1m") else { return };
    disk.fill();
    let history = disk.run(&HISTORY).expect(1);
    assert!(history.stderr.contains("a compiled plugin is not stored"), "it is compiled anew each time: {history:?}");
    let daily = disk.run(&DAILY).expect(1);
    let report = daily.report();
    assert_eq!(report["counts"]["verdicts"], 401, "{report:#}");
    let problems = report["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 1, "{report:#}");
    let problem = problems[0].as_str().expect("a text");
    assert!(problem.contains("state/metrics") && problem.contains("No space left on device"), "{problem}");
    // The textfile lies elsewhere, and shows that the disk is full.
    let figures = || fs::read_to_string(workdir.path().join("costwarden.prom")).expect("figures");
    for line in [
        "costwarden_state_filesystem_avail_bytes 0\n",
        "costwarden_problems{job_name=\"daily\"} 0\n",
        "costwarden_last_success_timestamp_seconds{job_name=\"daily\"} ",
    ] {
        assert!(figures().contains(line), "{line} {}", figures());
    }
    assert!(!figures().contains("costwarden_runs_total{"), "what is not kept is not counted: {}", figures());

    unlimited.run(&HISTORY).expect(0);
    unlimited.run(&DAILY).expect(0);
    assert_eq!(remembered(|args| disk.run(args)), remembered(|args| unlimited.run(args)), "nothing is lost");

    disk.make_room();
    disk.run(&DAILY).expect(0);
    assert!(figures().contains("costwarden_runs_total{job_name=\"daily\",outcome=\"done\"} 1\n"), "{}", figures());
    assert!(disk.path("compiled").read_dir().expect("a folder").count() > 0);
}

#[test]
fn a_bill_that_neither_archive_nor_spool_takes_is_not_summed() {
    let Some(store) = mongodb("nowhere") else { return };
    let workdir = workdir(&store, "");
    let Some(disk) = Disk::new(&workdir, "1m") else { return };
    disk.run(&HISTORY).expect(0);
    let before = remembered(|args| disk.run(args));
    disk.fill();
    break_archive(&workdir);
    let run = disk.run(&DAILY).expect(2);
    let error = run.report()["error"].as_str().expect("why").to_owned();
    for part in [
        "the bill of 2026-10-19 was not evaluated, because its raw document could not be stored; archive: cannot ",
        "; spool: cannot write ",
        "state/spool/",
        "No space left on device",
        "check that the folder exists, is writable and has space",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(remembered(|args| disk.run(args)), before);

    // With room it is spooled, and with an archive it is uploaded.
    disk.make_room();
    let spooled = disk.run(&DAILY).expect(1).report();
    assert_eq!(
        (&spooled["counts"]["spooled"], &spooled["counts"]["verdicts"]),
        (&1.into(), &401.into()),
        "{spooled:#}"
    );
    mend_archive(&workdir);
    let drained = disk.run(&DAILY).expect(0).report();
    assert_eq!(drained["counts"]["unspooled"], 1, "{drained:#}");
}

/// A partially written textfile never replaces the previous one.
#[test]
fn a_textfile_that_cannot_be_written_keeps_what_it_said() {
    let workdir = workdir(
        "[store]\nkind = \"embedded\"\npath = \"elsewhere.redb\"\n",
        "[metrics]\ntextfile = \"state/figures/costwarden.prom\"\n",
    );
    let Some(disk) = Disk::new(&workdir, "1m") else { return };
    fs::create_dir(disk.path("figures")).expect("a folder");
    disk.run(&HISTORY).expect(0);
    let before = fs::read_to_string(disk.path("figures/costwarden.prom")).expect("figures");
    disk.fill();
    let report = disk.run(&DAILY).expect(1).report();
    let told = report["problems"].to_string();
    assert!(told.contains("No space left on device"), "{report:#}");
    assert_eq!(fs::read_to_string(disk.path("figures/costwarden.prom")).expect("figures"), before);
    disk.make_room();
    disk.run(&DAILY).expect(0);
    let after = fs::read_to_string(disk.path("figures/costwarden.prom")).expect("figures");
    assert!(after != before && after.contains("costwarden_runs_total{"), "{after}");
    let left: Vec<_> = fs::read_dir(disk.path("figures")).expect("a folder").collect();
    assert_eq!(left.len(), 1, "no half file is left: {left:?}");
}

#[test]
fn an_embedded_store_that_is_full_is_whole_and_goes_on_when_there_is_room() {
    let (workdir, unlimited) = (workdir(EMBEDDED, ""), super::quiet_month::workdir(EMBEDDED, ""));
    let Some(disk) = Disk::new(&workdir, "16m") else { return };
    disk.run(&HISTORY).expect(0);
    let before = remembered(|args| disk.run(args));
    disk.fill();
    for _ in 0..2 {
        let run = disk.run(&DAILY).expect(2);
        let error = format!("{}{}", run.stdout, run.stderr);
        assert!(error.contains("costwarden.redb: ") && error.contains("No space left on device"), "{error}");
        assert!(error.contains("free space on the disk"), "it says what to do: {error}");
        assert_eq!(remembered(|args| disk.run(args)), before, "it is what it was");
    }
    disk.make_room();
    disk.run(&DAILY).expect(0);
    unlimited.run(&HISTORY).expect(0);
    unlimited.run(&DAILY).expect(0);
    assert_eq!(remembered(|args| disk.run(args)), remembered(|args| unlimited.run(args)));
}
