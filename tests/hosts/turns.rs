//! Two working hosts: each job is done once, a stopped host does no harm, and every wait ends.

use mongodb::bson::doc;
use rustix::process::Signal;

use crate::state::{assert_same, state};
use crate::two_hosts::{Host, LEASE, NEXT, TwoHosts, learned, quiet, rows};
use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay::Bills;
use costwarden_tests::until;

/// A lease longer than any pause of a test.
const LONG: &str = "[lease]\nseconds = 30\nwait_seconds = 60\n";

fn bills() -> Bills {
    let mut bills = quiet();
    bills.insert(NEXT, rows("1500.25", "2000"));
    bills
}

/// Two hosts with the history, and the result of a single host.
fn case(lease: &str) -> Option<(TwoHosts, crate::state::State, Vec<String>)> {
    let history = learned(Mongo::new()?, &bills());
    let alone = TwoHosts::new(history.mongo.copied(), &bills(), lease);
    alone.run(Host::A, &daily()).expect(0);
    let (documents, lines) = (state(&alone.mongo), alone.heard());
    assert_eq!(lines.len(), 3, "{lines:#?}");
    Some((TwoHosts::new(history.mongo.copied(), &bills(), lease), documents, lines))
}

fn daily() -> [&'static str; 2] {
    ["daily", "--date=2026-10-19"]
}

#[test]
fn of_two_hosts_at_the_same_time_one_works_and_the_other_says_so() {
    let Some((hosts, documents, lines)) = case(LONG) else { return };
    let mut first = hosts.start(Host::A, &daily(), "pause:anomalies");
    first.until_paused();
    let second = hosts.start(Host::B, &daily(), "");
    // It waits, while the first is held up for less than its lease lasts.
    until("the second host asks for its turn", || {
        !hosts.mongo.find("job_runs", doc! { "job": "writer", "wantedBy": { "$ne": null } }).is_empty()
    });
    first.signal(Signal::CONT);
    let (first, second) = (first.end(), second.end());
    first.expect(0);
    let second = second.expect(0);
    assert!(second.stdout.contains("daily 20261019 done: completed by "), "{second:?}");
    assert_same(&documents, &state(&hosts.mongo), "both at once");
    assert_eq!(hosts.heard(), lines);
    let again = hosts.run(Host::B, &["daily", "--date=2026-10-19", "--once"]).expect(0);
    assert!(again.stdout.contains(" done: completed by "), "what cron asks for is done once: {again:?}");
    let redone = hosts.run(Host::B, &daily()).expect(0);
    assert!(redone.stdout.contains(" 3 series, "), "a person may have it done again: {redone:?}");
    assert_same(&documents, &state(&hosts.mongo), "done again");
    assert_eq!(hosts.heard(), [""; 0]);
}

/// A pause longer than the lease: the other host takes over, and the paused host notifications.
#[test]
fn a_host_that_was_held_up_stops_when_another_has_taken_over() {
    let Some((hosts, documents, lines)) = case(LEASE) else { return };
    for step in ["fetched", "written", "anomalies", "stored"] {
        let hosts = TwoHosts::new(hosts.mongo.copied(), &bills(), LEASE);
        let mut first = hosts.start(Host::A, &daily(), &format!("pause:{step}"));
        first.until_paused();
        hosts.run(Host::B, &daily()).expect(0);
        assert_eq!(hosts.heard(), lines, "{step}");
        first.signal(Signal::CONT);
        let first = first.end().expect(2);
        assert!(first.stderr.contains("another host took over the lease of writer all"), "{step}: {first:?}");
        assert_same(&documents, &state(&hosts.mongo), step);
        assert_eq!(hosts.heard(), [""; 0], "{step}: nothing is told twice");
    }
}

#[test]
fn an_hourly_run_has_its_turn_in_the_middle_of_a_backfill() {
    let Some(mongo) = Mongo::new() else { return };
    let history = learned(mongo, &bills());
    let hosts = TwoHosts::new(history.mongo.copied(), &bills(), LONG);
    hosts.hour(NEXT, 10, &rows("1500.25", "100"));
    let span = ["backfill", "--from=2026-09-21", "--to=2026-10-19"];
    // In the second of four chunks of days.
    let mut backfill = hosts.start(Host::A, &span, "pause:written:10");
    backfill.until_paused();
    let hourly = hosts.start(Host::B, &["hourly", "--at=2026-10-19T10:10"], "");
    until("the hourly run asks for its turn", || {
        !hosts.mongo.find("job_runs", doc! { "job": "writer", "wantedBy": { "$ne": null } }).is_empty()
    });
    backfill.signal(Signal::CONT);
    hourly.end().expect(0);
    let of_backfill = hosts.mongo.find("job_runs", doc! { "job": "backfill", "period": "20260921-20261019" });
    let reached = of_backfill[0].get_str("through").expect("a day").to_owned();
    backfill.end().expect(0);
    assert!(reached.as_str() < "20261019", "it had its turn before the end: {reached}");
}

#[test]
fn a_host_that_waits_too_long_names_the_owner_of_the_lease() {
    let Some((hosts, ..)) = case("[lease]\nseconds = 30\nwait_seconds = 0\n") else { return };
    let mut first = hosts.start(Host::A, &daily(), "pause:written");
    first.until_paused();
    let second = hosts.run(Host::B, &daily()).expect(2);
    let says = format!(":{}:", first.pid().as_raw_nonzero());
    assert!(second.stderr.contains(&says) && second.stderr.contains("lease.wait_seconds"), "{second:?}");
    first.signal(Signal::CONT);
    first.end().expect(0);
}

/// Two hosts do not backfill the same days at the same time.
#[test]
fn a_backfill_is_done_by_one_host() {
    let Some(mongo) = Mongo::new() else { return };
    let hosts = TwoHosts::new(mongo, &bills(), LONG);
    let span = ["backfill", "--from=2026-09-21", "--to=2026-10-19"];
    let mut first = hosts.start(Host::A, &span, "pause:fetched:12");
    first.until_paused();
    let second = hosts.start(Host::B, &span, "");
    until("the second host asks for the days", || {
        !hosts.mongo.find("job_runs", doc! { "job": "backfill", "wantedBy": { "$ne": null } }).is_empty()
    });
    first.signal(Signal::CONT);
    first.end().expect(0);
    let second = second.end().expect(0);
    assert!(second.stdout.contains("backfill 20260921-20261019 done: completed by "), "{second:?}");
}
