//! The commands `anomalies list`, `series list` and `series show`: print stored documents in a table or in JSON.

use clap::Subcommand;
use jiff::civil::{Date, date};
use mongodb::bson::{Bson, Document};
use serde_json::Value;
use tracing::Level;

use super::present::{self, Form};
use super::{SpanArgs, dates};
use crate::config::Config;
use crate::job::Grade;
use crate::money;
use crate::series::{ALL, SeriesKey};
use crate::store::{Access, DateRange, Store};

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
    let documents = store.findings(range(span)).await?;
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
    show(&documents, &columns, form);
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
            let cost = |document: &Document| document.get_f64("expectAmount").unwrap_or(0.0);
            documents.sort_by(|one, other| cost(other).total_cmp(&cost(one)));
            let ids = ["domainId", "projectId", "serviceId"];
            let names = ["domainName", "projectName", "serviceName", "expectAmount", "isAnomaly"];
            show(&documents, &[&["date"][..], &ids, &names].concat(), form);
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
            show(&documents, &[&["date"][..], &amounts].concat(), form);
        }
    }
    Ok(Grade::Done)
}

pub(super) fn range(span: &SpanArgs) -> DateRange {
    // The ledger has no day outside the two defaults.
    DateRange { from: span.from.unwrap_or(date(1970, 1, 1)), to: span.to.unwrap_or(date(9999, 12, 31)) }
}

fn show(documents: &[Document], columns: &[&str], form: Form) {
    match form {
        Form::Json => {
            for document in documents {
                present::out(&json_of(document).to_string());
            }
        }
        Form::Text => {
            let mut table = present::table(columns, &[]);
            for document in documents {
                table.add_row(columns.iter().map(|column| text(document.get(column))));
            }
            present::out(&table.to_string());
        }
    }
}

/// Returns a document in the JSON form of [`show`].
pub(super) fn json_of(document: &Document) -> Value {
    json(&Bson::Document(document.clone()))
}

fn text(value: Option<&Bson>) -> String {
    match value {
        None | Some(Bson::Null) => String::new(),
        Some(Bson::String(text)) => text.clone(),
        Some(Bson::Double(number)) => money::text(*number),
        Some(other) => json(other).to_string(),
    }
}

/// Converts BSON to plain JSON: dates in RFC 3339, numbers unchanged, bytes in hex.
fn json(value: &Bson) -> Value {
    match value {
        Bson::Document(document) => {
            document.iter().map(|(key, value)| (key.clone(), json(value))).collect::<serde_json::Map<_, _>>().into()
        }
        Bson::Array(elements) => elements.iter().map(json).collect(),
        Bson::DateTime(at) => at.try_to_rfc3339_string().map_or(Value::Null, Value::from),
        Bson::Binary(binary) => hex::encode(&binary.bytes).into(),
        Bson::ObjectId(id) => id.to_hex().into(),
        other => other.clone().into_relaxed_extjson(),
    }
}
