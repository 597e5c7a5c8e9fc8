//! Standard error: the log, and the messages of commands beside their output.
//!
//! Lines are text for people. A command started by a schedule writes a JSON object per line, unless standard error is a
//! terminal. `COSTWARDEN_LOG_FORMAT` (`text` or `json`) overrides the choice. Every line has the run id.
//!
//! `COSTWARDEN_LOG` filters the log. The default is errors, the warnings of costwarden, and a summary line for each
//! run. The error message of a failed command is not filtered.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::environment;
use crate::pipeline::{Count, Outcome, Remark, Report};
use model::run_id::RunId;
use notify;

/// The log target of summary lines.
const SUMMARY: &str = "costwarden::run";

/// The line format of standard error, set by [`start`].
static LINES: OnceLock<Lines> = OnceLock::new();

/// Starts the log.
///
/// # Errors
/// `COSTWARDEN_LOG_FORMAT` or `COSTWARDEN_LOG` is invalid.
pub(super) fn start(run: RunId, reader: Reader) -> Result<(), String> {
    let form = match environment("COSTWARDEN_LOG_FORMAT").as_deref() {
        Some("text") => Ok(Form::Text),
        Some("json") => Ok(Form::Json),
        Some(other) => Err(format!("COSTWARDEN_LOG_FORMAT: expected text or json, found {other:?}")),
        None => Ok(reader.form()),
    };
    let wanted = *form.as_ref().unwrap_or(&reader.form());
    let repeats = if reader == Reader::Measurement { Repeats::Dropped } else { Repeats::Written };
    let lines = *LINES.get_or_init(|| Lines { run, form: wanted, repeats, clock: Timestamp::now });
    // A panic message must be a line of JSON too.
    if wanted == Form::Json {
        std::panic::set_hook(Box::new(|panic| drop(say(Level::ERROR, &format!("a defect of costwarden: {panic}")))));
    }
    // After `LINES` and the panic hook are set: the error itself is printed in the chosen form.
    form?;
    let mut default = format!("error,costwarden=warn,{SUMMARY}=info");
    // The log lines of plugins are below the default level.
    if reader == Reader::Author {
        default.push_str(&format!(",{}=debug", sandbox::PLUGIN_LOG_TARGET));
    }
    let filter = EnvFilter::try_new(environment("COSTWARDEN_LOG").unwrap_or(default))
        .map_err(|error| format!("COSTWARDEN_LOG: {error}; expected, for example, costwarden=debug"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        // tracing reports a failed write with `eprintln!`, and `eprintln!` panics if standard error is closed.
        .log_internal_errors(false)
        .event_format(lines);
    log.finish().with(discretion()).init();
    Ok(())
}

/// The usual starter of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Person,
    /// An author who tries out a plugin. All log lines of the plugin are shown.
    Author,
    /// An author who measures a plugin. Each message is shown once, because a measurement repeats calls.
    Measurement,
    Schedule,
}

/// The treatment of log lines with a message that was written before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeats {
    Written,
    Dropped,
}

/// The messages of written lines, if repeats are dropped.
static WRITTEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

impl Reader {
    fn form(self) -> Form {
        match self {
            Self::Schedule if !io::stderr().is_terminal() => Form::Json,
            Self::Schedule | Self::Person | Self::Author | Self::Measurement => Form::Text,
        }
    }
}

/// Writes a message to standard error outside the log: plain text, or a log line in JSON if the log is JSON.
pub(super) fn say(level: Level, text: &str) -> io::Result<()> {
    let line = match LINES.get() {
        Some(lines) if lines.form == Form::Json => {
            lines.json(level, &Fields { message: text.to_owned(), others: Vec::new() })
        }
        _ => text.to_owned(),
    };
    // A single write: a killed process leaves no partial line.
    io::stderr().lock().write_all(format!("{line}\n").as_bytes())
}

/// Writes a notification to standard error, for runs with JSON on standard output.
pub(super) fn notification(level: notify::Level, text: &str) -> io::Result<()> {
    let level = match level {
        notify::Level::Critical | notify::Level::Error => Level::ERROR,
        notify::Level::Info => Level::INFO,
    };
    say(level, text)
}

/// Drops lines of other crates below `info`, whatever the filter says: they may contain credentials, for example in the
/// traces of the S3 client.
fn discretion() -> FilterFn {
    filter_fn(|line| *line.level() <= Level::INFO || line.target().starts_with("costwarden"))
}

/// Logs the summary line of a run: an error if the run failed, a warning if the run is degraded or ended early.
pub(super) fn summary(report: &Report, took: Duration) {
    let count = |count: Count| report.count(count);
    let problem = report.error.as_deref().or(report.problems.first().map(Remark::english));
    // A macro, because tracing needs the level as a constant.
    macro_rules! say {
        ($level:ident) => {
            tracing::event!(
                target: SUMMARY,
                Level::$level,
                job = report.job,
                period = (!report.period.is_empty()).then_some(report.period.as_str()),
                outcome = report.outcome().as_str(),
                rows = count(Count::Rows),
                series = count(Count::Series),
                rules = count(Count::Rules),
                verdicts = count(Count::Verdicts),
                insufficient_history = count(Count::InsufficientHistory),
                anomalies = count(Count::Anomalies),
                notifications = count(Count::Notifications),
                undelivered = count(Count::Undelivered),
                spooled = count(Count::Spooled),
                total = report.total,
                problems = report.problems.len(),
                problem,
                tookMs = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                "the run has ended"
            )
        };
    }
    match report.outcome() {
        Outcome::Done => say!(INFO),
        Outcome::Degraded | Outcome::Stopped | Outcome::TakenOver | Outcome::Refused => say!(WARN),
        Outcome::Failed => say!(ERROR),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// The format of log lines.
#[derive(Clone, Copy)]
struct Lines {
    run: RunId,
    form: Form,
    repeats: Repeats,
    clock: fn() -> Timestamp,
}

/// Returns true for the first line with a message.
fn is_first(message: &str) -> bool {
    WRITTEN.lock().is_ok_and(|mut written| written.insert(message.to_owned()))
}

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for Lines {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if self.repeats == Repeats::Dropped && !is_first(&fields.message) {
            return Ok(());
        }
        let level = *event.metadata().level();
        match self.form {
            Form::Text => writeln!(writer, "{}", self.text(level, &fields, writer.has_ansi_escapes())),
            Form::Json => writeln!(writer, "{}", self.json(level, &fields)),
        }
    }
}

impl Lines {
    fn text(&self, level: Level, fields: &Fields, colours: bool) -> String {
        let (dim, plain) = if colours { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let colour = match level {
            _ if !colours => "",
            Level::ERROR => "\x1b[31m",
            Level::WARN => "\x1b[33m",
            Level::INFO => "\x1b[32m",
            _ => "\x1b[34m",
        };
        // A single line: line breaks in the message become spaces.
        let mut line = format!("{colour}{level:>5}{plain} {}", fields.message.replace(['\n', '\r'], " "));
        for (name, value) in fields.others.iter().filter(|(_, value)| *value != "") {
            // Text without quotes, unless a reader could mistake a part of the text for the next field.
            let value = match value {
                Value::String(text) if !text.contains([' ', '=', '"']) => text.clone(),
                value => value.to_string(),
            };
            line.push_str(&format!(" {dim}{name}={plain}{value}"));
        }
        format!("{line} {dim}run={}{plain}", self.run)
    }

    /// Formats a JSON line field by field, because `serde_json` would sort the fields by name.
    fn json(&self, level: Level, fields: &Fields) -> String {
        let mut line = format!(
            r#"{{"timestamp":"{:.3}","level":"{level}","runId":"{}","message":{}"#,
            (self.clock)(),
            self.run,
            json!(fields.message),
        );
        for (name, value) in &fields.others {
            line.push_str(&format!(",{}:{value}", json!(name)));
        }
        line.push('}');
        line
    }
}

/// The message and the fields of an event, in the order of the event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Returns the log written while `say` runs, with a fixed run id and time.
    fn logged(form: Form, say: impl FnOnce()) -> String {
        #[derive(Clone, Default)]
        struct Sheet(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Sheet {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let clock = || Timestamp::from_millisecond(1_795_397_400_250).unwrap();
        let lines = Lines { run: RunId::from_bytes([7; 16]).unwrap(), form, repeats: Repeats::Written, clock };
        let sheet = Sheet::default();
        let writer = sheet.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).event_format(lines);
        tracing::subscriber::with_default(log.finish(), say);
        let bytes = sheet.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn some_lines() {
        let mut report = Report::new("daily", "20261122".to_owned());
        report.counts.extend([
            (Count::Rows, 12),
            (Count::Series, 4),
            (Count::Rules, 5),
            (Count::Verdicts, 20),
            (Count::Anomalies, 1),
        ]);
        report.total = Some("123,456 KRW".to_owned());
        summary(&report, Duration::from_millis(1_234));
        report.problems.push(Remark::of(&"receiver syslog: cannot write"));
        summary(&report, Duration::from_millis(1_234));
        report.error = Some("no \"answer\"".to_owned());
        summary(&report, Duration::from_millis(1_234));
        tracing::warn!(plugin = "tutorial", rule = "spike", score = 1.5, dropped = true, date = ?Some(1), "odd:\nlines");
    }

    #[test]
    fn lines_for_machines_are_json() {
        let logged = logged(Form::Json, some_lines);
        for line in logged.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["runId"], "07070707-0707-0707-0707-070707070707");
            let time: Timestamp = line["timestamp"].as_str().unwrap().parse().unwrap();
            assert_eq!(time.as_millisecond(), 1_795_397_400_250);
        }
        insta::assert_snapshot!(logged);
    }

    #[test]
    fn lines_for_people_are_short() {
        insta::assert_snapshot!(logged(Form::Text, some_lines));
    }
}
