//! A replayed bill: four weeks of three services, with a runaway on the last day.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::{Run, Workdir, bundled_plugins, plugins};

/// The last day.
pub const LAST: Date = date(2026, 11, 22);
const DAYS: i32 = 28;

/// A small config. All folders are in the working directory.
pub const MINIMAL: &str = r#"language = "en"
[source]
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
pub const HEALTHY: &str = r#"
[[rule]]
id = "healthy"
why = "It works."
detector = "tutorial"
series = "daily"
"#;

/// Archive key and text of the bill of one day.
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

/// A working directory with the bill, copies of the bundled plugins, one healthy rule and the config [`MINIMAL`].
pub fn workdir() -> Workdir {
    let workdir = Workdir::new(MINIMAL);
    for days in 0..DAYS {
        let (key, text) = document(LAST.saturating_sub(days.days()));
        workdir.write(&key, &text);
    }
    std::fs::create_dir(workdir.path().join("plugins")).expect("a folder");
    for name in bundled_plugins() {
        let file = format!("{name}.wasm");
        std::fs::copy(plugins().join(&file), workdir.path().join("plugins").join(&file)).expect("copied");
    }
    workdir.write("rules/healthy.toml", HEALTHY);
    workdir
}

/// The same working directory after a backfill of all days but the last.
pub fn workdir_with_history() -> Workdir {
    let workdir = workdir();
    let first = LAST.saturating_sub((DAYS - 1).days()).to_string();
    let last = LAST.saturating_sub(1.days()).to_string();
    workdir.run(&["backfill", "--from", &first, "--to", &last]).expect(0);
    workdir
}

/// Runs the daily job of the last day. Returns exit code, report and problems.
pub fn daily(workdir: &Workdir) -> (i32, Value, String) {
    let Run { code, stdout, stderr } = workdir.run(&["daily", "--date", &LAST.to_string(), "--json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
    let problems: Vec<&str> = report["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| problem.as_str().expect("text"))
        .collect();
    let problems = plain(workdir, &problems.join("\n"));
    (code, report, problems)
}

/// Runs `check`. Returns the exit code and the output.
pub fn check(workdir: &Workdir) -> (i32, String) {
    let run = workdir.run(&["check"]);
    (run.code, plain(workdir, &format!("{}{}", run.stderr, run.stdout)))
}

/// Replaces the path of the working directory by `[workdir]`.
pub fn plain(workdir: &Workdir, text: &str) -> String {
    text.replace(&workdir.path().display().to_string(), "[workdir]")
}
