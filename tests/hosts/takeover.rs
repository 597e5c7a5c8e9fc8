//! The wait after the death of a host: one lease, by the clock of the server.

use mongodb::bson::{DateTime, Document, doc};
use rustix::process::Signal;

use crate::state::{assert_same, state};
use crate::two_hosts::{Host, NEXT, Running, TwoHosts, learned, quiet, rows};
use costwarden_tests::mongo::Mongo;
use costwarden_tests::service;
use costwarden_tests::until;

const SECONDS: u64 = 6;
const LEASE: &str = "[lease]\nseconds = 6\nwait_seconds = 60\n";

fn writer(hosts: &TwoHosts) -> Document {
    hosts.mongo.find("job_runs", doc! { "job": "writer" }).remove(0)
}

fn time(document: &Document, field: &str) -> DateTime {
    *document.get_datetime(field).unwrap_or_else(|error| panic!("{field}: {error}: {document}"))
}

#[test]
fn a_standby_takes_over_within_one_lease_of_the_last_that_was_heard() {
    takes_over(TwoHosts::start);
}

/// By its own clock each host would see the other's lease expired for a day, or valid for another day.
#[test]
fn clocks_of_hosts_that_differ_by_days_change_nothing() {
    let Some(faketime) = service("COSTWARDEN_TEST_FAKETIME") else { return };
    for (first, standby) in [("-1d", "+1d"), ("+1d", "-1d")] {
        takes_over(|hosts, host, args, rehearsal| {
            let offset = if let Host::A = host { first } else { standby };
            hosts.start_at(&faketime, offset, host, args, rehearsal)
        });
    }
}

fn takes_over(start: impl Fn(&TwoHosts, Host, &[&str], &str) -> Running) {
    let Some(mongo) = Mongo::new() else { return };
    let mut bills = quiet();
    bills.insert(NEXT, rows("1500.25", "2000"));
    let history = learned(mongo, &bills);
    let daily = ["daily", "--date=2026-10-19", "--once"];
    let alone = TwoHosts::new(history.mongo.copied(), &bills, LEASE);
    alone.run(Host::A, &daily).expect(0);
    let (documents, lines) = (state(&alone.mongo), alone.heard());

    let hosts = TwoHosts::new(history.mongo.copied(), &bills, LEASE);
    let mut first = start(&hosts, Host::A, &daily, "pause:anomalies");
    first.until_paused();
    let standby = start(&hosts, Host::B, &daily, "");
    until("the standby waits", || writer(&hosts).get_str("wantedBy").is_ok());
    let held = writer(&hosts);
    let until_then = time(&held, "leaseUntil");
    assert!(held.get_str("owner").expect("an owner").contains(&format!(":{}:", first.pid().as_raw_nonzero())));
    first.signal(Signal::KILL);
    first.end().expect(-1);

    standby.end().expect(0);
    let taken = writer(&hosts);
    let missed = time(&taken, "leaseSince").timestamp_millis() - until_then.timestamp_millis();
    let missed = u64::try_from(missed).unwrap_or_else(|_| panic!("not before it has run out: {held} {taken}"));
    // Renewed for a whole length each time: what is over the expiry is over one lease since the last renewal.
    // A waiting host polls after a twentieth of the lease; a busy machine may take longer, but never another lease.
    assert!(missed < SECONDS * 1_000, "{missed} ms over {SECONDS} s: {held} {taken}");
    eprintln!("taken over {missed} ms after the lease had run out, {SECONDS} s after it was last renewed");
    let run = hosts.mongo.find("job_runs", doc! { "job": "daily", "period": "20261019" }).remove(0);
    assert_eq!(run.get_str("owner"), taken.get_str("owner"), "the standby did the job: {run}");
    assert_same(&documents, &state(&hosts.mongo), "taken over");
    assert_eq!(hosts.heard(), lines);
}
