//! The command `anomalies list`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::args::{Row, SelectionArgs};
use super::present::{self, Form};
use crate::config::StoreConfig;
use crate::pipeline::Grade;
use model::anomaly::Severity;
use model::language::Language;
use model::moment::Moment;
use model::money;
use model::series::parse_day;
use notify::Locale;
use store::{Access, AnomalyRecord, Store};

#[derive(Debug, Subcommand)]
pub(super) enum AnomaliesCommand {
    /// List anomalies, oldest first.
    List(ListArgs),
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// State of the anomaly, like NEW.
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
}

pub(super) async fn anomalies(config: StoreConfig, command: AnomaliesCommand, form: Form) -> anyhow::Result<Grade> {
    let AnomaliesCommand::List(args) = command;
    let range = args.selection.span.range()?;
    let store = Store::open(&config.store, Access::Read).await?;
    let mut records = store.anomalies(range).await?;
    records.retain(|record| {
        args.state.as_ref().is_none_or(|state| state.eq_ignore_ascii_case(text(&record.json, "status")))
    });
    let records = args.selection.select(records, row);
    match form {
        Form::Json => records.into_iter().for_each(|record| present::out(&Value::Object(record.json).to_string())),
        Form::Text => present::out(&table(&records, config.locale())),
    }
    Ok(Grade::Done)
}

fn row(record: &AnomalyRecord) -> Row<'_> {
    let json = &record.json;
    Row {
        project: [text(json, "projectId"), text(json, "projectName")],
        service: [text(json, "serviceId"), text(json, "serviceName")],
        rules: vec![text(json, "ruleId")],
        severity: text(json, "severity"),
    }
}

fn table(records: &[AnomalyRecord], locale: Locale<'_>) -> String {
    let mut table = present::anomaly_table(locale);
    for record in records {
        let json = &record.json;
        let number = |field: &str| json.get(field).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let amount = |field: &str| money::amount(number(field), locale.currency);
        let hour = json.get("hour").and_then(Value::as_u64).and_then(|hour| u8::try_from(hour).ok());
        let day = text(json, "date");
        table.add_row([
            parse_day(day)
                .map_or_else(|| day.to_owned(), |date| present::moment(Moment { date, hour }, locale.language)),
            severity(text(json, "severity"), locale.language),
            present::rule_label(text(json, "ruleId"), record.is_shadow),
            amount("observedAmount"),
            amount("expected"),
            present::series_label([text(json, "domainName"), text(json, "projectName"), text(json, "serviceName")]),
        ]);
    }
    table.to_string()
}

/// Returns the word of a stored severity; the stored word if unknown.
fn severity(stored: &str, language: Language) -> String {
    let known = [Severity::Info, Severity::Warning, Severity::Critical];
    let known = known.into_iter().find(|severity| severity.as_str() == stored);
    known.map_or(stored, |severity| severity.text(language)).to_owned()
}

fn text<'j>(json: &'j Map<String, Value>, field: &str) -> &'j str {
    json.get(field).and_then(Value::as_str).unwrap_or_default()
}
