//! Standard error: the log, and what commands say beside their output. For people it is text; of the commands that a schedule
//! starts it is one JSON object a line, unless a terminal shows it, so that whoever reads the log of a night can do so with
//! one tool. `COSTWARDEN_LOG_FORMAT` (`text`, `json`) says it otherwise. Every line has the run's id.
//!
//! `COSTWARDEN_LOG` filters the log; without it come errors, costwarden's own warnings, and one line that sums up each run.
//! What commands say of their failure is not filtered.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;
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
use crate::job::{Outcome, Report};
use crate::run_id::RunId;
use crate::sink;

/// Of the lines that sum up runs.
const SUMMARY: &str = "costwarden::run";

/// How standard error looks from now on.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Begins to log.
///
/// # Errors
/// The environment asks for what there is not.
pub(super) fn start(run: RunId, reader: Reader) -> Result<(), String> {
    let form = match environment("COSTWARDEN_LOG_FORMAT").as_deref() {
        Some("text") => Ok(Form::Text),
        Some("json") => Ok(Form::Json),
        Some(other) => Err(format!("COSTWARDEN_LOG_FORMAT: expected text or json, found {other:?}")),
        None => Ok(reader.form()),
    };
    let wanted = *form.as_ref().unwrap_or(&reader.form());
    let lines = *LINES.get_or_init(|| Lines { run, form: wanted, clock: Timestamp::now });
    if wanted == Form::Json {
        std::panic::set_hook(Box::new(|panic| drop(say(Level::ERROR, &format!("a defect of costwarden: {panic}")))));
    }
    form?;
    let mut default = format!("error,costwarden=warn,{SUMMARY}=info");
    if reader == Reader::Author {
        default.push_str(",costwarden::detector::log=debug");
    }
    let filter = EnvFilter::try_new(environment("COSTWARDEN_LOG").unwrap_or(default))
        .map_err(|error| format!("COSTWARDEN_LOG: {error}; expected, for example, costwarden=debug"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        // It would be told where it cannot be told: on standard error, by a panic that ends the run.
        .log_internal_errors(false)
        .event_format(lines);
    log.finish().with(discretion()).init();
    Ok(())
}

/// Who starts a command, as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Person,
    /// Somebody who tries a plugin out, to whom all that it logs is shown.
    Author,
    Schedule,
}

impl Reader {
    fn form(self) -> Form {
        match self {
            Self::Schedule if !io::stderr().is_terminal() => Form::Json,
            Self::Schedule | Self::Person | Self::Author => Form::Text,
        }
    }
}

/// Says something that is no line of the log, in the log's form: as it is for people.
pub(super) fn say(level: Level, text: &str) -> io::Result<()> {
    let line = match LINES.get() {
        Some(lines) if lines.form == Form::Json => {
            lines.json(level, &Fields { message: text.to_owned(), others: Vec::new() })
        }
        _ => text.to_owned(),
    };
    // In one piece, so that a process that is killed leaves no part of a line.
    io::stderr().lock().write_all(format!("{line}\n").as_bytes())
}

/// A notice to people that has no place on standard output.
pub(super) fn notice(level: sink::Level, text: &str) -> io::Result<()> {
    let level = match level {
        sink::Level::Critical | sink::Level::Error => Level::ERROR,
        sink::Level::Info => Level::INFO,
    };
    say(level, text)
}

/// Whatever the filter asks for: what other crates say below `info` may hold credentials, as the S3 client's traces do.
fn discretion() -> FilterFn {
    filter_fn(|line| *line.level() <= Level::INFO || line.target().starts_with("costwarden"))
}

/// The one line of a run: what it was for, and what came of it. Of a failed run it is an error, of one that is degraded or
/// was ended early a warning.
pub(super) fn summary(report: &Report, took: Duration) {
    let count = |name: &str| report.counts.get(name).copied().unwrap_or(0);
    let problem = report.error.as_deref().or(report.problems.first().map(String::as_str));
    macro_rules! say {
        ($level:ident) => {
            tracing::event!(
                target: SUMMARY,
                Level::$level,
                job = report.job,
                period = (!report.period.is_empty()).then_some(report.period.as_str()),
                outcome = report.outcome().as_str(),
                rows = count("rows"),
                series = count("series"),
                rules = count("rules"),
                judged = count("judged"),
                learning = count("learning"),
                findings = count("findings"),
                notices = count("notices"),
                undelivered = count("undelivered"),
                spooled = count("spooled"),
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
        Outcome::Degraded | Outcome::Stopped | Outcome::TakenOver => say!(WARN),
        Outcome::Failed => say!(ERROR),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

/// How lines look.
#[derive(Clone, Copy)]
struct Lines {
    run: RunId,
    form: Form,
    clock: fn() -> Timestamp,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for Lines {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
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
        // One line, whatever is in it.
        let mut line = format!("{colour}{level:>5}{plain} {}", fields.message.replace(['\n', '\r'], " "));
        for (name, value) in fields.others.iter().filter(|(_, value)| *value != "") {
            // A text is shown bare where nothing in it could be taken for the next field.
            let value = match value {
                Value::String(text) if !text.contains([' ', '=', '"']) => text.clone(),
                value => value.to_string(),
            };
            line.push_str(&format!(" {dim}{name}={plain}{value}"));
        }
        format!("{line} {dim}run={}{plain}", self.run)
    }

    /// Written out field by field, since an object of its own would put them in the order of the alphabet.
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

/// What an event says, in its order.
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

    /// What is written while `say` runs, with the ids and the time of the lines fixed.
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
        let lines = Lines { run: RunId::from_bytes([7; 16]).unwrap(), form, clock };
        let sheet = Sheet::default();
        let writer = sheet.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).event_format(lines);
        tracing::subscriber::with_default(log.finish(), say);
        let bytes = sheet.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn some_lines() {
        let mut report = Report::new("daily", "20261122".to_owned());
        report.counts.extend([("rows", 12), ("series", 4), ("rules", 5), ("judged", 20), ("findings", 1)]);
        report.total = Some("123,456 KRW".to_owned());
        summary(&report, Duration::from_millis(1_234));
        report.problems.push("sink syslog: cannot write".to_owned());
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
