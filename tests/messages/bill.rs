//! A bill that is replayed: four weeks of three services, the last day of which is a runaway's.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::support::{Lab, Run, plugins};

/// The last day.
pub(crate) const LAST: Date = date(2026, 11, 22);
const DAYS: i32 = 28;

/// Everything in folders of the lab, as in the smallest config.
pub(crate) const MINIMAL: &str = r#"[source]
kind = "replay"
directory = "bills"
[archive]
kind = "directory"
directory = "archive"
[store]
kind = "embedded"
[plugins]
directory = "plugins"
[rules]
directory = "rules"
"#;

/// A rule that finds the runaway.
pub(crate) const HEALTHY: &str = r#"
[[rule]]
id = "healthy"
why = "It works."
detector = "tutorial"
series = "daily"
"#;

/// The bill of one day under the archive's key, and its text.
fn document(day: Date) -> (String, String) {
    let amount = |service: &str| match service {
        "vm" if day == LAST => 9_000.0,
        _ => 1_000.0 + f64::from(day.day() % 5) + service.len() as f64,
    };
    let row = |service: &str| {
        json!({"meteringDate": day.strftime("%Y%m%d").to_string(), "domainId": "d", "domainName": "Domain",
               "projectId": "p", "projectName": "Project", "serviceId": service, "serviceName": service,
               "expectAmount": amount(service)})
    };
    let rows: Vec<Value> = ["db", "poison", "vm"].iter().map(|service| row(service)).collect();
    let key = day.strftime("bills/raw/year=%Y/month=%m/day=%d/billing_%Y%m%d.json").to_string();
    (key, json!({"result": {"content": rows}}).to_string())
}

/// A lab with the bill, the bundled plugins, one healthy rule, and [`MINIMAL`] for its config.
pub(crate) fn lab() -> Lab {
    let lab = Lab::new(MINIMAL);
    for days in 0..DAYS {
        let (key, text) = document(LAST.saturating_sub(days.days()));
        lab.write(&key, &text);
    }
    std::fs::create_dir(lab.path().join("plugins")).expect("a folder");
    for name in ["tutorial", "seasonal-mad", "newcomer"] {
        let file = format!("{name}.wasm");
        std::fs::copy(plugins().join(&file), lab.path().join("plugins").join(&file)).expect("copied");
    }
    lab.write("rules/healthy.toml", HEALTHY);
    lab
}

/// The same with all days but the last remembered and learned.
pub(crate) fn lab_with_history() -> Lab {
    let lab = lab();
    let first = LAST.saturating_sub((DAYS - 1).days()).to_string();
    let last = LAST.saturating_sub(1.days()).to_string();
    lab.run(&["backfill", "--from", &first, "--to", &last]).expect(0);
    lab
}

/// The daily job of the last day: its exit code, its report, and what it complains of.
pub(crate) fn daily(lab: &Lab) -> (i32, Value, String) {
    let Run { code, stdout, stderr } = lab.run(&["daily", "--date", &LAST.to_string(), "--json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
    let problems: Vec<&str> = report["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| problem.as_str().expect("text"))
        .collect();
    let problems = plain(lab, &problems.join("\n"));
    (code, report, problems)
}

/// What `check` says, with its exit code.
pub(crate) fn check(lab: &Lab) -> (i32, String) {
    let run = lab.run(&["check"]);
    (run.code, plain(lab, &format!("{}{}", run.stderr, run.stdout)))
}

/// Paths of this machine left out.
pub(crate) fn plain(lab: &Lab, text: &str) -> String {
    text.replace(&lab.path().display().to_string(), "[lab]")
}
