//! `billing_incidents`: one incident per document, with the deliveries to each receiver.

mod history;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use model::anomaly::{Direction, Severity};
use model::incident::{
    DayImpact, Delivery, DeliveryFailure, FinishedDayImpact, Incident, IncidentState, NormalDay, OpeningBand,
    PartialDayImpact, Resolution, Suppression,
};
use model::intern::Interner;
use model::moment::Moment;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawDocumentBuf, doc};

use super::field::{
    bson_time, date_text, field_name, figures_document, hour_value, insert_key, insert_names, parse_date, read_series,
    timestamp,
};
use super::key::Collection;
use super::upsert::Upsert;
use crate::records::IncidentWrite;

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_incidents",
    key: &["incident"],
    unique_index: "unique_incident",
    indexes: &[
        ("settled", &[("settled", 1)]),
        ("domain_project_service", &[("domainId", 1), ("projectId", 1), ("serviceId", 1)]),
    ],
};

/// Replaces an incident.
pub(crate) fn upsert(write: &IncidentWrite, now: Timestamp) -> Upsert {
    let incident = &write.incident;
    let mut set = Document::new();
    insert_key(&mut set, &incident.series);
    insert_names(&mut set, &incident.names);
    let by_day = || incident.by_day.iter().map(|(date, impacts)| (date_text(*date), impacts));
    let impact_by_day = by_day().map(|(date, impacts)| (date, Bson::Double(impacts.impact())));
    let whole_days = by_day().filter_map(|(date, impacts)| {
        let FinishedDayImpact { impact, observed, expected } = impacts.finished_day?;
        Some((date, Bson::Document(doc! { "impact": impact, "observed": observed, "expected": expected })))
    });
    let part_days = by_day().filter_map(|(date, impacts)| {
        let PartialDayImpact { hour, impact } = impacts.partial_day?;
        Some((date, Bson::Document(doc! { "hour": hour_value(Some(hour)), "impact": impact })))
    });
    let (state, closed_as) = match incident.state {
        IncidentState::Open => ("open", None),
        IncidentState::Closed(resolution) => ("closed", Some(resolution.as_str())),
        IncidentState::Retracted => ("retracted", None),
    };
    let recurs_until = incident.recurrence_days().map(|days| incident.last_seen.date.saturating_add(days.days()));
    let deliveries = incident.deliveries.iter().map(|(receiver, delivery)| {
        let delivery = doc! {
            "notifiedImpact": delivery.notified_impact,
            "growthOn": delivery.growth_on.map(date_text),
            "closed": delivery.end_notified,
            "newLevel": delivery.new_level_notified,
            "retracted": delivery.retraction_notified,
            "notifications": i64::from(delivery.notifications),
            "thread": delivery.thread.as_deref(),
        };
        (field_name(receiver).into_owned(), Bson::Document(delivery))
    });
    let failures = incident.failures.iter().map(|(receiver, failure)| {
        let failure = doc! { "at": bson_time(failure.at), "cause": &failure.cause };
        (field_name(receiver).into_owned(), Bson::Document(failure))
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
        "recursUntil": recurs_until.map(date_text),
        "rules": incident.rules.iter().collect::<Vec<_>>(),
        "bands": incident.bands.iter().map(|(rule, band)| band_document(rule, band)).collect::<Vec<_>>(),
        "peakScore": incident.peak_score,
        "impact": incident.impact(),
        "impactByDay": impact_by_day.collect::<Document>(),
        "wholeDays": whole_days.collect::<Document>(),
        "partDays": part_days.collect::<Document>(),
        "acceptedImpact": incident.accepted_impact,
        "observed": incident.observed,
        "expected": incident.expected,
        "reason": &incident.reason,
        "resolvedBy": incident.resolved_by.map(|day| doc! { "observed": day.observed, "expected": day.expected }),
        "muted": incident.muted,
        "explained": incident.is_explained,
        "suppressedBy": incident.suppressed_by.as_ref().map(suppression_document),
        "deliveries": deliveries.collect::<Document>(),
        "failures": failures.collect::<Document>(),
        "settled": write.is_settled,
        "updatedAt": bson_time(now),
    });
    // Without an entry, the stored entries stay.
    if !incident.history.is_empty() {
        set.insert("history", incident.history.iter().map(history::document).collect::<Vec<_>>());
    }
    Upsert { key: doc! { "incident": &incident.id }, set, on_insert: doc! { "createdAt": bson_time(now) } }
}

pub(crate) fn read(document: &Document, interner: &mut Interner) -> Result<Incident, String> {
    let raw = RawDocumentBuf::from_document(document).map_err(|error| error.to_string())?;
    let (series, names) = read_series(&raw, interner)?;
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
        "closed" => {
            IncidentState::Closed(document.get_str("closedAs").map_or(Ok(Resolution::Returned), parse_resolution)?)
        }
        "retracted" => IncidentState::Retracted,
        other => return Err(format!("state is `{other}`, expected open, closed or retracted")),
    };
    let mut rules = BTreeSet::new();
    for rule in document.get_array("rules").map_err(|error| error.to_string())? {
        rules.insert(rule.as_str().ok_or("rules contains a value that is not a text")?.to_owned());
    }
    let mut by_day: BTreeMap<Date, DayImpact> = BTreeMap::new();
    for (day, impact) in document.get_document("wholeDays").map_err(|error| error.to_string())? {
        let impact = impact.as_document().and_then(|day| {
            let amount = |field: &str| day.get_f64(field).ok();
            let (observed, expected) = (amount("observed")?, amount("expected")?);
            Some(FinishedDayImpact { impact: amount("impact")?, observed, expected })
        });
        by_day.entry(parse_date(day)?).or_default().finished_day =
            Some(impact.ok_or_else(|| format!("wholeDays.{day} has no impact, observed and expected"))?);
    }
    for (day, part) in document.get_document("partDays").into_iter().flatten() {
        let part = part.as_document().and_then(|part| {
            let hour = u8::try_from(part.get_i32("hour").ok()?).ok()?;
            Some(PartialDayImpact { hour, impact: part.get_f64("impact").ok()? })
        });
        by_day.entry(parse_date(day)?).or_default().partial_day =
            Some(part.ok_or_else(|| format!("partDays.{day} has no hour and impact"))?);
    }
    let mut bands = BTreeMap::new();
    for band in document.get_array("bands").into_iter().flatten() {
        let (rule, band) = band.as_document().ok_or("bands has a value that is not a document").and_then(read_band)?;
        bands.insert(rule, band);
    }
    let mut deliveries = BTreeMap::new();
    for (receiver, delivery) in document.get_document("deliveries").map_err(|error| error.to_string())? {
        let delivery = delivery.as_document().and_then(read_delivery);
        deliveries.insert(
            receiver.clone(),
            delivery.ok_or_else(|| format!("deliveries.{receiver} has no notifiedImpact, closed and notifications"))?,
        );
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
        bands,
        peak_score: double("peakScore")?,
        by_day,
        accepted_impact: document.get_f64("acceptedImpact").ok(),
        history: history::read(document)?,
        observed: double("observed")?,
        expected: double("expected")?,
        reason: text("reason")?.to_owned(),
        resolved_by: document.get_document("resolvedBy").ok().map(read_normal_day).transpose()?,
        muted: document.get_bool("muted").map_err(|error| error.to_string())?,
        suppressed_by: document.get_document("suppressedBy").ok().map(read_suppression).transpose()?,
        is_explained: document.get_bool("explained").map_err(|error| error.to_string())?,
        deliveries,
        failures: read_failures(document)?,
    })
}

fn suppression_document(suppression: &Suppression) -> Document {
    match suppression {
        Suppression::Silence(id) => doc! { "silence": id },
        Suppression::PlannedEvent(id) => doc! { "event": id },
    }
}

fn read_suppression(document: &Document) -> Result<Suppression, String> {
    let id = |field: &str| document.get_str(field).ok().map(str::to_owned);
    let silence = id("silence").map(Suppression::Silence);
    silence
        .or_else(|| id("event").map(Suppression::PlannedEvent))
        .ok_or_else(|| "suppressedBy has no silence and no event".to_owned())
}

fn read_normal_day(document: &Document) -> Result<NormalDay, String> {
    let observed = document.get_f64("observed").map_err(|error| format!("resolvedBy.observed: {error}"))?;
    Ok(NormalDay { observed, expected: document.get_f64("expected").ok() })
}

fn parse_resolution(text: &str) -> Result<Resolution, String> {
    Resolution::parse(text).ok_or_else(|| {
        let names = Resolution::ALL.map(Resolution::as_str);
        format!("closedAs is `{text}`, expected one of {}", names.join(", "))
    })
}

/// A list of documents, because a rule id may contain characters that a field name must not contain.
fn band_document(rule: &str, band: &OpeningBand) -> Document {
    let OpeningBand { detector, settings, through, state, figures } = band;
    doc! {
        "ruleId": rule,
        "detector": detector,
        "settings": settings,
        "through": date_text(*through),
        "state": Binary { subtype: BinarySubtype::Generic, bytes: state.clone() },
        "figures": figures_document(figures),
    }
}

fn read_band(document: &Document) -> Result<(String, OpeningBand), &'static str> {
    let text = |field: &str| document.get_str(field).ok().map(str::to_owned);
    let read = || {
        let figures = document.get_document("figures").ok()?.iter();
        let band = OpeningBand {
            detector: text("detector")?,
            settings: text("settings")?,
            through: parse_date(document.get_str("through").ok()?).ok()?,
            state: document.get_binary_generic("state").ok()?.clone(),
            figures: figures.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect(),
        };
        Some((text("ruleId")?, band))
    };
    read().ok_or("bands has a document without rule, detector, settings, day, state and figures")
}

fn read_failures(document: &Document) -> Result<BTreeMap<String, DeliveryFailure>, String> {
    let failures = document.get_document("failures").map_err(|error| error.to_string())?;
    let read = |(receiver, failure): (&String, &Bson)| {
        let failure = failure.as_document().ok_or_else(|| format!("failures.{receiver} is no document"))?;
        let at = timestamp(*failure.get_datetime("at").map_err(|error| error.to_string())?)?;
        let cause = failure.get_str("cause").map_err(|error| error.to_string())?.to_owned();
        Ok((receiver.clone(), DeliveryFailure { at, cause }))
    };
    failures.iter().map(read).collect()
}

fn read_delivery(document: &Document) -> Option<Delivery> {
    Some(Delivery {
        notified_impact: document.get_f64("notifiedImpact").ok()?,
        growth_on: document.get_str("growthOn").ok().map(parse_date).transpose().ok()?,
        end_notified: document.get_bool("closed").ok()?,
        new_level_notified: document.get_bool("newLevel").ok()?,
        retraction_notified: document.get_bool("retracted").ok()?,
        notifications: document.get_i64("notifications").ok()?.try_into().ok()?,
        thread: document.get_str("thread").ok().map(str::to_owned),
    })
}

fn moment_document(moment: Moment) -> Document {
    doc! { "date": date_text(moment.date), "hour": hour_value(moment.hour) }
}

fn read_moment(document: &Document) -> Result<Moment, String> {
    let hour = match document.get("hour") {
        None | Some(Bson::Null) => None,
        Some(hour) => Some(
            hour.as_i32()
                .and_then(|hour| u8::try_from(hour).ok())
                .ok_or_else(|| format!("hour is {hour}, expected 0 to 23"))?,
        ),
    };
    Ok(Moment { date: parse_date(document.get_str("date").map_err(|error| error.to_string())?)?, hour })
}
