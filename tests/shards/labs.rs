//! A lab whose runs are shared by so many processes.

use std::process::Stdio;

use crate::bills::{self, DAYS, day};
use crate::mongo::Mongo;
use crate::support::replay::{self, Row};
use crate::support::rules::OF_OTHER_KINDS;
use crate::support::{Lab, Run, repository};

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
    /// The lines that people were told, in no order.
    pub(crate) told: Vec<String>,
}

impl Shared {
    /// None, said aloud, where no server is there.
    pub(crate) fn new(of: u32, order: Order) -> Option<Self> {
        let mongo = Mongo::new()?;
        let lab = Lab::new(&format!(
            "{}{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[rules]\ndirectory = \"rules\"\n",
            replay::source(),
            mongo.store()
        ));
        let tutorial = std::fs::read_to_string(repository().join("rules/tutorial/tutorial.toml")).expect("rules");
        lab.write("rules/all.toml", &format!("{tutorial}{OF_OTHER_KINDS}{ALL}"));
        replay::write_all(&lab, &bills::bills());
        Some(Self { lab, mongo, of, order, told: Vec::new() })
    }

    /// Does a run, with all processes that share it.
    pub(crate) fn run(&mut self, args: &[&str]) {
        let shards: Vec<String> = (0..self.of).rev().map(|index| format!("--shard={index}/{}", self.of)).collect();
        let command = |shard: &String| {
            let mut args = [args, &["--json"]].concat();
            if self.of > 1 {
                args.push(shard);
            }
            let mut command = self.lab.command(&args, &[]);
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
        for run in runs {
            assert!(run.code < 2, "{args:?}: {run:?}");
            let lines = run.stderr.lines().filter(|line| line.starts_with("[BILLING_"));
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
