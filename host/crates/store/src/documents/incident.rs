//! `billing_incidents`: one incident per document, with the deliveries to each receiver.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};

use super::{
    Collection, Interner, Upsert, date, date_text, field_name, hour_value, key_fields, name_fields, series, time,
    timestamp,
};
use model::anomaly::{Direction, Severity};
use model::incident::{DayImpact, Decision, Delivery, Incident, IncidentState, Moment, Resolution};

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_incidents",
    key: &["incident"],
    unique: "unique_incident",
    indexes: &[
        ("settled", &[("settled", 1)]),
        ("domain_project_service", &[("domainId", 1), ("projectId", 1), ("serviceId", 1)]),
    ],
};

/// A query for incidents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Query<'q> {
    /// Unsettled incidents, and incidents last seen or closed on the day or later.
    Current(Date),
    /// Incidents with an operator's decision, last seen on the day or later.
    Decided(Date),
    Of(&'q str),
    All,
}

impl Query<'_> {
    pub(crate) fn filter(self) -> Document {
        let since = |date: Date| doc! { "$gte": date_text(date) };
        match self {
            Self::Current(date) => {
                doc! { "$or": [{ "settled": false }, { "closedAt.date": since(date) }, { "lastSeen.date": since(date) }] }
            }
            Self::Decided(date) => doc! { "decision.as": { "$exists": true }, "lastSeen.date": since(date) },
            Self::Of(id) => doc! { "incident": id },
            Self::All => doc! {},
        }
    }

    /// Returns whether a document matches [`Query::filter`].
    pub(crate) fn matches(self, document: &RawDocument) -> bool {
        let since = |field: &str, date: Date| {
            let day = document.get_document(field).and_then(|moment| moment.get_str("date"));
            day.is_ok_and(|day| day >= date_text(date).as_str())
        };
        match self {
            Self::Current(date) => {
                document.get_bool("settled") == Ok(false) || since("closedAt", date) || since("lastSeen", date)
            }
            Self::Decided(date) => document.get_document("decision").is_ok() && since("lastSeen", date),
            Self::Of(id) => document.get_str("incident") == Ok(id),
            Self::All => true,
        }
    }
}

/// Replaces an incident. `settled` means closed, without an outstanding notification.
pub(crate) fn upsert(incident: &Incident, settled: bool, now: Timestamp) -> Upsert {
    let mut set = Document::new();
    key_fields(&mut set, &incident.series);
    name_fields(&mut set, &incident.names);
    let by_day = || incident.by_day.iter().map(|(date, seen)| (date_text(*date), seen));
    let impact_by_day = by_day().map(|(date, seen)| (date, Bson::Double(seen.impact())));
    let whole_days = by_day().filter_map(|(date, seen)| Some((date, Bson::Double(seen.finished_day?))));
    let part_days = by_day().filter_map(|(date, seen)| {
        let (hour, impact) = seen.partial_day?;
        Some((date, Bson::Document(doc! { "hour": hour_value(Some(hour)), "impact": impact })))
    });
    let (state, closed_as) = match incident.state {
        IncidentState::Open => ("open", None),
        IncidentState::Closed(closing) => ("closed", Some(closing_text(closing))),
        IncidentState::Retracted => ("retracted", None),
    };
    let decision = incident.decision.as_ref().map(|decision| {
        doc! { "as": closing_text(decision.resolution), "note": decision.note.as_deref(), "at": time(decision.at) }
    });
    let deliveries = incident.deliveries.iter().map(|(receiver, delivery)| {
        let delivery = doc! {
            "notifiedImpact": delivery.notified_impact,
            "closed": delivery.end_notified,
            "notifications": i64::from(delivery.notifications),
        };
        (field_name(receiver).into_owned(), Bson::Document(delivery))
    });
    set.extend(doc! {
        "direction": incident.direction.as_str(),
        "severity": incident.severity.as_str(),
        "state": state,
        "closedAs": closed_as,
        "openedAt": moment_document(incident.opened_at),
        "firstSeen": moment_document(incident.first_seen),
        "lastSeen": moment_document(incident.last_seen),
        "closedAt": incident.closed_at.map(moment_document),
        "rules": incident.rules.iter().collect::<Vec<_>>(),
        "peakScore": incident.peak_score,
        "impact": incident.impact(),
        "impactByDay": impact_by_day.collect::<Document>(),
        "wholeDays": whole_days.collect::<Document>(),
        "partDays": part_days.collect::<Document>(),
        "acceptedImpact": incident.accepted_impact,
        "observed": incident.observed,
        "expected": incident.expected,
        "reason": &incident.reason,
        "muted": incident.muted,
        "deliveries": deliveries.collect::<Document>(),
        "settled": settled,
        "updatedAt": time(now),
    });
    // Without a decision, the stored decision stays.
    if let Some(decision) = decision {
        set.insert("decision", decision);
    }
    Upsert { key: doc! { "incident": &incident.id }, set, on_insert: doc! { "createdAt": time(now) } }
}

pub(crate) fn read(document: &Document, names: &mut Interner) -> Result<Incident, String> {
    let raw = RawDocumentBuf::from_document(document).map_err(|error| error.to_string())?;
    let (series, names) = series(&raw, names)?;
    let text = |field: &str| document.get_str(field).map_err(|error| error.to_string());
    let double = |field: &str| document.get_f64(field).map_err(|error| error.to_string());
    let moment = |field: &str| read_moment(document.get_document(field).map_err(|error| error.to_string())?);
    let direction = match text("direction")? {
        "up" => Direction::Up,
        "down" => Direction::Down,
        other => return Err(format!("direction is `{other}`, expected up or down")),
    };
    let severity = match text("severity")? {
        "info" => Severity::Info,
        "warning" => Severity::Warning,
        "critical" => Severity::Critical,
        other => return Err(format!("severity is `{other}`, expected info, warning or critical")),
    };
    let state = match text("state")? {
        "open" => IncidentState::Open,
        "closed" => IncidentState::Closed(document.get_str("closedAs").map_or(Ok(Resolution::Returned), closing)?),
        "retracted" => IncidentState::Retracted,
        other => return Err(format!("state is `{other}`, expected open, closed or retracted")),
    };
    let mut rules = BTreeSet::new();
    for rule in document.get_array("rules").map_err(|error| error.to_string())? {
        rules.insert(rule.as_str().ok_or("rules holds something else than texts")?.to_owned());
    }
    let mut by_day: BTreeMap<Date, DayImpact> = BTreeMap::new();
    // Documents of older versions have no `wholeDays`: every impact counts for the whole day.
    let field = if document.contains_key("wholeDays") { "wholeDays" } else { "impactByDay" };
    for (day, impact) in document.get_document(field).map_err(|error| error.to_string())? {
        let impact = impact.as_f64().ok_or_else(|| format!("{field}.{day} is not a double"))?;
        by_day.entry(date(day)?).or_default().finished_day = Some(impact);
    }
    for (day, part) in document.get_document("partDays").into_iter().flatten() {
        let part = part
            .as_document()
            .and_then(|part| Some((u8::try_from(part.get_i32("hour").ok()?).ok()?, part.get_f64("impact").ok()?)));
        by_day.entry(date(day)?).or_default().partial_day =
            Some(part.ok_or_else(|| format!("partDays.{day} is not readable"))?);
    }
    let mut deliveries = BTreeMap::new();
    for (receiver, delivery) in document.get_document("deliveries").map_err(|error| error.to_string())? {
        let delivery = delivery.as_document().and_then(read_delivery);
        deliveries.insert(receiver.clone(), delivery.ok_or_else(|| format!("deliveries.{receiver} is not readable"))?);
    }
    Ok(Incident {
        id: text("incident")?.to_owned(),
        series,
        names,
        direction,
        severity,
        state,
        opened_at: moment("openedAt")?,
        first_seen: moment("firstSeen")?,
        last_seen: moment("lastSeen")?,
        closed_at: document.get_document("closedAt").ok().map(read_moment).transpose()?,
        rules,
        peak_score: double("peakScore")?,
        by_day,
        accepted_impact: document.get_f64("acceptedImpact").ok(),
        decision: document.get_document("decision").ok().map(read_decision).transpose()?,
        observed: double("observed")?,
        expected: double("expected")?,
        reason: text("reason")?.to_owned(),
        muted: document.get_bool("muted").map_err(|error| error.to_string())?,
        deliveries,
    })
}

fn closing_text(closing: Resolution) -> &'static str {
    match closing {
        Resolution::Returned => "over",
        Resolution::NewLevel => "new-level",
        Resolution::Expected => "expected",
    }
}

fn closing(text: &str) -> Result<Resolution, String> {
    match text {
        "over" => Ok(Resolution::Returned),
        "new-level" => Ok(Resolution::NewLevel),
        "expected" => Ok(Resolution::Expected),
        other => Err(format!("closedAs is `{other}`, expected over, new-level or expected")),
    }
}

fn read_decision(document: &Document) -> Result<Decision, String> {
    Ok(Decision {
        resolution: closing(document.get_str("as").map_err(|error| error.to_string())?)?,
        note: document.get_str("note").ok().map(str::to_owned),
        at: timestamp(*document.get_datetime("at").map_err(|error| error.to_string())?)?,
    })
}

fn read_delivery(document: &Document) -> Option<Delivery> {
    Some(Delivery {
        notified_impact: document.get_f64("notifiedImpact").ok()?,
        end_notified: document.get_bool("closed").ok()?,
        notifications: document.get_i64("notifications").ok()?.try_into().ok()?,
    })
}

fn moment_document(moment: Moment) -> Document {
    doc! { "date": date_text(moment.date), "hour": hour_value(moment.hour) }
}

fn read_moment(document: &Document) -> Result<Moment, String> {
    let hour = match document.get("hour") {
        None | Some(Bson::Null) => None,
        Some(hour) => {
            Some(hour.as_i32().and_then(|hour| u8::try_from(hour).ok()).ok_or_else(|| format!("hour is {hour}"))?)
        }
    };
    Ok(Moment { date: date(document.get_str("date").map_err(|error| error.to_string())?)?, hour })
}
