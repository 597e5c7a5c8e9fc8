//! The first host is killed with SIGKILL at each step of each job, and the second takes over.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::state::{State, assert_same, state};
use crate::two_hosts::{Host, LEASE, NEXT, TwoHosts, day, learned, many, quiet, rows};
use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay::Bills;

/// The steps in order, and `delivered`: a receiver has accepted a notification.
const STEPS: [&str; 12] = [
    "started",
    "fetched",
    "archived",
    "written",
    "anomalies",
    "incidents",
    "stored",
    "delivered",
    "notified",
    "training",
    "trained",
    "finished",
];

/// Cases at the same time: most of a case is a wait for the end of a lease.
const AT_ONCE: usize = 4;

/// The result of a single undisturbed host.
struct Undisturbed {
    documents: State,
    lines: Vec<String>,
}

/// A job, and the database before the job.
struct KilledJob<'a> {
    before: &'a Mongo,
    bills: &'a Bills,
    prepare: &'a (dyn Fn(&TwoHosts) + Sync),
    args: &'a [&'a str],
    code: i32,
    /// Distance between the batches with a kill after them.
    stride: usize,
}

impl KilledJob<'_> {
    fn hosts(&self) -> TwoHosts {
        let hosts = TwoHosts::new(self.before.copied(), self.bills, LEASE);
        (self.prepare)(&hosts);
        hosts
    }

    fn undisturbed(&self) -> Undisturbed {
        let hosts = self.hosts();
        let run = hosts.run(Host::A, self.args).expect(self.code);
        let lines = hosts.heard();
        assert!(lines.iter().any(|line| line.starts_with("[BILLING_ANOMALY]")), "it matters who is told: {run:?}");
        Undisturbed { documents: state(&hosts.mongo), lines }
    }

    /// Kills the first host at a failpoint and runs the job on the second. Returns false if the first host ended before
    /// its failpoint.
    fn try_at(&self, rehearsal: &str, expected: &Undisturbed) -> bool {
        let hosts = self.hosts();
        let first = hosts.start(Host::A, self.args, rehearsal).end();
        let before = hosts.heard();
        if first.code != -1 {
            first.expect(self.code);
            assert_same(&expected.documents, &state(&hosts.mongo), rehearsal);
            return false;
        }
        let second = hosts.run(Host::B, self.args).expect(self.code);
        assert!(!second.stdout.contains("completed by"), "{rehearsal}: {second:?}");
        assert_same(&expected.documents, &state(&hosts.mongo), rehearsal);

        let after = hosts.heard();
        let told: Vec<&String> = before.iter().chain(&after).collect();
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for line in &told {
            *times.entry(line).or_default() += 1;
        }
        // The window: a receiver has accepted a line, and the process dies before that is marked.
        let twice: Vec<&str> = times.iter().filter(|(_, times)| **times > 1).map(|(line, _)| *line).collect();
        if rehearsal.starts_with("kill:delivered") {
            assert_eq!(twice, [before.last().expect("an accepted line").as_str()], "{rehearsal}");
            assert_eq!(told.len(), expected.lines.len() + 1, "{rehearsal}: {told:#?}");
        } else {
            assert_eq!(twice, [""; 0], "{rehearsal}");
        }
        let mut lines: Vec<&str> = expected.lines.iter().map(String::as_str).collect();
        lines.sort_unstable();
        assert_eq!(times.into_keys().collect::<Vec<_>>(), lines, "{rehearsal}: none is lost");
        true
    }

    /// Tries every step at its first occurrence, `accepted` at each line, and `writing` after batches from the first to
    /// the last. Returns the number of kills.
    fn everywhere(&self) -> usize {
        let expected = self.undisturbed();
        let mut rehearsals: Vec<String> =
            STEPS.iter().filter(|step| **step != "delivered").map(|step| format!("kill:{step}")).collect();
        rehearsals.extend((1..=expected.lines.len()).map(|nth| format!("kill:delivered:{nth}")));
        let dead = AtomicUsize::new(0);
        let rehearsals = Mutex::new(rehearsals);
        let batch = AtomicUsize::new(1);
        let finished = AtomicUsize::new(usize::MAX);
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let next = rehearsals.lock().expect("no case has failed").pop();
                        if let Some(rehearsal) = next {
                            let died = self.try_at(&rehearsal, &expected);
                            // An hourly run learns nothing.
                            let learns = rehearsal.starts_with("kill:train") && self.args[0] == "hourly";
                            assert_eq!(died, !learns, "{rehearsal}");
                            dead.fetch_add(usize::from(died), Ordering::Relaxed);
                            continue;
                        }
                        let nth = batch.fetch_add(self.stride, Ordering::Relaxed);
                        if nth > finished.load(Ordering::Relaxed) {
                            return;
                        }
                        if self.try_at(&format!("kill:writing:{nth}"), &expected) {
                            dead.fetch_add(1, Ordering::Relaxed);
                        } else {
                            finished.fetch_min(nth, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        dead.into_inner()
    }
}

#[test]
fn a_daily_job_of_a_day_that_was_named_ends_the_same_wherever_the_first_host_dies() {
    a_daily_job(&format!("--date={NEXT}"));
}

/// The scheduled form: days are fetched again, and notifications come at the end.
#[test]
fn a_daily_job_ends_the_same_wherever_the_first_host_dies() {
    a_daily_job(&format!("--to={NEXT}"));
}

fn a_daily_job(days: &str) {
    let Some(mongo) = Mongo::new() else { return };
    let mut bills = quiet();
    bills.insert(NEXT, [rows("1500.25", "2000"), many()].concat());
    let history = learned(mongo, &bills);
    let case = KilledJob {
        before: &history.mongo,
        bills: &bills,
        prepare: &|_| {},
        args: &["daily", days],
        code: 0,
        stride: 4,
    };
    let deaths = case.everywhere();
    assert!(deaths > 15, "{deaths} deaths");
}

#[test]
fn an_hourly_job_ends_the_same_wherever_the_first_host_dies() {
    let Some(mongo) = Mongo::new() else { return };
    let bills = quiet();
    let history = learned(mongo, &bills);
    let at = format!("--at={NEXT}T10:10");
    let case = KilledJob {
        before: &history.mongo,
        bills: &bills,
        prepare: &|hosts| hosts.hour(NEXT, 10, &rows("1500.25", "2000")),
        args: &["hourly", &at],
        code: 0,
        stride: 3,
    };
    let deaths = case.everywhere();
    assert!(deaths > 12, "{deaths} deaths");
}

#[test]
fn a_backfill_ends_the_same_wherever_the_first_host_dies() {
    let Some(mongo) = Mongo::new() else { return };
    let mut bills = quiet();
    bills.insert(day(-10), rows("1500.25", "1010"));
    bills.insert(day(-3), rows("990", "3000"));
    // Nothing but an empty database: the days are told as if they happened now.
    let nothing = TwoHosts::new(mongo, &Bills::new(), LEASE);
    let (from, to) = (format!("--from={}", day(-28)), format!("--to={}", day(-1)));
    let args = ["backfill", &from, &to, "--alert"];
    let case = KilledJob { before: &nothing.mongo, bills: &bills, prepare: &|_| {}, args: &args, code: 0, stride: 31 };
    let deaths = case.everywhere();
    assert!(deaths > 12, "{deaths} deaths");
}
