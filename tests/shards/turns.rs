//! Who writes at the same time: processes that share a run do, and nobody else does meanwhile.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use mongodb::bson::Document;
use rustix::process::{Pid, Signal, kill_process};

use crate::bills::{self, FIRST, day};
use crate::labs::{Order, Shared};

/// How long anything is waited for before the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

const WAITS: &str = "waiting for its turn to end";

struct Process {
    child: Child,
    log: BufReader<ChildStderr>,
    said: String,
}

impl Process {
    fn start(shared: &Shared, args: &[&str], rehearsal: &str) -> Self {
        let mut command = shared.lab.command(args, &[("COSTWARDEN_LOG", "info")]);
        if !rehearsal.is_empty() {
            command.env("COSTWARDEN_REHEARSE", rehearsal);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let log = BufReader::new(child.stderr.take().expect("piped"));
        Self { child, log, said: String::new() }
    }

    /// Reads on until it says something; false where it ends before.
    fn says(&mut self, what: &str) -> bool {
        loop {
            if self.said.contains(what) {
                return true;
            }
            if self.log.read_line(&mut self.said).expect("its log") == 0 {
                return false;
            }
        }
    }

    fn until_paused(&mut self) {
        let stat = format!("/proc/{}/stat", self.child.id());
        let began = Instant::now();
        let stopped = || {
            let stat = std::fs::read_to_string(&stat).expect("it lives");
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        };
        while !stopped() {
            assert!(began.elapsed() < PATIENCE, "it does not pause");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn go_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("ours to signal");
    }

    #[track_caller]
    fn end(mut self) {
        self.says("\u{0}");
        let code = self.child.wait().expect("it ends").code();
        assert!(matches!(code, Some(0 | 1)), "{code:?}: {}", self.said);
    }
}

fn writer(shared: &Shared) -> Document {
    let runs = shared.mongo.documents("job_runs");
    runs.into_iter().find(|run| run.get_str("job") == Ok("writer")).expect("a turn")
}

/// A database that knows the history, with nobody at work, and leases that outlast any pause here.
fn scene() -> Option<Shared> {
    let mut shared = Shared::new(1, Order::OneByOne)?;
    shared.run(&bills::texts(&bills::runs()[0]));
    let config = std::fs::read_to_string(shared.lab.path().join("costwarden.toml")).expect("a config");
    shared.lab.write("costwarden.toml", &config.replace("seconds = 5\n", "seconds = 240\n"));
    Some(shared)
}

#[test]
fn those_who_share_a_run_write_at_once_and_others_wait_for_all_of_them() {
    let Some(shared) = scene() else { return };
    let date = format!("--date={}", day(28));
    let mut first = Process::start(&shared, &["daily", &date, "--shard=0/3"], "pause:written");
    first.until_paused();
    let mut second = Process::start(&shared, &["daily", &date, "--shard=1/3"], "pause:written");
    second.until_paused();
    let sharers = writer(&shared).get_array("sharers").expect("sharers").len();
    assert_eq!(sharers, 2);
    assert!(!first.said.contains(WAITS) && !second.said.contains(WAITS));

    // One that shares nothing, and the same part on another host.
    let mut whole = Process::start(&shared, &["daily", &format!("--date={}", day(29))], "");
    assert!(whole.says(WAITS), "{}", whole.said);
    let mut twin = Process::start(&shared, &["daily", &date, "--shard=0/3"], "");
    assert!(twin.says(WAITS), "{}", twin.said);
    // Who waits is not to wait for ever: no more of them begin.
    let mut third = Process::start(&shared, &["daily", &date, "--shard=2/3"], "");
    assert!(third.says(WAITS), "{}", third.said);
    for held_up in [&first, &second] {
        held_up.go_on();
    }
    for process in [first, second, whole, twin, third] {
        process.end();
    }
    let period = |run: &Document| run.get_str("period").expect("a period").to_owned();
    let mut done: Vec<(mongodb::bson::DateTime, String)> = shared
        .mongo
        .documents("job_runs")
        .iter()
        .filter(|run| run.get_str("job") == Ok("daily") && run.get_str("outcome") != Ok("running"))
        .map(|run| (*run.get_datetime("startedAt").expect("a time"), period(run)))
        .collect();
    done.sort();
    assert_eq!(done.len(), 4, "{done:?}");
}

#[test]
fn those_who_share_wait_for_who_does_not_and_for_another_run() {
    let Some(shared) = scene() else { return };
    let mut whole = Process::start(&shared, &["daily", &format!("--date={}", day(28))], "pause:written");
    whole.until_paused();
    let date = format!("--date={}", day(29));
    let shards = ["--shard=0/2", "--shard=1/2"];
    let mut shards = shards.map(|shard| Process::start(&shared, &["daily", &date, shard], "pause:findings"));
    for shard in &mut shards {
        assert!(shard.says(WAITS), "{}", shard.said);
    }
    whole.go_on();
    whole.end();
    shards.iter_mut().for_each(Process::until_paused);
    // Of another day, and so another run.
    let mut other = Process::start(&shared, &["daily", &format!("--date={}", day(30)), "--shard=0/2"], "");
    assert!(other.says(WAITS), "{}", other.said);
    shards.iter().for_each(Process::go_on);
    shards.into_iter().for_each(Process::end);
    other.end();
}

#[test]
fn what_an_operator_says_waits_for_those_who_share() {
    let Some(mut shared) = scene() else { return };
    shared.run(&["backfill", &format!("--from={FIRST}"), &format!("--to={}", day(30)), "--alert"]);
    let incident = shared.mongo.documents("billing_episodes")[0].get_str("episode").expect("an id").to_owned();
    let mut shard =
        Process::start(&shared, &["daily", &format!("--date={}", day(31)), "--shard=1/2"], "pause:findings");
    shard.until_paused();
    let mut accept = Process::start(&shared, &["incidents", "accept", &incident], "");
    assert!(accept.says(WAITS), "{}", accept.said);
    shard.go_on();
    shard.end();
    accept.end();
    let of =
        |episode: &Document| episode.get_str("episode") == Ok(incident.as_str()) && episode.get("decision").is_some();
    assert!(shared.mongo.documents("billing_episodes").iter().any(of), "it was decided");
}
