//! The output of commands: tables for people, JSON for machines.

mod table;

use std::io::Write as _;

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use tracing::Level;

pub(super) use self::table::Table;
use super::log;
use crate::config::Config;
use crate::pipeline::{Count, Report};
use model::anomaly::Anomaly;
use model::count::counted;
use model::moment::Moment;
use model::money;
use model::run_id::RunId;
use store::DateRange;

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

/// Creates an empty table for the terminal. The columns in `numbers` are right-aligned.
pub(super) fn table(header: &[&str], numbers: &[usize]) -> Table {
    Table::new(header, numbers, usize::from(width()))
}

/// Returns the width of the output in columns: the variable COLUMNS, the width of the terminal, or 80.
pub(super) fn width() -> u16 {
    let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let of_terminal = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| size.ws_col);
    named.or_else(of_terminal).filter(|width| *width > 0).unwrap_or(80)
}

/// Returns the names of a series. The spaces allow a line break between the names.
pub(super) fn series_label([account, project, service]: [&str; 3]) -> String {
    format!("{account} / {project} / {service}")
}

/// Creates an empty table of anomalies.
pub(super) fn anomaly_table(currency: &str) -> Table {
    let [observed, expected] = ["observed", "expected"].map(|name| format!("{name} {currency}"));
    let mut table = table(&["date", "severity", "rule", &observed, &expected, "series"], &[3, 4]);
    (1..3).for_each(|column| table.keep_whole(column));
    table
}

/// Prints the outcome of a job: the anomalies, the problems, and a summary line.
pub(super) fn report(report: &Report, config: &Config, form: Form, run: RunId) {
    let text = OutcomeText { anomalies: anomalies(report, config), summary: summary(report) };
    outcome(report, text, form, Some(run));
}

/// Prints the outcome of a job that stored the anomalies of many days: the commands that list the anomalies, the problems,
/// and a summary line.
pub(super) fn stored_report(report: &Report, form: Form, run: RunId) {
    let commands = "costwarden anomalies list lists the anomalies, and costwarden incidents list the incidents";
    let anomalies = (!report.anomalies.is_empty()).then(|| commands.to_owned());
    outcome(report, OutcomeText { anomalies, summary: summary(report) }, form, Some(run));
}

/// Prints the outcome of a rule preview, in the form of [`report()`].
pub(super) fn preview(report: &Report, config: &Config, form: Form) {
    let summary = format!(
        "{} {} {}: {} series, {}, {}, {} with insufficient history, {}; nothing was written",
        report.job,
        report.period,
        report.grade().as_str(),
        report.count(Count::Series),
        counted(report.count(Count::Rules), "rule"),
        counted(report.count(Count::Verdicts), "verdict"),
        report.count(Count::InsufficientHistory),
        counted(report.count(Count::Anomalies), "anomaly"),
    );
    outcome(report, OutcomeText { anomalies: anomalies(report, config), summary }, form, None);
}

/// The parts of an outcome for people.
struct OutcomeText {
    /// `None` without an anomaly.
    anomalies: Option<String>,
    summary: String,
}

fn outcome(report: &Report, text: OutcomeText, form: Form, run: Option<RunId>) {
    match form {
        Form::Json => out(&json_report(report, run).to_string()),
        Form::Text => {
            if let Some(anomalies) = text.anomalies {
                out(&anomalies);
            }
            remarks(report);
            out(&text.summary);
        }
    }
}

/// Prints the problems, the notes and the error of a report.
pub(super) fn remarks(report: &Report) {
    for problem in &report.problems {
        complaint(Level::WARN, &format!("degraded: {problem}"));
    }
    for note in &report.notes {
        complaint(Level::INFO, &format!("note: {note}"));
    }
    if let Some(error) = &report.error {
        complaint(Level::ERROR, &format!("failed: {error}"));
    }
}

/// Prints an error that prevented a command from running.
pub(super) fn failure(error: &anyhow::Error) {
    complaint(Level::ERROR, &format!("failed: {error:#}"));
}

/// Prints a line to standard output. A closed pipe is no error.
pub(super) fn out(text: &str) {
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// Prints a line to standard error in the form of the log. A closed pipe is no error.
pub(super) fn complaint(level: Level, text: &str) {
    drop(log::say(level, text));
}

/// Returns the table of the anomalies; `None` without an anomaly.
fn anomalies(report: &Report, config: &Config) -> Option<String> {
    let currency = &config.currency;
    let mut table = anomaly_table(currency);
    for anomaly in &report.anomalies {
        let names = &anomaly.names;
        table.add_row([
            moment(Moment { date: anomaly.date, hour: anomaly.hour }),
            anomaly.severity.as_str().to_owned(),
            rule_label(&anomaly.rule, anomaly.is_shadow),
            money::amount(anomaly.observed, currency),
            money::amount(anomaly.expected, currency),
            series_label([&names.account, &names.project, &names.service]),
        ]);
    }
    (!table.is_empty()).then(|| table.to_string())
}

/// Returns the id of a rule, with the mark of a shadow rule.
pub(super) fn rule_label(rule: &str, is_shadow: bool) -> String {
    if is_shadow { format!("{rule} (shadow)") } else { rule.to_owned() }
}

/// Returns a day, or a day with an hour.
pub(super) fn moment(Moment { date, hour }: Moment) -> String {
    hour.map_or_else(|| date.to_string(), |hour| format!("{date} {hour:02}h"))
}

fn summary(report: &Report) -> String {
    if let Some(owner) = &report.done_by {
        let (job, period, outcome) = (report.job, &report.period, report.outcome().as_str());
        return format!("{job} {period} {outcome}: completed by {owner}; name the day or the hour to repeat the run");
    }
    let count = |count: Count| report.count(count);
    let mut line = format!(
        "{} {} {}: {}, {} series, {}, {}, {} with insufficient history, {}, {}",
        report.job,
        report.period,
        report.outcome().as_str(),
        counted(count(Count::Rows), "row"),
        count(Count::Series),
        counted(count(Count::Rules), "rule"),
        counted(count(Count::Verdicts), "verdict"),
        count(Count::InsufficientHistory),
        counted(count(Count::Anomalies), "anomaly"),
        counted(count(Count::Notifications), "notification"),
    );
    if count(Count::ShadowAnomalies) > 0 {
        line.push_str(&format!(", {} of shadow rules", counted(count(Count::ShadowAnomalies), "anomaly")));
    }
    if count(Count::Suppressed) > 0 {
        line.push_str(&format!(", {} silenced or planned", counted(count(Count::Suppressed), "incident")));
    }
    if count(Count::Deferred) > 0 {
        line.push_str(&format!(
            ", {} for a digest or after quiet hours",
            counted(count(Count::Deferred), "notification")
        ));
    }
    if count(Count::Unrouted) > 0 {
        line.push_str(&format!(", {} without a route", counted(count(Count::Unrouted), "incident")));
    }
    if let Some(DateRange { from, to }) = report.reevaluated {
        let days = counted(count(Count::ReevaluatedDays), "day");
        line.push_str(&match from == to {
            true => format!(", {days} evaluated again ({from})"),
            false => format!(", {days} evaluated again from {from} to {to}"),
        });
    }
    if let Some(total) = &report.total {
        line.push_str(&format!(", total {total}"));
    }
    line
}

pub(super) fn json_report(report: &Report, run: Option<RunId>) -> Value {
    let mut counts = Map::new();
    for (count, number) in &report.counts {
        counts.insert(count.as_str().to_owned(), (*number).into());
    }
    let mut durations = Map::new();
    for (stage, took) in &report.durations {
        durations.insert(stage.as_str().to_owned(), (took.as_secs_f64() * 1e3).into());
    }
    let text = |date: Date| date.strftime("%Y%m%d").to_string();
    let mut json = json!({
        "job": report.job,
        "period": report.period,
        "outcome": report.outcome().as_str(),
        "doneBy": report.done_by,
        "total": report.total,
        "reevaluated": report.reevaluated.map(|range| json!({ "from": text(range.from), "to": text(range.to) })),
        "counts": counts,
        "durationsMs": durations,
        "problems": report.problems,
        "notes": report.notes,
        "error": report.error,
        "anomalies": report.anomalies.iter().map(json_anomaly).collect::<Vec<_>>(),
    });
    if let Some(run) = run {
        json["runId"] = run.to_string().into();
    }
    json
}

fn json_anomaly(anomaly: &Anomaly) -> Value {
    json!({
        "date": anomaly.date.strftime("%Y%m%d").to_string(),
        "hour": anomaly.hour,
        "series": anomaly.series.to_string(),
        "ruleId": anomaly.rule,
        "observedAmount": anomaly.observed,
        "expected": anomaly.expected,
        "score": anomaly.score,
        "impact": anomaly.impact,
        "direction": anomaly.direction.as_str(),
        "severity": anomaly.severity.as_str(),
        "reason": anomaly.reason,
        "shadow": anomaly.is_shadow,
        "incident": anomaly.incident,
    })
}
