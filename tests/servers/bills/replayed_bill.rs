//! Four quiet weeks of six services, on the embedded store and on a real mongod.

use jiff::civil::{Date, date};
use serde_json::Value;

use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay::{self, Row, SeriesKey, after};
use costwarden_tests::{Run, Workdir, repository};

/// The first day after the history, a Monday.
pub(crate) const NEXT: Date = date(2026, 10, 19);
/// Days of history before [`NEXT`].
pub(crate) const HISTORY: i64 = 28;

pub(crate) const MACHINE: SeriesKey = service("vm", "Virtual Machine");
const OTHERS: [SeriesKey; 5] = [
    service("disk", "Block Storage"),
    service("files", "File Storage"),
    service("objects", "Object Storage"),
    service("balancer", "Load Balancer"),
    service("address", "Public IP"),
];

const fn service(id: &'static str, name: &'static str) -> SeriesKey {
    SeriesKey { ids: ["d-1", "p-1", id], names: ["acme", "shop", name] }
}

/// A working directory, and its database if the store is not embedded.
pub(crate) struct ReplayedBill {
    pub(crate) workdir: Workdir,
    pub(crate) mongo: Option<Mongo>,
    settings: String,
}

/// The day `index` days after [`NEXT`].
pub(crate) fn day(index: i64) -> Date {
    after(NEXT, index)
}

/// Runs a case with additional settings on both stores at the same time, after loading the history.
pub(crate) fn on_both(settings: &str, case: impl Fn(&ReplayedBill) + Sync) {
    let both = empty_on_both(settings);
    std::thread::scope(|scope| {
        for replayed in &both {
            scope.spawn(|| {
                replayed.load();
                case(replayed);
            });
        }
    });
}

/// A working directory for each store, without the history.
pub(crate) fn empty_on_both(settings: &str) -> Vec<ReplayedBill> {
    let embedded = ReplayedBill::new(settings, None);
    [Some(embedded), Mongo::new().map(|mongo| ReplayedBill::new(settings, Some(mongo)))].into_iter().flatten().collect()
}

impl ReplayedBill {
    fn new(settings: &str, mongo: Option<Mongo>) -> Self {
        let store = mongo.as_ref().map_or_else(|| "[store]\nkind = \"embedded\"\n".to_owned(), Mongo::store);
        let rules = repository().join("rules/tutorial");
        // What a case says comes first: it may name rules and plugins of its own.
        let rules =
            if settings.contains("[rules]") { String::new() } else { format!("[rules]\ndirectory = {rules:?}\n") };
        let workdir = Workdir::new(&format!(
            "language = \"en\"\n{settings}\n{}{store}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n{rules}",
            replay::source()
        ));
        Self { workdir, mongo, settings: settings.to_owned() }
    }

    /// An empty working directory with the same settings and the same kind of store; `None` without a server.
    pub(crate) fn another(&self) -> Option<Self> {
        match &self.mongo {
            None => Some(Self::new(&self.settings, None)),
            Some(_) => Mongo::new().map(|mongo| Self::new(&self.settings, Some(mongo))),
        }
    }

    /// Loads the quiet weeks with a mean cost of 1000 for the machine.
    pub(crate) fn load(&self) {
        for index in -HISTORY..0 {
            self.bill(index, quiet(index));
        }
        let run = self.backfill(-HISTORY, -1);
        assert_eq!((run.code, told(&run)), (0, Vec::<&str>::new()), "{run:?}");
    }

    /// Writes the bill of a day. The machine has the given cost, and the rest of the services have their usual cost.
    pub(crate) fn bill(&self, index: i64, machine: &str) {
        self.bill_of(index, &[&[Row::of(MACHINE, machine)], others().as_slice()].concat());
    }

    pub(crate) fn bill_of(&self, index: i64, rows: &[Row]) {
        replay::write(&self.workdir, "bills", day(index), None, rows);
    }

    pub(crate) fn daily(&self, newest: i64) -> Run {
        self.workdir.run(&["daily", &format!("--to={}", day(newest)), "--json"])
    }

    /// Writes the bill of a day and runs the daily job.
    pub(crate) fn next(&self, index: i64, machine: &str) -> Run {
        self.bill(index, machine);
        self.daily(index)
    }

    pub(crate) fn backfill(&self, from: i64, to: i64) -> Run {
        self.workdir.run(&["backfill", &format!("--from={}", day(from)), &format!("--to={}", day(to)), "--json"])
    }

    pub(crate) fn incidents(&self) -> Vec<Value> {
        self.workdir.run(&["incidents", "list", "--json"]).expect(0).json()
    }

    /// The only incident.
    #[track_caller]
    pub(crate) fn incident(&self) -> Value {
        let mut incidents = self.incidents();
        assert_eq!(incidents.len(), 1, "{incidents:#?}");
        incidents.remove(0)
    }

    pub(crate) fn anomalies(&self) -> Vec<Value> {
        self.workdir.run(&["anomalies", "list", "--json"]).expect(0).json()
    }

    /// The machine's days in the ledger.
    pub(crate) fn machine(&self, from: i64, more: &[&str]) -> Vec<Value> {
        let from = format!("--from={}", day(from));
        let args = ["series", "show", "--series=d-1/p-1/vm", &from, "--json"];
        self.workdir.run(&[args.as_slice(), more].concat()).expect(0).json()
    }
}

/// The usual rows of the rest of the services.
pub(crate) fn others() -> Vec<Row> {
    OTHERS.map(|series_key| Row::of(series_key, "100")).to_vec()
}

/// The cost of the machine on a quiet day.
pub(crate) fn quiet(index: i64) -> &'static str {
    if index % 2 == 0 { "990" } else { "1010" }
}

/// The notifications on standard error.
pub(crate) fn told(run: &Run) -> Vec<&str> {
    let told = |line: &&str| line.starts_with("[BILLING_") || line.starts_with("[COSTWARDEN_");
    run.stderr.lines().filter(told).collect()
}

/// Asserts the exit code and every notification. Returns the report.
#[track_caller]
pub(crate) fn tells(run: Run, code: i32, lines: &[String]) -> Value {
    let told: Vec<String> = told(&run).into_iter().map(without_proof).collect();
    assert_eq!(told, lines, "{run:#?}");
    run.expect(code).report()
}

/// A notification without the day and the value that resolved the incident.
fn without_proof(line: &str) -> String {
    match line.split_once(" is back at its usual cost: ") {
        Some((before, proof)) => {
            let (_, after) = proof.split_once(". From ").expect("a span after the proof");
            format!("{before} is back at its usual cost. From {after}")
        }
        None => line.to_owned(),
    }
}

/// A count of a report; 0 if absent.
pub(crate) fn count(report: &Value, name: &str) -> u64 {
    report["counts"].get(name).map_or(0, |count| count.as_u64().expect("a count"))
}

pub(crate) fn total(index: i64, machine: u32) -> String {
    let total = machine + 500;
    let total = if total < 1_000 { total.to_string() } else { format!("{},{:03}", total / 1_000, total % 1_000) };
    format!("[BILLING_DAILY_TOTAL] The total cost of [{}] is {total}.00 KRW.", day(index))
}

pub(crate) fn anomaly(percent: &str, now: &str) -> String {
    format!(
        "[BILLING_ANOMALY] Virtual Machine of project acme/shop is {percent}% above its usual cost. Now {now}.00 KRW, baseline 1000.00 KRW."
    )
}

pub(crate) fn retracted(index: i64) -> String {
    format!(
        "[BILLING_RETRACTED] Virtual Machine of project acme/shop was at its usual cost: the provider corrected the bill of {}. Earlier notifications of this incident are withdrawn.",
        day(index)
    )
}

/// The line about the corrected bill of a day, with the machine's cost before and after.
pub(crate) fn restated(index: i64, before: u32, after: u32) -> String {
    let grouped = |amount: u32| format!("{},{:03} KRW", amount / 1_000, amount % 1_000);
    let difference = i64::from(after) - i64::from(before);
    format!(
        "[COSTWARDEN_RESTATED] the provider corrected the bills of 1 day: {} {} → {} ({difference:+} KRW); largest changes: Virtual Machine of acme/shop {difference:+} KRW",
        day(index),
        grouped(before + 500),
        grouped(after + 500),
    )
}

pub(crate) fn resolved(from: i64, to: i64, impact: &str) -> String {
    format!(
        "[BILLING_RESOLVED] Virtual Machine of project acme/shop is back at its usual cost. From {} to {}, {impact}.00 KRW more than usual.",
        day(from),
        day(to)
    )
}
