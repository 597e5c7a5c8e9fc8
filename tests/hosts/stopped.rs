//! SIGTERM and SIGINT end a run after the current step, and the next run continues.

use mongodb::bson::doc;
use rustix::process::Signal;

use crate::single_server::SingleServer;
use crate::state::{assert_same, state};
use crate::two_hosts::{Host, LEASE, NEXT, TwoHosts, learned, quiet, rows};
use costwarden_tests::mongo::Mongo;

/// A long lease: a stopped run releases the lease.
const LONG: &str = "[lease]\nseconds = 600\nwait_seconds = 5\n";

#[test]
fn a_stopped_run_gives_back_its_turn_and_the_next_goes_on() {
    let Some(mongo) = Mongo::new() else { return };
    let mut bills = quiet();
    bills.insert(NEXT, rows("1500.25", "2000"));
    let history = learned(mongo, &bills);
    let daily = ["daily", "--date=2026-10-19"];
    let alone = TwoHosts::new(history.mongo.copied(), &bills, LONG);
    alone.run(Host::A, &daily).expect(0);
    let (documents, lines) = (state(&alone.mongo), alone.heard());
    for (signal, step) in [(Signal::TERM, "written"), (Signal::INT, "anomalies"), (Signal::TERM, "stored")] {
        let hosts = TwoHosts::new(history.mongo.copied(), &bills, LONG);
        let mut first = hosts.start(Host::A, &daily, &format!("pause:{step}"));
        first.until_paused();
        first.signal(signal);
        first.signal(Signal::CONT);
        let first = first.end().expect(2);
        assert!(first.stderr.contains("stopped by a signal; the next run resumes the job"), "{step}: {first:?}");
        let run = hosts.mongo.find("job_runs", doc! { "job": "daily", "period": "20261019" });
        assert_eq!(run[0].get_str("outcome"), Ok("stopped"), "{step}");
        hosts.run(Host::B, &daily).expect(0);
        assert_same(&documents, &state(&hosts.mongo), step);
        assert_eq!(hosts.heard(), lines, "{step}");
    }
}

/// A step can take a minute with a silent server: a second signal ends the run at once.
#[test]
fn a_second_signal_ends_a_run_in_the_middle_of_a_step() {
    let Some(mut server) = SingleServer::new() else { return };
    let mut bills = quiet();
    bills.insert(NEXT, rows("1500.25", "2000"));
    let history = learned(Mongo::at(&server.uri()), &bills);
    let daily = ["daily", "--date=2026-10-19"];
    let alone = TwoHosts::new(history.mongo.copied(), &bills, LEASE);
    alone.run(Host::A, &daily).expect(0);
    let (documents, lines) = (state(&alone.mongo), alone.heard());

    for signals in [[Signal::TERM, Signal::TERM], [Signal::INT, Signal::TERM]] {
        let hosts = TwoHosts::new(history.mongo.copied(), &bills, LEASE);
        let mut run = hosts.start(Host::A, &daily, "pause:anomalies");
        run.until_paused();
        server.signal(Signal::STOP);
        run.signal(Signal::CONT);
        run.signal(signals[0]);
        run.until_says("asked to stop: the run ends after this step");
        run.signal(signals[1]);
        let run = run.end();
        server.restore();
        let run = run.expect(2);
        assert!(!run.stderr.contains("failed: ") && run.stdout.is_empty(), "it said no more: {run:?}");
        hosts.run(Host::B, &daily).expect(0);
        assert_same(&documents, &state(&hosts.mongo), "ended at once");
        assert_eq!(hosts.heard(), lines);
    }
}
