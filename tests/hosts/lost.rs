//! The only mongod stops or is killed within a run: the run fails in time with a message, and the next run completes
//! the job. Confirmed writes survive, and no notification is sent twice.

use rustix::process::Signal;

use crate::single_server::SingleServer;
use crate::state::{State, assert_same, state};
use crate::two_hosts::{Host, NEXT, TwoHosts, learned, many, quiet, rows};
use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay::Bills;

/// A lease that the next run waits for.
const LEASE: &str = "[lease]\nseconds = 6\nwait_seconds = 60\n";
const ANSWER: &str = "timeout_seconds = 1\n";

const DAILY: [&str; 2] = ["daily", "--date=2026-10-19"];

/// Failpoints from the bill to the end: before any write, within a bulk write, between dependent writes, between a
/// receiver and its mark, and within the training.
const STEPS: [&str; 8] =
    ["fetched", "archived", "writing:2", "written", "anomalies", "stored", "delivered", "training"];

struct LostServer {
    history: TwoHosts,
    bills: Bills,
    documents: State,
    lines: Vec<String>,
    // Dropped last: databases are dropped on it.
    server: SingleServer,
}

impl LostServer {
    fn new() -> Option<Self> {
        let server = SingleServer::new()?;
        let mut bills = quiet();
        bills.insert(NEXT, [rows("1500.25", "2000"), many()].concat());
        let history = learned(Mongo::at(&server.uri()), &bills);
        let alone = TwoHosts::new(history.mongo.copied(), &bills, LEASE);
        alone.run(Host::A, &DAILY).expect(0);
        let (documents, lines) = (state(&alone.mongo), alone.heard());
        assert!(lines.len() > 2, "it matters who is told: {lines:#?}");
        Some(Self { history, bills, documents, lines, server })
    }

    /// Loses the server at a step and restores the server after the run. The run ends with one of the errors: the time
    /// limits of the driver and of the store pass at the same time.
    fn lose(&mut self, signal: Signal, step: &str, errors: &[&str]) {
        let what = format!("{signal:?} at {step}");
        let copy = self.history.mongo.copied().by(&self.server.impatient_uri(), ANSWER);
        let hosts = TwoHosts::new(copy, &self.bills, LEASE);
        let mut first = hosts.start(Host::A, &DAILY, &format!("pause:{step}"));
        first.until_paused();
        match signal {
            Signal::KILL => self.server.kill(),
            other => self.server.signal(other),
        }
        first.signal(Signal::CONT);
        let first = first.end();
        self.server.restore();
        let first = first.expect(2);
        let why: Vec<&str> = first.stderr.lines().filter(|line| line.starts_with("failed: ")).collect();
        assert!(why.len() == 1 && errors.iter().any(|error| why[0].contains(error)), "{what}: {first:?}");
        let before = hosts.heard();

        // The second host is not what is tested: a busy machine may take longer than a second to answer.
        hosts.configure(Host::B, ANSWER, "");
        hosts.configure(Host::B, &self.server.impatient_uri(), &self.server.uri());
        hosts.run(Host::B, &DAILY).expect(0);
        let after = hosts.heard();
        // A held-up server still applies the write that was on its way, so this write is stored or lost: here the count
        // of the failure, ...
        hosts.mongo.assert_no_failures(&what);
        assert_same(&self.documents, &state(&hosts.mongo), &what);
        if step == "delivered" {
            // ... and here the mark of the accepted line. Without the mark the second host sends the line again.
            assert_eq!(before, self.lines[..1], "{what}");
            assert!(after == self.lines || after == self.lines[1..], "{what}: {after:#?}");
        } else {
            let told = [before, after].concat();
            assert_eq!(told, self.lines, "{what}");
        }
    }
}

#[test]
fn a_server_that_is_held_up_is_given_up_and_the_next_run_makes_it_good() {
    let Some(mut case) = LostServer::new() else { return };
    for step in STEPS {
        case.lose(Signal::STOP, step, &["did not answer (no answer within 1 s)"]);
    }
}

#[test]
fn a_server_that_is_killed_is_named_and_the_next_run_makes_it_good() {
    let Some(mut case) = LostServer::new() else { return };
    for step in ["fetched", "writing:2", "anomalies", "stored", "delivered", "training"] {
        case.lose(
            Signal::KILL,
            step,
            &["no MongoDB server answered at 127.0.0.1:", "did not answer (no answer within 1 s)"],
        );
    }
}
