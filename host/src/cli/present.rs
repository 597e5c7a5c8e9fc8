//! The output of commands: tables for people, JSON for machines.

mod summary;
mod table;

use std::fmt;
use std::io::Write as _;

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use tracing::Level;

pub(super) use self::summary::heading;
pub(super) use self::table::Table;
use super::log;
use crate::config::Config;
use crate::pipeline::{Remark, Report};
use model::anomaly::Anomaly;
use model::language::Language;
use model::moment::Moment;
use model::money;
use model::run_id::RunId;
use notify::Locale;
use unicode_width::UnicodeWidthStr as _;

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
pub(super) fn anomaly_table(locale: Locale<'_>) -> Table {
    let [observed, expected] = locale.language.choose(["비용", "평소"], ["observed", "expected"]);
    let [observed, expected] = [observed, expected].map(|name| with_unit(name, locale));
    let header = locale.language.choose(
        ["날짜", "심각도", "규칙", &observed, &expected, "시리즈"],
        ["date", "severity", "rule", &observed, &expected, "series"],
    );
    let mut table = table(&header, &[3, 4]);
    (1..3).for_each(|column| table.keep_whole(column));
    table
}

/// Returns the name of a column of amounts, with the unit.
pub(super) fn with_unit(name: &str, locale: Locale<'_>) -> String {
    match locale.language {
        Language::Korean => format!("{name}({})", locale.unit().trim_start()),
        Language::English => format!("{name} {}", locale.currency),
    }
}

/// Returns an amount with the unit.
pub(super) fn amount(amount: f64, locale: Locale<'_>) -> String {
    format!("{}{}", money::amount(amount, locale.currency), locale.unit())
}

/// Returns a line with a label in a column of the given width.
pub(super) fn labelled(label: &str, width: usize, value: &str) -> String {
    let space = " ".repeat(width.saturating_sub(label.width()));
    // Names come from outside: no control character may start a line or reach the terminal.
    format!("{label}{space} {}", value.replace(char::is_control, " "))
}

/// Prints the outcome of a job: the anomalies, the problems, and a summary line.
pub(super) fn report(report: &Report, config: &Config, form: Form, run: RunId) {
    let language = config.language;
    let text =
        OutcomeText { anomalies: anomalies(report, config), summary: summary::of_job(report, language), language };
    outcome(report, text, form, Some(run));
}

/// Prints the outcome of a job that stored the anomalies of many days: the commands that list the anomalies, the problems,
/// and a summary line.
pub(super) fn stored_report(report: &Report, language: Language, form: Form, run: RunId) {
    let commands = language.choose(
        "이상 징후 목록은 costwarden anomalies list, 이상 목록은 costwarden incidents list 명령으로 봅니다",
        "costwarden anomalies list lists the anomalies, and costwarden incidents list the incidents",
    );
    let anomalies = (!report.anomalies.is_empty()).then(|| commands.to_owned());
    let text = OutcomeText { anomalies, summary: summary::of_job(report, language), language };
    outcome(report, text, form, Some(run));
}

/// Prints the outcome of a rule preview, in the form of [`report()`].
pub(super) fn preview(report: &Report, config: &Config, form: Form) {
    let language = config.language;
    let text =
        OutcomeText { anomalies: anomalies(report, config), summary: summary::of_preview(report, language), language };
    outcome(report, text, form, None);
}

/// The parts of an outcome for people.
struct OutcomeText {
    /// `None` without an anomaly.
    anomalies: Option<String>,
    summary: String,
    language: Language,
}

fn outcome(report: &Report, text: OutcomeText, form: Form, run: Option<RunId>) {
    match form {
        Form::Json => out(&json_report(report, run).to_string()),
        Form::Text => {
            if let Some(anomalies) = text.anomalies {
                out(&anomalies);
            }
            remarks(report, text.language);
            out(&text.summary);
        }
    }
}

/// Prints the problems, the notes and the error of a report.
pub(super) fn remarks(report: &Report, language: Language) {
    for problem in &report.problems {
        degraded(&problem.text(language), language);
    }
    for note in &report.notes {
        self::note(note.text(language), language);
    }
    if let Some(error) = &report.error {
        complaint(Level::ERROR, &format!("{}: {error}", language.choose("실패", "failed")));
    }
}

/// Prints a statement without an effect on the result.
pub(super) fn note(text: &str, language: Language) {
    complaint(Level::INFO, &format!("{}: {text}", language.choose("참고", "note")));
}

/// Prints a problem that leaves a result incomplete.
pub(super) fn degraded(problem: &impl fmt::Display, language: Language) {
    complaint(Level::WARN, &format!("{}: {problem}", language.choose("일부 미완료", "degraded")));
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
    let locale = config.locale();
    let mut table = anomaly_table(locale);
    for anomaly in &report.anomalies {
        let names = &anomaly.names;
        table.add_row([
            moment(Moment { date: anomaly.date, hour: anomaly.hour }, locale.language),
            anomaly.severity.text(locale.language).to_owned(),
            rule_label(&anomaly.rule, anomaly.is_shadow),
            money::amount(anomaly.observed, locale.currency),
            money::amount(anomaly.expected, locale.currency),
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
pub(super) fn moment(Moment { date, hour }: Moment, language: Language) -> String {
    let unit = language.choose("시", "h");
    hour.map_or_else(|| date.to_string(), |hour| format!("{date} {hour:02}{unit}"))
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
        "problems": report.problems.iter().map(Remark::english).collect::<Vec<_>>(),
        "notes": report.notes.iter().map(Remark::english).collect::<Vec<_>>(),
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
