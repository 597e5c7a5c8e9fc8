//! A backfill sends no notifications, resumes after an interruption, and has the same result.

use std::path::Path;
use std::time::Duration;

use super::simulated_bill::{MYSQL, PLAIN_RULE, Setup, SimulatedBill, TODAY, ago};
use costwarden_tests::{Simulator, binary};

const SPIKES: [&str; 3] = ["2026-10-20T00:00:00", "2026-11-02T00:00:00", "2026-11-19T00:00:00"];

fn simulated() -> SimulatedBill {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, ..Setup::default() });
    for from in SPIKES {
        simulated.hide(MYSQL, "spike", from, r#","factor":4"#);
    }
    simulated
}

/// Counts raw documents below a folder.
fn archived(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |path: &Path| match path.is_dir() {
        true => archived(path),
        false => usize::from(path.extension().is_some_and(|extension| extension == "json")),
    };
    entries.map(|entry| count(&entry.expect("an entry").path())).sum()
}

/// Waits for a number of raw documents.
fn wait_for(documents: usize, folder: &Path) {
    for _ in 0..6_000 {
        if archived(folder) >= documents {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("there are only {} documents after a minute", archived(folder));
}

#[test]
fn it_says_what_it_did_and_alerts_nobody() {
    let simulated = simulated();
    let run = simulated.run(&["backfill", "--from", "2026-08-25", "--to", "20261121"]).expect(0);
    assert!(!run.stdout.contains("[BILLING"), "{}", run.stdout);
    let (table, summary) = run.stdout.trim_end().rsplit_once('\n').expect("a table and a line");
    assert!(summary.starts_with("backfill 20260825-20261121 done: "), "{summary}");
    assert!(summary.contains(" 3 findings, 0 notices"), "{summary}");
    assert_eq!(table.matches(MYSQL).count(), 3, "{table}");
}

#[test]
fn it_tells_people_where_that_is_asked_for() {
    let simulated = simulated();
    let told = simulated.told(&["backfill", "--from", "2026-08-25", "--to", "2026-11-21", "--alert"]).expect(0);
    let kinds: Vec<&str> = told.lines.iter().map(|line| &line[..line.find(']').expect("a name") + 1]).collect();
    assert_eq!(kinds, ["[BILLING_ANOMALY]", "[BILLING_RESOLVED]"].repeat(SPIKES.len()), "{told:#?}");
}

#[test]
fn it_goes_on_where_it_was_killed_and_ends_up_the_same() {
    let (killed, whole) = (simulated(), simulated());
    let span = ["backfill", "--from", "2026-08-25", "--to", "2026-11-22"];
    killed.fault(r#"{"slowMs":700}"#);
    let mut child = killed.workdir.command(&span, &[Simulator::ENV]).spawn().expect("the binary starts");
    // Eight days are fetched at a time: with the ninth document, eight days are done with.
    wait_for(9, &killed.workdir.path().join("archive"));
    let locked = killed.run(&["anomalies", "list"]).expect(2);
    let file = killed.workdir.path().join("state/costwarden.redb");
    let user = format!("process {} ({} {})", child.id(), binary(), span.join(" "));
    let expected = format!("failed: {}: {user} is using it; wait until that has ended\n", file.display());
    assert_eq!(locked.stderr, expected);
    child.kill().expect("it still runs");
    assert_eq!(child.wait().expect("ended").code(), None, "it was killed before it was done");

    killed.fault("{}");
    let told = killed.told(&span).expect(0);
    let done = told.count("resumed_after_days");
    assert!((8..90).contains(&done) && done.is_multiple_of(8), "{told:#?}");
    assert_eq!((told.count("calls"), told.count("days")), (90 - done, 90 - done));
    assert_eq!(told.lines, [] as [String; 0]);

    let once = whole.told(&span).expect(0);
    assert_eq!((once.count("calls"), once.count("resumed_after_days")), (90, 0));
    for simulated in [&killed, &whole] {
        simulated.day(TODAY).expect(0);
    }
    let services = ["virtual-machine", "object-storage", "mysql"];
    for service in services {
        let key = format!("dom-01/prj-01/{service}");
        let days = |simulated: &SimulatedBill| simulated.documents(&["series", "show", "--series", &key]);
        assert_eq!(days(&killed).len(), 91);
        assert_eq!(days(&killed), days(&whole), "{service}");
    }
    let anomalies = |simulated: &SimulatedBill| simulated.documents(&["anomalies", "list"]);
    assert_eq!(anomalies(&killed).len(), SPIKES.len());
    assert_eq!(anomalies(&killed), anomalies(&whole));
}

/// A second backfill of the same days evaluates again and leaves the same documents.
#[test]
fn a_second_one_changes_nothing() {
    let simulated = simulated();
    let state =
        || (simulated.documents(&["series", "show", "--series", MYSQL]), simulated.documents(&["anomalies", "list"]));
    simulated.load(ago(60), ago(1)).expect(0);
    let before = state();
    let again = simulated.load(ago(60), ago(1)).expect(0);
    assert_eq!((again.count("calls"), again.count("archived")), (60, 0), "unchanged documents are not written again");
    assert_eq!(state(), before);
}
