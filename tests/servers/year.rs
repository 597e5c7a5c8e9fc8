//! A simulated year of operation: real processes at the times of the crontab, a replica set, an outage of one part on
//! every day, clock changes, corrected bills and a new rule. libfaketime and the clock of the simulator give the times.
//!
//! `make test` plays 14 days with one seed; `make simulate-year SEEDS="1 2"` plays 365 days for each seed. The failure of
//! an assertion prints the seed.

mod correction;
mod outage;

use std::fs;

use fastrand::Rng;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use rustix::process::Signal;
use serde_json::Value;

use self::correction::{Correction, amount};
use self::outage::{Outage, Part};
use costwarden_tests::members::{Members, QUICK};
use costwarden_tests::mongo::Mongo;
use costwarden_tests::{Run, Simulator, Workdir, run, service};

const ZONE: &str = "Europe/Berlin";
/// The clocks go back on 2026-10-25, and a month ends.
const FIRST: Date = date(2026, 10, 18);
const DAYS: i32 = 14;
const HISTORY_DAYS: i32 = 60;
const NEW_RULE: &str = r#"
[[rule]]
id = "new"
why = "A rule that an operator adds at noon."
detector = "tutorial"
series = "daily"
direction = "both"
min_impact_share = 0.01
"#;

struct Year {
    bill: Simulator,
    workdir: Workdir,
    mongo: Mongo,
    faketime: String,
    zone: TimeZone,
    /// Notifications in the order of delivery, with their times.
    notifications: Vec<(Timestamp, String)>,
    /// The first evaluation of each finished day.
    evaluated: Vec<(Date, Timestamp)>,
    /// The starts of failed jobs.
    failed: Vec<Timestamp>,
    outages: Vec<Outage>,
    corrections: Vec<Correction>,
    /// The killed member of the replica set.
    killed: Option<usize>,
    // Dropped last: the database is dropped on the replica set.
    members: Members,
}

impl Year {
    /// An installation with history; `None` without the services.
    fn new(days: i32) -> Option<Self> {
        let faketime = service("COSTWARDEN_TEST_FAKETIME")?;
        let members = Members::new()?;
        let mongo = Mongo::at(&members.uri(QUICK));
        let zone = TimeZone::get(ZONE).expect("a zone");
        let start = zone.to_timestamp(FIRST.at(0, 10, 0, 0)).expect("a time").to_string();
        let mut flags = vec!["--services", "6", "--days", "90", "--incidents", "off", "--time-zone", ZONE];
        let corrections = Correction::all(FIRST, days);
        let flaws: Vec<String> = corrections.iter().map(|correction| correction.flaw()).collect();
        flags.extend(["--now", &start]);
        flags.extend(flaws.iter().flat_map(|flaw| ["--flaw", flaw]));
        let bill = Simulator::start(&flags);
        let workdir = Workdir::new("[store]\nkind = \"embedded\"\n");
        fs::create_dir(workdir.path().join("rules")).expect("a folder");
        let default = costwarden_tests::repository().join("rules/default/default.toml");
        fs::copy(default, workdir.path().join("rules/default.toml")).expect("copied");
        let year = Self {
            bill,
            workdir,
            mongo,
            faketime,
            zone,
            notifications: Vec::new(),
            evaluated: Vec::new(),
            failed: Vec::new(),
            outages: Vec::new(),
            corrections,
            killed: None,
            members,
        };
        year.configure(&year.mongo.store());
        let [from, to] = [HISTORY_DAYS, 2].map(|ago| FIRST.saturating_sub(ago.days()).to_string());
        // With the clock of the play: a document of a later time would stay the newest document of its day.
        let start = year.start_of_day(FIRST) + SignedDuration::from_mins(1);
        year.at(start, &["backfill", "--from", &from, "--to", &to]).expect(0);
        Some(year)
    }

    fn configure(&self, store: &str) {
        self.workdir.write(
            "costwarden.toml",
            &format!(
                "time_zone = {ZONE:?}\nlanguage = \"en\"\n{}retry_seconds = 0\n{store}\n[archive]\nkind = \"directory\"\n\
                 directory = \"archive\"\n[rules]\ndirectory = \"rules\"\n[plugins]\ndirectory = {:?}\n",
                self.bill.source(),
                costwarden_tests::plugins()
            ),
        );
    }

    /// Plays one start of cron: the daily job and then the hourly job.
    fn start_jobs(&mut self, now: Timestamp) {
        self.bill.set_now(&now.to_string());
        for job in ["daily", "hourly"] {
            let run = self.at(now, &[job, "--once", "--json"]);
            if run.code > 1 {
                self.failed.push(now);
            }
            let told = run.stderr.lines().filter(|line| line.starts_with('['));
            self.notifications.extend(told.map(|line| (now, line.to_owned())));
            if let Some(report) =
                run.stdout.lines().last().map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
                && job == "daily"
                && report["total"].is_string()
            {
                let period = report["period"].as_str().expect("a period");
                let day = Date::strptime("%Y%m%d", period).expect("a single day");
                // A run whose document is in the spool is repeated at the next start.
                if self.evaluated.last().is_none_or(|(last, _)| *last != day) {
                    self.evaluated.push((day, now));
                }
            }
        }
    }

    fn at(&self, now: Timestamp, args: &[&str]) -> Run {
        let mut command = self.workdir.command(args, &[Simulator::ENV, ("TZ", "UTC")]);
        let moment = now.to_zoned(TimeZone::UTC).strftime("@%Y-%m-%d %H:%M:%S").to_string();
        command.env("LD_PRELOAD", &self.faketime).env("FAKETIME", moment);
        run(command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"))
    }

    fn begin(&mut self, part: Part) {
        match part {
            Part::Api => self.bill.send("PUT", "/simulate/faults", r#"{"status":503}"#),
            Part::Store => self.configure(&self.mongo.unreachable()),
            Part::Primary => {
                let primary = self.members.primary();
                self.members.signal(primary, Signal::KILL);
                self.killed = Some(primary);
            }
            Part::Archive => {
                fs::rename(self.archive(), self.archive().with_extension("away")).expect("renamed");
                fs::write(self.archive(), "a file in place of the folder").expect("written");
            }
            Part::Host => {}
        }
    }

    fn end(&mut self, part: Part) {
        match part {
            Part::Api => self.bill.send("PUT", "/simulate/faults", "{}"),
            Part::Store => self.configure(&self.mongo.store()),
            Part::Primary => self.members.restore(self.killed.take().expect("killed")),
            Part::Archive => {
                fs::remove_file(self.archive()).expect("removed");
                fs::rename(self.archive().with_extension("away"), self.archive()).expect("renamed");
            }
            Part::Host => {}
        }
    }

    fn archive(&self) -> std::path::PathBuf {
        self.workdir.path().join("archive")
    }

    /// The total of a day, as people were notified.
    fn announced_total(&self, day: Date) -> f64 {
        let is_of_day =
            |line: &&String| line.starts_with("[BILLING_DAILY_TOTAL]") && line.contains(&format!("[{day}]"));
        let line = self.notifications.iter().map(|(_, line)| line).find(is_of_day).expect("a total");
        let (_, total) = line.split_once("] is ").expect("the total");
        amount(total.strip_suffix(" KRW.").expect("in KRW"))
    }

    fn start_of_day(&self, day: Date) -> Timestamp {
        day.to_zoned(self.zone.clone()).expect("a day").timestamp()
    }
}

fn play(seed: u64, days: i32) -> Option<Year> {
    let mut year = Year::new(days)?;
    let mut rng = Rng::with_seed(seed);
    for index in 0..days {
        let day = FIRST.saturating_add(index.days());
        let next = year.start_of_day(day.saturating_add(1.day()));
        let mut now = year.start_of_day(day);
        // An outage ends at midnight at the latest, so the parts of two days never fail together.
        let drawn = Outage::draw(&mut rng, now);
        let outage = Outage { to: drawn.to.min(next), ..drawn };
        year.outages.push(outage);
        now += SignedDuration::from_mins(10);
        let mut is_out = false;
        while now < next {
            if outage.contains(now) != is_out {
                is_out = !is_out;
                if is_out { year.begin(outage.part) } else { year.end(outage.part) }
            }
            if index == days / 2 && now.to_zoned(year.zone.clone()).hour() == 12 {
                year.workdir.write("rules/new.toml", NEW_RULE);
            }
            if !is_out || outage.part != Part::Host {
                year.start_jobs(now);
            }
            now += 1.hour();
        }
        if is_out {
            year.end(outage.part);
        }
    }
    Some(year)
}

/// The delays of the evaluations after the first start of cron, in hours.
fn delays(year: &Year) -> Vec<i64> {
    let hours = |(day, at): &(Date, Timestamp)| {
        let due = year.start_of_day(day.saturating_add(1.day())) + SignedDuration::from_mins(10);
        at.duration_since(due).as_hours()
    };
    year.evaluated.iter().map(hours).collect()
}

#[test]
fn outages_lose_no_day_and_cause_no_false_message() {
    let days = std::env::var("COSTWARDEN_TEST_YEAR_DAYS").map_or(DAYS, |days| days.parse().expect("a number"));
    let seeds = std::env::var("COSTWARDEN_TEST_YEAR_SEEDS").unwrap_or_else(|_| "1".to_owned());
    for seed in seeds.split_whitespace().map(|seed| seed.parse().expect("a number")) {
        let Some(year) = play(seed, days) else { return };
        let problems = problems(&year, days);
        assert_eq!(problems, [""; 0], "seed {seed}: {:#?}", year.notifications);
    }
}

/// The broken promises of a play. A play takes long, so all of them are named.
fn problems(year: &Year, days: i32) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |holds: bool, problem: String| {
        if !holds {
            problems.push(problem);
        }
    };
    let expected: Vec<Date> = (-1..days - 1).map(|index| FIRST.saturating_add(index.days())).collect();
    let evaluated: Vec<Date> = year.evaluated.iter().map(|(day, _)| *day).collect();
    check(evaluated == expected, format!("each day is evaluated, in order, not {evaluated:?}"));
    let mut delays = delays(year);
    delays.sort_unstable();
    let is_prompt = delays.get(delays.len() / 2) == Some(&0) && delays.last().is_some_and(|last| *last < 4);
    check(is_prompt, format!("the delays in hours have the median 0 and are below 4, not {delays:?}"));

    let with = |tag: &str| -> Vec<&str> {
        year.notifications.iter().map(|(_, line)| line.as_str()).filter(|line| line.starts_with(tag)).collect()
    };
    // A bill of the history may settle, and is then announced as well.
    let totals = with("[BILLING_DAILY_TOTAL]");
    for day in &expected {
        let of_day = totals.iter().filter(|line| line.contains(&format!("[{day}]"))).count();
        check(of_day == 1, format!("{of_day} totals of {day}"));
    }
    let [failing, recovered] = ["[COSTWARDEN_FAILING]", "[COSTWARDEN_RECOVERED]"].map(|tag| with(tag).len());
    check(failing == recovered, format!("{failing} failures, {recovered} recoveries"));
    let restated = with("[COSTWARDEN_RESTATED]");
    let [all, known] = [with("[").len(), totals.len() + failing + recovered + restated.len()];
    check(all == known, format!("{} false messages", all - known));

    let announced: Vec<&Correction> = year.corrections.iter().filter(|correction| correction.is_announced()).collect();
    check(restated.len() == announced.len(), format!("{} corrections of {announced:?}", restated.len()));
    for (correction, text) in announced.into_iter().zip(restated) {
        let total = year.announced_total(correction.day);
        check(correction.is_announced_by(text, total), format!("the total was {total} before {correction:?}: {text}"));
    }
    let unexplained: Vec<&Timestamp> =
        year.failed.iter().filter(|at| !year.outages.iter().any(|outage| outage.contains(**at))).collect();
    check(unexplained.is_empty(), format!("jobs failed outside an outage: {unexplained:?}"));
    check(!year.failed.is_empty(), "no outage met a job".to_owned());
    let has_failover = year.outages.iter().any(|outage| outage.part == Part::Primary);
    check(has_failover, format!("no primary was killed: {:?}", year.outages));

    let fits = year.mongo.documents("billing_baseline");
    let has_fit = fits.iter().any(|fit| fit.get_document("rules").is_ok_and(|rules| rules.contains_key("new")));
    check(has_fit, "the new rule is not trained".to_owned());
    let verified = year.workdir.run_with(&["archive", "verify", "--json"], &[Simulator::ENV]);
    check(verified.code == 0, format!("{verified:?}"));
    problems
}
