//! A backfill sends no notifications, resumes after an interruption, and has the same result.

use super::simulated_bill::{MYSQL, PLAIN_RULE, Setup, SimulatedBill, TODAY, ago};
use costwarden_tests::{Simulator, binary, until_stopped};

const SPIKES: [&str; 3] = ["2026-10-20T00:00:00", "2026-11-02T00:00:00", "2026-11-19T00:00:00"];

fn simulated() -> SimulatedBill {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, ..Setup::default() });
    for from in SPIKES {
        simulated.hide(MYSQL, "spike", from, r#","factor":4"#);
    }
    simulated
}

#[test]
fn a_backfill_reports_anomalies_and_sends_no_notification() {
    let simulated = simulated();
    let run = simulated.run(&["backfill", "--from", "2026-08-25", "--to", "20261121"]).expect(0);
    assert!(!run.stdout.contains("[BILLING"), "{}", run.stdout);
    let (hint, summary) = run.stdout.trim_end().rsplit_once('\n').expect("two lines");
    assert!(summary.starts_with("backfill 20260825-20261121 done: "), "{summary}");
    assert!(summary.contains(" 3 anomalies, 0 notifications"), "{summary}");
    assert_eq!(hint, "costwarden anomalies list lists the anomalies, and costwarden incidents list the incidents");
    let table = simulated.run(&["anomalies", "list"]).expect(0).stdout;
    assert_eq!(table.matches("MySQL").count(), 3, "{table}");
}

#[test]
fn a_backfill_with_alert_sends_notifications() {
    let simulated = simulated();
    let told = simulated.told(&["backfill", "--from", "2026-08-25", "--to", "2026-11-21", "--alert"]).expect(0);
    let kinds: Vec<&str> = told.lines.iter().map(|line| &line[..line.find(']').expect("a name") + 1]).collect();
    assert_eq!(kinds, ["[BILLING_ANOMALY]", "[BILLING_RESOLVED]"].repeat(SPIKES.len()), "{told:#?}");
}

#[test]
fn a_killed_backfill_resumes_and_has_the_same_result() {
    let (killed, whole) = (simulated(), simulated());
    let span = ["backfill", "--from", "2026-08-25", "--to", "2026-11-22"];
    // Eight days are fetched at a time: with the ninth day, the first eight are done.
    let env = [Simulator::ENV, ("COSTWARDEN_FAILPOINT", "pause:written:9")];
    let mut child = killed.workdir.command(&span, &env).spawn().expect("the binary starts");
    until_stopped(&child);
    let locked = killed.run(&["anomalies", "list"]).expect(2);
    let file = killed.workdir.path().join("state/costwarden.redb");
    let user = format!("process {} ({} {})", child.id(), binary(), span.join(" "));
    let expected = format!("failed: {}: {user} is using the file; wait until that process ends\n", file.display());
    assert_eq!(locked.stderr, expected);
    child.kill().expect("it still runs");
    assert_eq!(child.wait().expect("ended").code(), None, "it was killed before it was done");

    let told = killed.told(&span).expect(0);
    let done = told.count("resumed_after_days");
    assert!((8..90).contains(&done) && done.is_multiple_of(8), "{told:#?}");
    assert_eq!((told.count("calls"), told.count("days")), (2 * (90 - done), 90 - done));
    assert_eq!(told.lines, [] as [String; 0]);

    let once = whole.told(&span).expect(0);
    assert_eq!((once.count("calls"), once.count("resumed_after_days")), (180, 0));
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
    assert_eq!((again.count("calls"), again.count("archived")), (120, 0), "unchanged documents are not written again");
    assert_eq!(state(), before);
}
