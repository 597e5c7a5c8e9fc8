//! `anomalies list` and `series show`: what the store holds, one JSON object a line or a table.

use jiff::civil::date;
use mongodb::bson::{Bson, Document};
use serde_json::Value;

use super::SpanArgs;
use super::dates::AsOf;
use super::present::{self, Form};
use crate::config::Config;
use crate::job::Grade;
use crate::series::SeriesKey;
use crate::store::{Access, DateRange, Store};

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

pub(super) async fn series(
    config: Config,
    key: &SeriesKey,
    as_of: Option<AsOf>,
    span: &SpanArgs,
    form: Form,
) -> anyhow::Result<Grade> {
    let store = Store::open(&config.store, Access::Read).await?;
    let documents = match as_of {
        Some(as_of) => store.daily_as_of(range(span), key, as_of.in_zone(&config.zone)?).await?,
        None => store.daily(range(span), key).await?,
    };
    show(
        &documents,
        &["date", "expectAmount", "generalAmount", "discountAmount", "usageTime", "usageSize", "isAnomaly"],
        form,
    );
    Ok(Grade::Done)
}

pub(super) fn range(span: &SpanArgs) -> DateRange {
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

/// A document as [`show`] prints it for machines.
pub(super) fn json_of(document: &Document) -> Value {
    json(&Bson::Document(document.clone()))
}

fn text(value: Option<&Bson>) -> String {
    match value {
        None | Some(Bson::Null) => String::new(),
        Some(Bson::String(text)) => text.clone(),
        Some(Bson::Double(number)) => format!("{number:.2}"),
        Some(other) => json(other).to_string(),
    }
}

/// Plain JSON: dates in RFC 3339, numbers as numbers, bytes in hex.
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
