//! A simulated bill and a workdir that both it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::Value;

pub(crate) use costwarden_tests::rules::PLAIN as PLAIN_RULE;
use costwarden_tests::{Run, Simulator, Workdir};

/// A Monday.
pub(crate) const TODAY: Date = date(2026, 11, 23);

/// Some 245,000 KRW a day, the same at any hour.
pub(crate) const MYSQL: &str = "dom-01/prj-01/mysql";

/// The bill, and who both it.
pub(crate) struct SimulatedBill {
    pub(crate) bill: Simulator,
    pub(crate) workdir: Workdir,
}

/// What a config has besides the tables that every one has.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    /// Flags of `costwarden simulate`.
    pub(crate) bill: &'a [&'a str],
    /// Keys before the first table.
    pub(crate) keys: &'a str,
    /// Keys of `[source]`.
    pub(crate) source: &'a str,
    /// The text of a rule file; the default rules where it is empty.
    pub(crate) rules: &'a str,
}

/// What one run reported and told.
#[derive(Debug)]
pub(crate) struct JobOutput {
    pub(crate) code: i32,
    pub(crate) report: Value,
    /// What people are told.
    pub(crate) lines: Vec<String>,
}

impl SimulatedBill {
    /// A bill of six services over ninety days without incidents, at the beginning of [`TODAY`].
    pub(crate) fn new(setup: &Setup<'_>) -> Self {
        let now = moment(TODAY, 0);
        let mut flags = vec!["--services", "6", "--days", "90", "--incidents", "off", "--now", &now];
        flags.extend(setup.bill);
        let bill = Simulator::start(&flags);
        let rules = if setup.rules.is_empty() { "" } else { "[rules]\ndirectory = \"rules\"\n" };
        let source = bill.source();
        let config = format!(
            "{}\n{source}{}\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n\
             [store]\nkind = \"embedded\"\n{rules}",
            setup.keys, setup.source
        );
        let workdir = Workdir::new(&config);
        if !setup.rules.is_empty() {
            workdir.write("rules/rules.toml", setup.rules);
        }
        Self { bill, workdir }
    }

    /// The same with the history of so many days, the last of them judged by the daily job.
    pub(crate) fn with_history(setup: &Setup<'_>, days: i32) -> Self {
        let simulated = Self::new(setup);
        simulated.load(ago(days), ago(2)).expect(0);
        simulated.day(ago(1)).expect(0);
        simulated
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.workdir.run_with(args, &[Simulator::ENV])
    }

    /// Runs a job for its report.
    pub(crate) fn told(&self, args: &[&str]) -> JobOutput {
        let run = self.run(&[args, &["--json"]].concat());
        let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
        let lines = run.stderr.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect();
        JobOutput { code: run.code, report, lines }
    }

    /// The backfill of these days.
    pub(crate) fn load(&self, from: Date, to: Date) -> JobOutput {
        self.told(&["backfill", "--from", &from.to_string(), "--to", &to.to_string()])
    }

    /// The daily job of a day, ten minutes after its end.
    pub(crate) fn day(&self, day: Date) -> JobOutput {
        self.bill.set_now(&moment(day.saturating_add(1.day()), 0));
        self.told(&["daily", "--date", &day.to_string()])
    }

    /// The hourly job ten minutes past an hour.
    pub(crate) fn hour(&self, day: Date, hour: i8) -> JobOutput {
        let moment = moment(day, hour);
        self.bill.set_now(&moment);
        self.told(&["hourly", "--at", &moment])
    }

    /// Hides one more incident in the bill. `rest` is the JSON after service, kind and start.
    pub(crate) fn hide(&self, service: &str, kind: &str, from: &str, rest: &str) {
        let incident = format!(r#"{{"service":"{service}","kind":"{kind}","from":"{from}"{rest}}}"#);
        self.bill.send("POST", "/simulate/incidents", &incident);
    }

    pub(crate) fn fault(&self, fault: &str) {
        self.bill.send("PUT", "/simulate/faults", fault);
    }

    /// The documents that a command prints, without when and by which run they were written.
    pub(crate) fn documents(&self, args: &[&str]) -> Vec<Value> {
        let run = self.run(&[args, &["--json"]].concat()).expect(0);
        let document = |line: &str| {
            let mut document: Value = serde_json::from_str(line).expect("JSON");
            let fields = document.as_object_mut().expect("an object");
            fields.retain(|name, _| name != "createdAt" && name != "updatedAt" && name != "runId");
            document
        };
        run.stdout.lines().map(document).collect()
    }
}

impl JobOutput {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts that nothing was found and nobody was told of anything but totals, in a run that did judge.
    #[track_caller]
    pub(crate) fn expect_silence(self) -> Self {
        let told = self.expect(0);
        assert!(told.count("judged") > 0, "{told:#?}");
        assert!(told.findings().is_empty() && told.incidents().is_empty(), "{told:#?}");
        told
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.report["counts"][name].as_u64().unwrap_or(0)
    }

    pub(crate) fn findings(&self) -> &[Value] {
        self.report["findings"].as_array().expect("findings")
    }

    /// The rules that found something of a service.
    pub(crate) fn rules(&self, service: &str) -> Vec<&str> {
        let of_service = self.findings().iter().filter(|finding| finding["series"] == service);
        of_service.map(|finding| finding["ruleId"].as_str().expect("an id")).collect()
    }

    /// The lines about incidents: totals left out.
    pub(crate) fn incidents(&self) -> Vec<&str> {
        let about = |line: &&str| !line.starts_with("[BILLING_DAILY_TOTAL]");
        self.lines.iter().map(String::as_str).filter(about).collect()
    }
}

/// Ten minutes past an hour in the bill's time zone.
pub(crate) fn moment(day: Date, hour: i8) -> String {
    format!("{day}T{hour:02}:10:00+09:00")
}

/// A day so many days before [`TODAY`].
pub(crate) fn ago(days: i32) -> Date {
    TODAY.saturating_sub(days.days())
}

/// A day so many days after [`TODAY`].
pub(crate) fn later(days: i32) -> Date {
    TODAY.saturating_add(days.days())
}

/// Every file below a folder with its bytes.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(folder).expect("below it").display().to_string();
            if path.is_dir() {
                files.insert(name + "/", Vec::new());
                folders.push(path);
            } else {
                files.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    files
}
