//! `billing_anomalies`: one anomaly per document, with the fields of the replaced pipeline and additional fields.

use jiff::Timestamp;
use model::anomaly::Anomaly;
use model::incident::{Incident, IncidentState, Resolution};
use model::intern::Interner;
use model::moment::Moment;
use mongodb::bson::{Bson, Document, RawDocument, doc};

use super::field::{
    bson_time, date_text, figures_document, finite, hour_value, insert_key, insert_names, number, parse_date,
    read_series,
};
use super::json;
use super::key::Collection;
use super::upsert::Upsert;
use crate::records::{AnomalyKey, AnomalyRecord, DateRange};

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_anomalies",
    key: &["date", "hour", "domainId", "projectId", "serviceId", "ruleId"],
    unique_index: "unique_anomaly_key",
    indexes: &[
        ("date_hour_desc", &[("date", -1), ("hour", -1)]),
        ("status_created_desc", &[("status", 1), ("createdAt", -1)]),
        ("domain_project_service", &[("domainId", 1), ("projectId", 1), ("serviceId", 1)]),
    ],
};

/// The field order of listed documents. Unknown fields follow in alphabetical order.
const FIELDS: [&str; 32] = [
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
    SHADOW,
    "incident",
    "plannedEvent",
    "status",
    "createdAt",
    "updatedAt",
    "runId",
];

/// The mark of an anomaly of a shadow rule.
pub(crate) const SHADOW: &str = "shadow";

/// Returns the first fields of the key: the date and the hour.
pub(crate) fn moment_key(moment: Moment) -> Document {
    doc! { "date": date_text(moment.date), "hour": hour_value(moment.hour) }
}

pub(crate) fn upsert(anomaly: &Anomaly, now: Timestamp) -> Upsert {
    let mut key = moment_key(Moment { date: anomaly.date, hour: anomaly.hour });
    insert_key(&mut key, &anomaly.series);
    key.insert("ruleId", &anomaly.rule);
    let mut set = Document::new();
    insert_names(&mut set, &anomaly.names);
    let std = anomaly.figures.get("std").copied();
    set.extend(doc! {
        "observedAmount": anomaly.observed,
        "baselineMean": finite(anomaly.mean()),
        "baselineStd": std.map_or(Bson::Null, finite),
        "zScore": anomaly.z_score().map_or(Bson::Null, finite),
        "deviationRatio": anomaly.deviation_ratio().map_or(Bson::Null, finite),
        "threshold": figures_document(&anomaly.numeric_settings),
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
        SHADOW: anomaly.is_shadow,
        "incident": anomaly.incident.as_deref(),
        "plannedEvent": anomaly.planned_event.as_deref(),
        "updatedAt": bson_time(now),
    });
    let status = if anomaly.planned_event.is_some() { "PLANNED" } else { "NEW" };
    // A decision or another program may change the status later, so only the insert sets the status.
    Upsert { key, set, on_insert: doc! { "status": status, "createdAt": bson_time(now) } }
}

/// The statuses that costwarden writes. Any other status is a person's, and stays.
pub(crate) const OWN_STATUSES: [&str; 5] = ["NEW", "PLANNED", "ACCEPTED", "EXPECTED", "DISMISSED"];

/// Returns the status of the anomalies of a decided incident; `None` without a decision.
pub(crate) fn decided_status(incident: &Incident) -> Option<&'static str> {
    match incident.state {
        _ if !incident.is_decided() => None,
        IncidentState::Closed(Resolution::NewLevel) => Some("ACCEPTED"),
        IncidentState::Closed(Resolution::Expected) => Some("EXPECTED"),
        IncidentState::Closed(Resolution::Dismissed) => Some("DISMISSED"),
        _ => None,
    }
}

/// Returns the days with anomalies of an incident.
pub(crate) fn range_of(incident: &Incident) -> DateRange {
    let first = incident.by_day.first_key_value().map_or(incident.first_seen.date, |(date, _)| *date);
    DateRange { from: first.min(incident.first_seen.date), to: incident.last_seen.date }
}

/// Reads the series, day and hour of an anomaly.
pub(crate) fn read_key(document: &RawDocument, interner: &mut Interner) -> Result<AnomalyKey, String> {
    let hour = match document.get("hour").map_err(|error| error.to_string())?.and_then(number) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be 0 to 23")]
        Some(hour) if (0.0..24.0).contains(&hour) => Some(hour as u8),
        Some(hour) => return Err(format!("hour is {hour}, expected 0 to 23")),
        None => None,
    };
    let date = parse_date(document.get_str("date").map_err(|error| error.to_string())?)?;
    let (series, _) = read_series(document, interner)?;
    Ok(AnomalyKey { series, date, hour })
}

/// Prepares a stored document for a list: without `_id`, and with the same field order for both databases.
pub(crate) fn ordered(mut document: Document) -> Document {
    document.remove("_id");
    let mut ordered: Document =
        FIELDS.iter().filter_map(|field| document.remove(field).map(|value| ((*field).to_owned(), value))).collect();
    let mut others: Vec<_> = document.into_iter().collect();
    others.sort_by(|one, other| one.0.cmp(&other.0));
    ordered.extend(others);
    ordered
}

/// Reads a stored document.
pub(crate) fn read_record(document: Document) -> AnomalyRecord {
    let incident = document.get_str("incident").ok().map(str::to_owned);
    let is_shadow = document.get_bool(SHADOW) == Ok(true);
    AnomalyRecord { incident, is_shadow, json: json::object(document) }
}
