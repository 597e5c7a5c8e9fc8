//! A simulated bill and a working directory with a config for the bill.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::Value;

pub(crate) use costwarden_tests::rules::PLAIN as PLAIN_RULE;
use costwarden_tests::{Run, Simulator, Workdir};

/// A Monday.
pub(crate) const TODAY: Date = date(2026, 11, 23);

/// A service with about 245,000 KRW a day, the same at every hour.
pub(crate) const MYSQL: &str = "dom-01/prj-01/mysql";

/// The simulated API and the working directory.
pub(crate) struct SimulatedBill {
    pub(crate) bill: Simulator,
    pub(crate) workdir: Workdir,
}

/// Additions to the config.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    /// Flags of `costwarden simulate`.
    pub(crate) bill: &'a [&'a str],
    /// Keys before the first table.
    pub(crate) keys: &'a str,
    /// Keys of `[source]`.
    pub(crate) source: &'a str,
    /// The text of a rule file. An empty text means the default rules.
    pub(crate) rules: &'a str,
}

/// Report and notifications of a run.
#[derive(Debug)]
pub(crate) struct JobOutput {
    pub(crate) code: i32,
    pub(crate) report: Value,
    /// The notifications.
    pub(crate) lines: Vec<String>,
}

impl SimulatedBill {
    /// A bill without incidents, with the clock at the start of [`TODAY`]: six services over ninety days, unless the setup
    /// has a size.
    pub(crate) fn new(setup: &Setup<'_>) -> Self {
        let now = moment(TODAY, 0);
        let mut flags = vec!["--incidents", "off", "--now", &now];
        if !setup.bill.contains(&"--services") {
            flags.extend(["--services", "6", "--days", "90"]);
        }
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

    /// The same bill after a backfill of `days` days and the daily job of the last day.
    pub(crate) fn with_history(setup: &Setup<'_>, days: i32) -> Self {
        let simulated = Self::new(setup);
        simulated.load(ago(days), ago(2)).expect(0);
        simulated.day(ago(1)).expect(0);
        simulated
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.workdir.run_with(args, &[Simulator::ENV])
    }

    /// Runs a job and parses its report.
    pub(crate) fn told(&self, args: &[&str]) -> JobOutput {
        let run = self.run(&[args, &["--json"]].concat());
        let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
        let lines = run.stderr.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect();
        JobOutput { code: run.code, report, lines }
    }

    /// Runs a backfill.
    pub(crate) fn load(&self, from: Date, to: Date) -> JobOutput {
        self.told(&["backfill", "--from", &from.to_string(), "--to", &to.to_string()])
    }

    /// Runs the daily job of a day, ten minutes after its end.
    pub(crate) fn day(&self, day: Date) -> JobOutput {
        self.bill.set_now(&moment(day.saturating_add(1.day()), 0));
        self.told(&["daily", "--date", &day.to_string()])
    }

    /// Runs the hourly job ten minutes past an hour.
    pub(crate) fn hour(&self, day: Date, hour: i8) -> JobOutput {
        let moment = moment(day, hour);
        self.bill.set_now(&moment);
        self.told(&["hourly", "--at", &moment])
    }

    /// Hides another incident in the bill. `rest` is the JSON after service, kind and start.
    pub(crate) fn hide(&self, service: &str, kind: &str, from: &str, rest: &str) {
        let incident = format!(r#"{{"service":"{service}","kind":"{kind}","from":"{from}"{rest}}}"#);
        self.bill.send("POST", "/simulate/incidents", &incident);
    }

    pub(crate) fn fault(&self, fault: &str) {
        self.bill.send("PUT", "/simulate/faults", fault);
    }

    /// The documents in the output of a command, without times and run ids.
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

    /// Asserts a successful evaluation without anomalies and without notifications, except totals.
    #[track_caller]
    pub(crate) fn expect_silence(self) -> Self {
        let told = self.expect(0);
        assert!(told.count("verdicts") > 0, "{told:#?}");
        assert!(told.anomalies().is_empty() && told.incidents().is_empty(), "{told:#?}");
        told
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.report["counts"][name].as_u64().unwrap_or(0)
    }

    pub(crate) fn anomalies(&self) -> &[Value] {
        self.report["anomalies"].as_array().expect("anomalies")
    }

    /// The rules with an anomaly of a service.
    pub(crate) fn rules(&self, service: &str) -> Vec<&str> {
        let of_service = self.anomalies().iter().filter(|anomaly| anomaly["series"] == service);
        of_service.map(|anomaly| anomaly["ruleId"].as_str().expect("an id")).collect()
    }

    /// The notifications about incidents, without totals.
    pub(crate) fn incidents(&self) -> Vec<&str> {
        let about = |line: &&str| !line.starts_with("[BILLING_DAILY_TOTAL]");
        self.lines.iter().map(String::as_str).filter(about).collect()
    }
}

/// Ten minutes past an hour in the time zone of the bill.
pub(crate) fn moment(day: Date, hour: i8) -> String {
    format!("{day}T{hour:02}:10:00+09:00")
}

/// The day `days` before [`TODAY`].
pub(crate) fn ago(days: i32) -> Date {
    TODAY.saturating_sub(days.days())
}

/// The day `days` after [`TODAY`].
pub(crate) fn later(days: i32) -> Date {
    TODAY.saturating_add(days.days())
}

/// Path and bytes of every file below a folder.
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
