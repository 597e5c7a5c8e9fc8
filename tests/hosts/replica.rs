//! The primary of a replica set stops or is killed within a run: the run continues on the next primary, or fails in
//! time and the next run completes the job. Nothing is lost or doubled, and the return of the old primary changes
//! nothing.

use rustix::process::Signal;

use crate::state::{State, assert_same, state};
use crate::two_hosts::{Host, LEASE, NEXT, TwoHosts, learned, many, quiet, rows};
use costwarden_tests::Run;
use costwarden_tests::members::{Members, QUICK};
use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay::Bills;

/// A lease longer than an election.
const LONG: &str = "[lease]\nseconds = 30\nwait_seconds = 60\n";

const ANSWER: &str = "timeout_seconds = 2\n";

const DAILY: [&str; 2] = ["daily", "--date=2026-10-19"];

/// A replica set, a database with the quiet weeks, and the result of an undisturbed daily run.
struct ReplicaSetCase {
    history: TwoHosts,
    bills: Bills,
    documents: State,
    lines: Vec<String>,
    // Dropped last: databases are dropped on it.
    members: Members,
}

impl ReplicaSetCase {
    fn new() -> Option<Self> {
        let members = Members::new()?;
        let mut bills = quiet();
        bills.insert(NEXT, [rows("1500.25", "2000"), many()].concat());
        let history = learned(Mongo::at(&members.uri(QUICK)), &bills);
        let alone = TwoHosts::new(history.mongo.copied(), &bills, LEASE);
        alone.run(Host::A, &DAILY).expect(0);
        let (documents, lines) = (state(&alone.mongo), alone.heard());
        assert!(lines.len() > 2, "it matters who is told: {lines:#?}");
        Some(Self { history, bills, documents, lines, members })
    }

    fn hosts(&self) -> TwoHosts {
        TwoHosts::new(self.history.mongo.copied(), &self.bills, LONG)
    }

    /// Stops or kills the primary at a step. Returns the run and the index of the old primary.
    fn lose_primary(&self, hosts: &TwoHosts, signal: Signal, step: &str) -> (Run, usize) {
        let mut run = hosts.start(Host::A, &DAILY, &format!("pause:{step}"));
        run.until_paused();
        let primary = self.members.primary();
        self.members.signal(primary, signal);
        run.signal(Signal::CONT);
        (run.end(), primary)
    }

    /// Asserts that the run continues on the next primary.
    fn outlives(&self, hosts: &TwoHosts, signal: Signal, step: &str) -> usize {
        let (run, primary) = self.lose_primary(hosts, signal, step);
        run.expect(0);
        self.assert_undisturbed(hosts, &format!("{signal:?} at {step}"));
        primary
    }

    fn assert_undisturbed(&self, hosts: &TwoHosts, what: &str) {
        assert_same(&self.documents, &state(&hosts.mongo), what);
        assert_eq!(hosts.heard(), self.lines, "{what}");
    }
}

#[test]
fn a_run_outlives_the_primary() {
    let Some(mut case) = ReplicaSetCase::new() else { return };
    for step in ["writing:2", "stored"] {
        let hosts = case.hosts();
        let primary = case.outlives(&hosts, Signal::STOP, step);
        case.members.restore(primary);
        assert_same(&case.documents, &state(&hosts.mongo), &format!("held up at {step}, and it is back"));
    }

    // The driver's own heartbeats would take twenty seconds to find out.
    let hosts = case.hosts();
    let mongo = hosts.mongo.by(&case.members.uri(""), ANSWER);
    let hosts = TwoHosts::new(mongo, &case.bills, LONG);
    let (run, primary) = case.lose_primary(&hosts, Signal::STOP, "fetched");
    let run = run.expect(2);
    assert!(run.stderr.contains("did not answer (no answer within 2 s)"), "{run:?}");
    hosts.configure(Host::B, ANSWER, "");
    hosts.run(Host::B, &DAILY).expect(0);
    hosts.mongo.assert_no_failures("a silent primary");
    case.assert_undisturbed(&hosts, "a silent primary");
    case.members.restore(primary);
    assert_same(&case.documents, &state(&hosts.mongo), "the silent primary is back");

    // The last, since a member that is not brought back leaves two.
    case.outlives(&case.hosts(), Signal::KILL, "writing:2");
}
