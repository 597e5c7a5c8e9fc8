//! A simulated year of operation: real processes at the times of the crontab, an outage of one part on every day, clock
//! changes, corrected bills and a new rule. libfaketime and the clock of the simulator give the times.
//!
//! `make test` plays 30 days with one seed; `make simulate-year SEEDS="1 2"` plays 365 days for each seed. The failure of
//! an assertion prints the seed.

use std::fs;

use fastrand::Rng;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::Value;

use costwarden_tests::mongo::Mongo;
use costwarden_tests::{Run, Simulator, Workdir, run, service};

const ZONE: &str = "Europe/Berlin";
/// The clocks go back on 2026-10-25, and a month ends.
const FIRST: Date = date(2026, 10, 8);
const DAYS: i32 = 30;
const HISTORY_DAYS: i32 = 60;
/// The bill of every ninth day is corrected on the next day.
const CORRECTED_EVERY: i32 = 9;
const NEW_RULE: &str = r#"
[[rule]]
id = "new"
why = "A rule that an operator adds at noon."
detector = "tutorial"
series = "daily"
direction = "both"
min_impact_share = 0.01
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Api,
    Store,
    Archive,
    /// cron starts no job.
    Host,
}

#[derive(Debug, Clone, Copy)]
struct Outage {
    part: Part,
    from: Timestamp,
    to: Timestamp,
}

impl Outage {
    /// An outage of one to three hours that begins on a day. cron starts jobs during the outage, except shortly before
    /// midnight.
    fn draw(rng: &mut Rng, start_of_day: Timestamp) -> Self {
        let from = start_of_day + SignedDuration::from_mins(rng.i64(0..24 * 60));
        let part = [Part::Api, Part::Store, Part::Archive, Part::Host][rng.usize(0..4)];
        Self { part, from, to: from + SignedDuration::from_mins(rng.i64(60..=180)) }
    }

    fn contains(self, now: Timestamp) -> bool {
        self.from <= now && now < self.to
    }
}

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
}

impl Year {
    /// An installation with history; `None` without the services.
    fn new(days: i32) -> Option<Self> {
        let (faketime, mongo) = (service("COSTWARDEN_TEST_FAKETIME")?, Mongo::new()?);
        let zone = TimeZone::get(ZONE).expect("a zone");
        let start = zone.to_timestamp(FIRST.at(0, 10, 0, 0)).expect("a time").to_string();
        let mut flags = vec!["--services", "6", "--days", "90", "--incidents", "off", "--time-zone", ZONE];
        let flaws: Vec<String> = (0..days).step_by(CORRECTED_EVERY as usize).map(corrected).collect();
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
        };
        year.configure(&year.mongo.store());
        let [from, to] = [HISTORY_DAYS, 2].map(|ago| FIRST.saturating_sub(ago.days()).to_string());
        year.workdir.run_with(&["backfill", "--from", &from, "--to", &to], &[Simulator::ENV]).expect(0);
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
                self.evaluated.push((day, now));
            }
        }
    }

    fn at(&self, now: Timestamp, args: &[&str]) -> Run {
        let mut command = self.workdir.command(args, &[Simulator::ENV, ("TZ", "UTC")]);
        let moment = now.to_zoned(TimeZone::UTC).strftime("@%Y-%m-%d %H:%M:%S").to_string();
        command.env("LD_PRELOAD", &self.faketime).env("FAKETIME", moment);
        run(command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"))
    }

    fn begin(&self, part: Part) {
        match part {
            Part::Api => self.bill.send("PUT", "/simulate/faults", r#"{"status":503}"#),
            Part::Store => self.configure(&self.mongo.unreachable()),
            Part::Archive => {
                fs::rename(self.archive(), self.archive().with_extension("away")).expect("renamed");
                fs::write(self.archive(), "a file in place of the folder").expect("written");
            }
            Part::Host => {}
        }
    }

    fn end(&self, part: Part) {
        match part {
            Part::Api => self.bill.send("PUT", "/simulate/faults", "{}"),
            Part::Store => self.configure(&self.mongo.store()),
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

    fn start_of_day(&self, day: Date) -> Timestamp {
        day.to_zoned(self.zone.clone()).expect("a day").timestamp()
    }
}

/// The flaw of a bill that the provider raises by two percent on the next noon.
fn corrected(index: i32) -> String {
    let day = FIRST.saturating_add(index.days());
    let from = day.saturating_add(1.day());
    format!(r#"{{"date":"{day}","kind":"corrected","from":"{from}T12:00:00","factor":1.02}}"#)
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

        let expected: Vec<Date> = (-1..days - 1).map(|index| FIRST.saturating_add(index.days())).collect();
        let evaluated: Vec<Date> = year.evaluated.iter().map(|(day, _)| *day).collect();
        assert_eq!(evaluated, expected, "seed {seed}: each day is evaluated once");

        let mut delays = delays(&year);
        delays.sort_unstable();
        assert_eq!(delays[delays.len() / 2], 0, "seed {seed}: the median delay in hours, of {delays:?}");
        assert!(delays[delays.len() - 1] < 4, "seed {seed}: the largest delay in hours, of {delays:?}");

        let about = |tag: &str| year.notifications.iter().filter(|(_, line)| line.starts_with(tag)).count();
        assert_eq!(about("[BILLING_DAILY_TOTAL]"), expected.len(), "seed {seed}: {:#?}", year.notifications);
        let operational = about("[COSTWARDEN_FAILING]") + about("[COSTWARDEN_RECOVERED]");
        assert_eq!(
            about("[COSTWARDEN_FAILING]"),
            about("[COSTWARDEN_RECOVERED]"),
            "seed {seed}: {:#?}",
            year.notifications
        );
        assert_eq!(about("["), expected.len() + operational, "seed {seed}: a false message: {:#?}", year.notifications);

        let unexplained = year.failed.iter().filter(|at| !year.outages.iter().any(|outage| outage.contains(**at)));
        assert_eq!(unexplained.collect::<Vec<_>>(), [] as [&Timestamp; 0], "seed {seed}: failed outside an outage");
        assert!(!year.failed.is_empty(), "seed {seed}: no outage met a job");

        let fits = year.mongo.documents("billing_baseline");
        let has_fit = fits.iter().any(|fit| fit.get_document("rules").is_ok_and(|rules| rules.contains_key("new")));
        assert!(has_fit, "seed {seed}: the new rule is trained");

        let verified = year.workdir.run_with(&["archive", "verify", "--json"], &[Simulator::ENV]);
        assert_eq!(verified.code, 0, "seed {seed}: {verified:?}");
    }
}
