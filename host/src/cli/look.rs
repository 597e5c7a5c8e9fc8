//! The commands `anomalies list`, `series list` and `series show`: print stored documents in a table or in JSON.

use clap::Subcommand;
use jiff::civil::{Date, date};
use model::history::Measure;
use serde_json::{Map, Value};
use tracing::Level;

use super::present::{self, Form};
use super::{SpanArgs, dates};
use crate::config::Config;
use crate::pipeline::Grade;
use model::money;
use model::series::{ALL, SeriesKey};
use store::{Access, DailyRecord, DateRange, Store};

#[derive(Debug, Subcommand)]
pub(super) enum SeriesCommand {
    /// List the series of a day with ids and names, most expensive first.
    List {
        /// Day, like 2026-11-23. Default: the newest day in the store.
        #[arg(long, value_parser = dates::day)]
        date: Option<Date>,
    },
    /// Show the days of a series in the ledger.
    Show {
        /// Series key domainId/projectId/serviceId, from `series list` or from an anomaly.
        #[arg(long, value_parser = dates::series)]
        series: SeriesKey,
        /// Moment of knowledge: show the amounts known at the end of a day, or at a moment.
        #[arg(long, value_parser = dates::as_of, value_name = "DAY|MOMENT")]
        as_of: Option<dates::AsOf>,
        #[command(flatten)]
        span: SpanArgs,
    },
}

pub(super) async fn anomalies(config: Config, span: &SpanArgs, form: Form) -> anyhow::Result<Grade> {
    let store = Store::open(&config.store, Access::Read).await?;
    let documents = store.anomalies(range(span)).await?;
    let columns = [
        "date",
        "hour",
        "domainName",
        "projectName",
        "serviceName",
        "ruleId",
        "observedAmount",
        "expected",
        "score",
        "status",
        "reason",
    ];
    show(documents.iter().map(|record| &record.json), &columns, form);
    Ok(Grade::Done)
}

pub(super) async fn series(config: Config, command: SeriesCommand, form: Form) -> anyhow::Result<Grade> {
    let store = Store::open(&config.store, Access::Read).await?;
    match command {
        SeriesCommand::List { date } => {
            let Some(day) = date.or(store.newest_day().await?) else {
                anyhow::bail!("the ledger holds no day yet: costwarden backfill --from DAY loads some");
            };
            let every = SeriesKey::new(ALL, ALL, ALL);
            let mut documents = store.daily(DateRange { from: day, to: day }, &every).await?;
            if documents.is_empty() {
                anyhow::bail!("the ledger does not hold {day}: costwarden daily --date {day} fetches it");
            }
            let cost = |record: &DailyRecord| record.amounts.get(&Measure::BilledCost).copied().unwrap_or(0.0);
            documents.sort_by(|one, other| cost(other).total_cmp(&cost(one)));
            let ids = ["domainId", "projectId", "serviceId"];
            let names = ["domainName", "projectName", "serviceName", "expectAmount", "isAnomaly"];
            show(documents.iter().map(|record| &record.json), &[&["date"][..], &ids, &names].concat(), form);
        }
        SeriesCommand::Show { series, as_of, span } => {
            let documents = match as_of {
                Some(as_of) => store.daily_as_of(range(&span), &series, as_of.in_zone(&config.zone)?).await?,
                None => store.daily(range(&span), &series).await?,
            };
            if documents.is_empty() {
                let message =
                    format!("the ledger holds no such day of {series}: costwarden series list names all series");
                present::complaint(Level::WARN, &message);
            }
            let amounts = ["expectAmount", "generalAmount", "discountAmount", "usageTime", "usageSize", "isAnomaly"];
            show(documents.iter().map(|record| &record.json), &[&["date"][..], &amounts].concat(), form);
        }
    }
    Ok(Grade::Done)
}

pub(super) fn range(span: &SpanArgs) -> DateRange {
    // The ledger has no day outside the two defaults.
    DateRange { from: span.from.unwrap_or(date(1970, 1, 1)), to: span.to.unwrap_or(date(9999, 12, 31)) }
}

fn show<'r>(records: impl Iterator<Item = &'r Map<String, Value>>, columns: &[&str], form: Form) {
    match form {
        Form::Json => records.for_each(|record| present::out(&Value::Object(record.clone()).to_string())),
        Form::Text => {
            let mut table = present::table(columns, &[]);
            for record in records {
                table.add_row(columns.iter().map(|column| text(record.get(*column))));
            }
            present::out(&table.to_string());
        }
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if number.is_f64() => money::text(number.as_f64().unwrap_or(f64::NAN)),
        Some(other) => other.to_string(),
    }
}
