//! `billing_anomalies`: one anomaly per document, with the fields of the replaced pipeline and additional fields.

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{Bson, Document, RawDocument, doc};

use super::{
    Collection, Interner, Upsert, date, date_text, figures_document, finite, hour_value, json, key_fields, name_fields,
    number, series, time,
};
use crate::{AnomalyRecord, Found};
use model::anomaly::Anomaly;

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_anomalies",
    key: &["date", "hour", "domainId", "projectId", "serviceId", "ruleId"],
    unique: "unique_anomaly_key",
    indexes: &[
        ("date_hour_desc", &[("date", -1), ("hour", -1)]),
        ("status_created_desc", &[("status", 1), ("createdAt", -1)]),
        ("domain_project_service", &[("domainId", 1), ("projectId", 1), ("serviceId", 1)]),
    ],
};

/// The field order of listed documents. Unknown fields follow in alphabetical order.
const FIELDS: [&str; 30] = [
    "date",
    "hour",
    "domainId",
    "domainName",
    "projectId",
    "projectName",
    "serviceId",
    "serviceName",
    "ruleId",
    "grain",
    "direction",
    "severity",
    "observedAmount",
    "expected",
    "lower",
    "upper",
    "score",
    "impact",
    "reason",
    "baselineMean",
    "baselineStd",
    "zScore",
    "deviationRatio",
    "threshold",
    "detector",
    "incident",
    "status",
    "createdAt",
    "updatedAt",
    "runId",
];

/// Returns the first fields of the key: the date and the hour.
pub(crate) fn key(date: Date, hour: Option<u8>) -> Document {
    doc! { "date": date_text(date), "hour": hour_value(hour) }
}

pub(crate) fn upsert(anomaly: &Anomaly, now: Timestamp) -> Upsert {
    let mut id = key(anomaly.date, anomaly.hour);
    key_fields(&mut id, &anomaly.series);
    id.insert("ruleId", &anomaly.rule);
    let mut set = Document::new();
    name_fields(&mut set, &anomaly.names);
    let std = anomaly.figures.get("std").copied();
    set.extend(doc! {
        "observedAmount": anomaly.observed,
        "baselineMean": finite(anomaly.mean()),
        "baselineStd": std.map_or(Bson::Null, finite),
        "zScore": anomaly.z_score().map_or(Bson::Null, finite),
        "deviationRatio": anomaly.deviation_ratio().map_or(Bson::Null, finite),
        "threshold": figures_document(&anomaly.threshold),
        "grain": anomaly.grain.as_str(),
        "detector": &anomaly.detector,
        "score": finite(anomaly.score),
        "expected": finite(anomaly.expected),
        "lower": finite(anomaly.lower),
        "upper": finite(anomaly.upper),
        "impact": finite(anomaly.impact),
        "direction": anomaly.direction.as_str(),
        "severity": anomaly.severity.as_str(),
        "reason": &anomaly.reason,
        "incident": anomaly.incident.as_deref(),
        "updatedAt": time(now),
    });
    // A person may change the status later, so only the insert sets the status.
    Upsert { key: id, set, on_insert: doc! { "status": "NEW", "createdAt": time(now) } }
}

/// Reads the series, day and hour of an anomaly.
pub(crate) fn read_found(document: &RawDocument, texts: &mut Interner) -> Result<Found, String> {
    let hour = match document.get("hour").map_err(|error| error.to_string())?.and_then(number) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be 0 to 23")]
        Some(hour) if (0.0..24.0).contains(&hour) => Some(hour as u8),
        Some(hour) => return Err(format!("hour is {hour}, expected 0 to 23")),
        None => None,
    };
    let date = date(document.get_str("date").map_err(|error| error.to_string())?)?;
    let (series, _) = series(document, texts)?;
    Ok(Found { series, date, hour })
}

/// Prepares a stored document for a list: without `_id`, and with the same field order for both databases.
pub(crate) fn listed(mut document: Document) -> Document {
    document.remove("_id");
    let mut listed: Document =
        FIELDS.iter().filter_map(|field| document.remove(field).map(|value| ((*field).to_owned(), value))).collect();
    let mut others: Vec<_> = document.into_iter().collect();
    others.sort_by(|one, other| one.0.cmp(&other.0));
    listed.extend(others);
    listed
}

/// Reads a stored document.
pub(crate) fn record(document: Document) -> AnomalyRecord {
    let incident = document.get_str("incident").ok().map(str::to_owned);
    AnomalyRecord { incident, json: json::object(document) }
}
