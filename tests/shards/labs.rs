//! A lab whose runs are shared by so many processes.

use std::process::Stdio;

use crate::bills::{self, DAYS, day};
use crate::mongo::Mongo;
use crate::support::replay::{self, Row, Whose};
use crate::support::rules::OF_OTHER_KINDS;
use crate::support::{self, Lab, Run, repository};

/// A sum of another kind than that of a domain.
const ALL: &str = r#"
[[rule]]
id = "all"
why = "What all of it costs by an hour."
detector = "tutorial"
series = "day-to-date"
group_by = []
direction = "both"
severity = "warning"
[rule.settings]
minSamples = 2
"#;

/// Services of a laboratory: with seven processes they are of two.
const NEW: Whose = Whose { ids: ["d-3", "p-1", "x"], names: ["실험", "실험실", "X"] };
const OLD: Whose = Whose { ids: ["d-3", "p-1", "y"], names: ["실험", "실험실", "Y"] };

/// How the processes of a run are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    AtOnce,
    /// The last of them first.
    OneByOne,
}

pub(crate) struct Shared {
    pub(crate) lab: Lab,
    pub(crate) mongo: Mongo,
    of: u32,
    order: Order,
    /// Where a process of each run dies, and is started once more when the others are done.
    pub(crate) dies_at: Option<&'static str>,
    pub(crate) deaths: usize,
    /// The lines that people were told, in no order.
    pub(crate) told: Vec<String>,
}

impl Shared {
    /// None, said aloud, where no server is there.
    pub(crate) fn new(of: u32, order: Order) -> Option<Self> {
        let mongo = Mongo::new()?;
        let lab = Lab::new(&format!(
            "{}{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[rules]\ndirectory = \"rules\"\n\
             [lease]\nseconds = 5\nwait_seconds = 120\n",
            replay::source(),
            mongo.store()
        ));
        let tutorial = std::fs::read_to_string(repository().join("rules/tutorial/tutorial.toml")).expect("rules");
        lab.write("rules/all.toml", &format!("{tutorial}{OF_OTHER_KINDS}{ALL}"));
        replay::write_all(&lab, &bills::bills());
        Some(Self { lab, mongo, of, order, dies_at: None, deaths: 0, told: Vec::new() })
    }

    /// Does a run, with all processes that share it.
    pub(crate) fn run(&mut self, args: &[&str]) {
        let dies = self.dies_at.filter(|_| self.of > 1).map(|step| (format!("--shard=1/{}", self.of), step));
        let shards: Vec<String> = (0..self.of).rev().map(|index| format!("--shard={index}/{}", self.of)).collect();
        let command = |shard: &String| {
            let mut args = [args, &["--json"]].concat();
            if self.of > 1 {
                args.push(shard);
            }
            let mut command = self.lab.command(&args, &[]);
            if let Some((_, step)) = dies.as_ref().filter(|(dying, _)| dying == shard) {
                command.env("COSTWARDEN_REHEARSE", format!("kill:{step}"));
            }
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("the binary starts")
        };
        let end = |child: std::process::Child| {
            let output = child.wait_with_output().expect("it ends");
            let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
            Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
        };
        let runs: Vec<Run> = match self.order {
            Order::AtOnce => shards.iter().map(command).collect::<Vec<_>>().into_iter().map(end).collect(),
            Order::OneByOne => shards.iter().map(|shard| end(command(shard))).collect(),
        };
        let again = dies.as_ref().map(|(dying, _)| self.lab.run(&[args, &["--json", dying]].concat()));
        for (shard, run) in shards.iter().zip(&runs) {
            let died = dies.as_ref().is_some_and(|(dying, _)| dying == shard) && run.code == -1;
            assert!(died || (0..2).contains(&run.code), "{args:?} {shard}: {run:?}");
            self.deaths += usize::from(died);
        }
        for run in runs.into_iter().chain(again) {
            assert!(run.code < 2, "{args:?}: {run:?}");
            let lines =
                run.stderr.lines().filter(|line| line.starts_with("[BILLING_") || line.starts_with("[COSTWARDEN_"));
            self.told.extend(lines.map(str::to_owned));
        }
    }

    pub(crate) fn daily(&mut self, index: i64) {
        self.run(&["daily", &format!("--date={}", day(index))]);
    }

    /// The hours as [`bills::today`] has them some hours later.
    pub(crate) fn hours(&mut self, index: i64, hours: std::ops::Range<u8>, ahead: u8) {
        for hour in hours {
            replay::write(&self.lab, "bills", day(index), Some(hour), &bills::today(hour + ahead));
            self.run(&["hourly", &format!("--at={}T{hour:02}:10", day(index))]);
        }
    }

    /// Writes the bill of a day with another amount for the machine.
    fn bill(&self, index: i64, machine: &str, without: &[Whose]) {
        let mut rows = bills::bills().remove(&day(index)).expect("a day");
        rows.retain(|row| row.whose != bills::MACHINE && !without.contains(&row.whose));
        rows.push(Row::of(bills::MACHINE, machine));
        replay::write(&self.lab, "bills", day(index), None, &rows);
    }

    /// What cron starts, without a day that anybody named: gaps, late bills, half a bill and corrections are its own
    /// business.
    pub(crate) fn planned(&mut self) {
        let runs = bills::runs();
        self.run(&bills::texts(&runs[0]));
        for index in bills::HISTORY..DAYS {
            std::fs::remove_file(self.lab.path().join("bills").join(replay::key(day(index), None))).expect("a bill");
        }
        let through = |index: i64| format!("--through={}", day(index));
        let whole = |shared: &Self, index: i64| {
            let rows = bills::bills().remove(&day(index)).expect("a day");
            replay::write(&shared.lab, "bills", day(index), None, &rows);
        };
        whole(self, 28);
        self.run(&["daily", &through(28)]);
        // Late; closed by the next run, which meets a correction too.
        self.run(&["daily", &through(29)]);
        whole(self, 29);
        whole(self, 30);
        self.bill(28, "180", &[]);
        self.hours(30, 9..11, 0);
        self.run(&["daily", &through(30)]);
        // Two days and half a day that nobody was there for, and an incident that was none; a series has left.
        whole(self, 31);
        whole(self, 32);
        self.bill(30, "101", &[bills::NETWORK]);
        let half = [Row::of(bills::MACHINE, "100"), Row::of(bills::DISK, "50")];
        replay::write(&self.lab, "bills", day(33), None, &half);
        self.run(&["daily", &through(33)]);
        whole(self, 33);
        self.run(&["daily", &through(33)]);
        // Nothing new, asked for once more; then again what was said before.
        self.run(&["daily", &through(33)]);
        whole(self, 34);
        whole(self, 30);
        self.run(&["daily", &through(34)]);
    }

    /// Old days that somebody asks for: one that was corrected, one that was missing, several at once; each once more with
    /// nothing new.
    pub(crate) fn named(&mut self) {
        let missing = self.lab.path().join("bills").join(replay::key(day(10), None));
        std::fs::remove_file(&missing).expect("a bill");
        let runs = bills::runs();
        self.run(&bills::texts(&runs[0]));
        (bills::HISTORY..34).for_each(|index| self.daily(index));
        self.hours(34, 9..11, 0);
        self.daily(34);
        // So dear that later incidents were none.
        self.bill(3, "180", &[bills::NETWORK]);
        self.daily(3);
        self.daily(3);
        self.bill(10, "104.5", &[]);
        self.daily(10);
        let several = ["daily", &format!("--from={}", day(2)), &format!("--to={}", day(5))];
        self.bill(3, "105.5", &[]);
        self.bill(5, "101", &[bills::DISK]);
        self.run(&several);
        self.run(&several);
        self.hours(DAYS, 9..11, 0);
    }

    /// A service that is found on its first day, which the bill takes back. Another that the same rule watches goes on.
    pub(crate) fn appears_and_goes(&mut self) {
        self.laboratory();
        self.laboratory_bill(bills::HISTORY, None, &[Row::of(NEW, "90000")]);
        self.daily(bills::HISTORY);
        assert!(self.is_found_in_the_laboratory(), "it is found first");
        self.laboratory_bill(bills::HISTORY, None, &[]);
        self.daily(bills::HISTORY);
    }

    /// The same by the hour, at which nothing was learned of it: it is judged by what the others say was learned last.
    pub(crate) fn appears_and_goes_by_the_hour(&mut self) {
        self.laboratory();
        let hour = |shared: &mut Self, hour: u8, more: &[Row]| {
            shared.laboratory_bill(bills::HISTORY, Some(hour), more);
            shared.run(&["hourly", &format!("--at={}T{hour:02}:10", day(bills::HISTORY))]);
        };
        hour(self, 9, &[]);
        hour(self, 10, &[Row::of(NEW, "90000")]);
        assert!(self.is_found_in_the_laboratory(), "it is found first");
        hour(self, 10, &[]);
    }

    /// Series that are compared with each other, and are off in the history, on days that are done one by one, and on an old
    /// day that is corrected: who is shown what was found of the others learns something else.
    pub(crate) fn peers(&mut self) {
        let rule = r#"
[[rule]]
id = "peers"
why = "Each keeps its share."
detector = "peers"
series = "daily"
history_days = 20
direction = "both"
severity = "warning"
[rule.select]
domain = ["d-1", "d-2"]
[rule.settings]
tolerance = 0.1
"#;
        let rules = std::fs::read_to_string(self.lab.path().join("rules/all.toml")).expect("rules");
        self.lab.write("rules/all.toml", &format!("{rules}{rule}"));
        let config = std::fs::read_to_string(self.lab.path().join("costwarden.toml")).expect("a config");
        let bundled = format!("{:?}", support::plugins());
        assert!(config.contains(&bundled), "{config}");
        self.lab.write("costwarden.toml", &config.replace(&bundled, "\"plugins\""));
        std::fs::create_dir(self.lab.path().join("plugins")).expect("a folder");
        let (bundled, peers) = (support::plugins(), repository().join("target/test-plugins/peers.wasm"));
        for built in [bundled.join("tutorial.wasm"), bundled.join("newcomer.wasm"), peers] {
            let name = built.file_name().expect("a name");
            std::fs::copy(&built, self.lab.path().join("plugins").join(name)).expect("make build brings it");
        }
        let runs = bills::runs();
        self.run(&bills::texts(&runs[0]));
        (bills::HISTORY..33).for_each(|index| self.daily(index));
        self.hours(33, 9..11, 0);
        self.run(&["daily", &format!("--from={}", day(33)), &format!("--to={}", day(34))]);
        self.bill(22, "300", &[]);
        self.daily(22);
        self.run(&["backfill", &format!("--from={}", day(8)), &format!("--to={}", day(16))]);
        self.hours(DAYS, 9..11, 0);
    }

    /// The history with a service that a rule of its own watches.
    fn laboratory(&mut self) {
        let rule = r#"
[[rule]]
id = "lab"
why = "What a laboratory begins."
detector = "newcomer"
series = "daily"
direction = "both"
severity = "warning"
[rule.select]
domain = ["d-3"]
"#;
        let rules = std::fs::read_to_string(self.lab.path().join("rules/all.toml")).expect("rules");
        self.lab.write("rules/all.toml", &format!("{rules}{rule}"));
        (0..bills::HISTORY).for_each(|index| self.laboratory_bill(index, None, &[]));
        let runs = bills::runs();
        self.run(&bills::texts(&runs[0]));
    }

    fn laboratory_bill(&self, index: i64, hour: Option<u8>, more: &[Row]) {
        let rows = bills::bills().remove(&day(index)).expect("a day");
        let rows = [&rows[..], &[Row::of(OLD, "100")], more].concat();
        replay::write(&self.lab, "bills", day(index), hour, &rows);
    }

    fn is_found_in_the_laboratory(&self) -> bool {
        self.mongo.documents("billing_anomalies").iter().any(|found| found.get_str("ruleId") == Ok("lab"))
    }

    /// The history at once, a week day by day with hours, a day that was corrected, a day that runs away, and hours of the
    /// next.
    pub(crate) fn live(&mut self) {
        let runs = bills::runs();
        self.run(&bills::texts(&runs[0]));
        for index in bills::HISTORY..DAYS {
            if index > bills::HISTORY + 3 {
                self.hours(index, 9..11, 0);
            }
            self.daily(index);
        }
        // The incident was none, and a series that was there is not: its day alone is done again, among later ones.
        let mut rows = bills::bills().remove(&day(30)).expect("a day");
        rows.retain(|row| row.whose != bills::MACHINE && row.whose != bills::NETWORK);
        rows.push(Row::of(bills::MACHINE, "101"));
        replay::write(&self.lab, "bills", day(30), None, &rows);
        self.daily(30);
        self.hours(DAYS, 9..11, 0);
        let mut rows = bills::bills().remove(&day(DAYS - 1)).expect("a day");
        rows.retain(|row| row.whose != bills::MACHINE);
        rows.push(Row::of(bills::MACHINE, "510"));
        replay::write(&self.lab, "bills", day(DAYS), None, &rows);
        self.daily(DAYS);
        // It has cost at nine what other days had at twelve.
        self.hours(DAYS + 1, 9..12, 3);
        // Three weeks of the history again, behind all that came since.
        self.run(&["backfill", &format!("--from={}", day(0)), &format!("--to={}", day(20))]);
    }
}
