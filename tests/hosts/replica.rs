//! The primary of a replica set is held up or killed in the middle of a run: the run goes on at the next primary, or fails in
//! time and the next run makes it good. Nothing is lost or doubled, and what the old primary knows alone changes nothing
//! when it is back.

use mongodb::bson::{Document, doc};
use rustix::process::Signal;

use crate::database::{Dump, Mongo, assert_same};
use crate::members::{Members, QUICK};
use crate::pair::{Host, LEASE, NEXT, Pair, learned, many, quiet, rows};
use crate::support::Run;
use crate::support::replay::Bills;

/// Longer than an election takes.
const LONG: &str = "[lease]\nseconds = 30\nwait_seconds = 60\n";

const DAILY: [&str; 2] = ["daily", "--date=2026-10-19"];

/// A set, a database in it that knows the quiet weeks, and what a daily run leaves that nothing happens to.
struct Scene {
    history: Pair,
    bills: Bills,
    dump: Dump,
    lines: Vec<String>,
    // Dropped last: databases are dropped on it.
    members: Members,
}

impl Scene {
    fn new() -> Option<Self> {
        let members = Members::new()?;
        let mut bills = quiet();
        bills.insert(NEXT, [rows("1500.25", "2000"), many()].concat());
        let history = learned(Mongo::at(&members.uri(QUICK)), &bills);
        let alone = Pair::new(history.mongo.copied(), &bills, LEASE);
        alone.run(Host::A, &DAILY).expect(0);
        let (dump, lines) = (alone.mongo.dump(), alone.heard());
        assert!(lines.len() > 2, "it matters who is told: {lines:#?}");
        Some(Self { history, bills, dump, lines, members })
    }

    fn pair(&self) -> Pair {
        Pair::new(self.history.mongo.copied(), &self.bills, LONG)
    }

    /// What a run came to whose primary was held up or killed when it had come to a step, and which member that was.
    fn lose_primary(&self, pair: &Pair, signal: Signal, step: &str) -> (Run, usize) {
        let mut run = pair.start(Host::A, &DAILY, &format!("pause:{step}"));
        run.until_paused();
        let primary = self.members.primary();
        self.members.signal(primary, signal);
        run.signal(Signal::CONT);
        (run.end(), primary)
    }

    /// The run goes on at the next primary.
    fn outlives(&self, pair: &Pair, signal: Signal, step: &str) -> usize {
        let (run, primary) = self.lose_primary(pair, signal, step);
        run.expect(0);
        self.assert_undisturbed(pair, &format!("{signal:?} at {step}"));
        primary
    }

    fn assert_undisturbed(&self, pair: &Pair, what: &str) {
        assert_same(&self.dump, &pair.mongo.dump(), what);
        assert_eq!(pair.heard(), self.lines, "{what}");
    }
}

#[test]
fn a_run_outlives_the_primary() {
    let Some(mut scene) = Scene::new() else { return };
    for step in ["writing:2", "remembered"] {
        let pair = scene.pair();
        let primary = scene.outlives(&pair, Signal::STOP, step);
        scene.members.restore(primary);
        assert_same(&scene.dump, &pair.mongo.dump(), &format!("held up at {step}, and it is back"));
    }

    // The driver's own heartbeats would take twenty seconds to find out.
    let pair = scene.pair();
    let mongo = pair.mongo.by(&scene.members.uri(""), "timeout_seconds = 2\n");
    let pair = Pair::new(mongo, &scene.bills, LONG);
    let (run, primary) = scene.lose_primary(&pair, Signal::STOP, "fetched");
    let run = run.expect(2);
    assert!(run.stderr.contains("take connections and say nothing (no answer within 2 s)"), "{run:?}");
    pair.run(Host::B, &DAILY).expect(0);
    // A failure was counted, and the count is back at nothing.
    assert_eq!(pair.mongo.documents("billing_notices", doc! { "times": { "$ne": 0 } }), []);
    pair.mongo.run(async |database| database.collection::<Document>("billing_notices").drop().await.expect("dropped"));
    scene.assert_undisturbed(&pair, "a silent primary");
    scene.members.restore(primary);
    assert_same(&scene.dump, &pair.mongo.dump(), "the silent primary is back");

    // The last, since a member that is not brought back leaves two.
    scene.outlives(&scene.pair(), Signal::KILL, "writing:2");
}
