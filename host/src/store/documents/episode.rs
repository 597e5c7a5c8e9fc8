//! `billing_episodes`: one incident, whichever rules saw it, and who was told of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};

use super::{
    Collection, Interner, Upsert, date, date_text, field_name, hour_value, key_fields, name_fields, series, time,
};
use crate::episode::{Delivery, Episode, Moment, State};
use crate::finding::{Direction, Severity};

pub(in crate::store) const COLLECTION: Collection = Collection {
    name: "billing_episodes",
    key: &["episode"],
    unique: "unique_episode",
    indexes: &[
        ("settled", &[("settled", 1)]),
        ("domain_project_service", &[("domainId", 1), ("projectId", 1), ("serviceId", 1)]),
    ],
};

/// Which episodes may still change, or may be asked for when that day is judged again.
pub(in crate::store) fn current(closed_since: Date) -> Document {
    doc! { "$or": [{ "settled": false }, { "closedAt.date": { "$gte": date_text(closed_since) } }] }
}

/// [`current`], of one document.
pub(in crate::store) fn is_current(document: &RawDocument, closed_since: Date) -> bool {
    let closed = document.get_document("closedAt").and_then(|closed| closed.get_str("date"));
    document.get_bool("settled") == Ok(false) || closed.is_ok_and(|closed| closed >= date_text(closed_since).as_str())
}

/// `settled`: closed, and nobody is left to be told.
pub(in crate::store) fn upsert(episode: &Episode, settled: bool, now: Timestamp) -> Upsert {
    let mut set = Document::new();
    key_fields(&mut set, &episode.series);
    name_fields(&mut set, &episode.names);
    let impact_by_day = episode.impact_by_day.iter().map(|(date, impact)| (date_text(*date), Bson::Double(*impact)));
    let deliveries = episode.deliveries.iter().map(|(sink, delivery)| {
        let delivery = doc! {
            "toldImpact": delivery.told_impact,
            "closed": delivery.closed,
            "notices": i64::from(delivery.notices),
        };
        (field_name(sink).into_owned(), Bson::Document(delivery))
    });
    set.extend(doc! {
        "direction": episode.direction.as_str(),
        "severity": episode.severity.as_str(),
        "state": match episode.state { State::Open => "open", State::Closed => "closed" },
        "openedAt": moment_document(episode.opened_at),
        "firstSeen": moment_document(episode.first_seen),
        "lastSeen": moment_document(episode.last_seen),
        "closedAt": episode.closed_at.map(moment_document),
        "rules": episode.rules.iter().collect::<Vec<_>>(),
        "peakScore": episode.peak_score,
        "impact": episode.impact_by_day.values().sum::<f64>(),
        "impactByDay": impact_by_day.collect::<Document>(),
        "observed": episode.observed,
        "expected": episode.expected,
        "reason": &episode.reason,
        "muted": episode.muted,
        "deliveries": deliveries.collect::<Document>(),
        "settled": settled,
        "updatedAt": time(now),
    });
    Upsert { key: doc! { "episode": &episode.id }, set, on_insert: doc! { "createdAt": time(now) } }
}

pub(in crate::store) fn read(document: &Document, names: &mut Interner) -> Result<Episode, String> {
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
        "open" => State::Open,
        "closed" => State::Closed,
        other => return Err(format!("state is `{other}`, expected open or closed")),
    };
    let mut rules = BTreeSet::new();
    for rule in document.get_array("rules").map_err(|error| error.to_string())? {
        rules.insert(rule.as_str().ok_or("rules holds something else than texts")?.to_owned());
    }
    let mut impact_by_day = BTreeMap::new();
    for (day, impact) in document.get_document("impactByDay").map_err(|error| error.to_string())? {
        impact_by_day.insert(date(day)?, impact.as_f64().ok_or_else(|| format!("impactByDay.{day} is not a double"))?);
    }
    let mut deliveries = BTreeMap::new();
    for (sink, delivery) in document.get_document("deliveries").map_err(|error| error.to_string())? {
        let delivery = delivery.as_document().and_then(read_delivery);
        deliveries.insert(sink.clone(), delivery.ok_or_else(|| format!("deliveries.{sink} is not readable"))?);
    }
    Ok(Episode {
        id: text("episode")?.to_owned(),
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
        impact_by_day,
        observed: double("observed")?,
        expected: double("expected")?,
        reason: text("reason")?.to_owned(),
        muted: document.get_bool("muted").map_err(|error| error.to_string())?,
        deliveries,
    })
}

fn read_delivery(document: &Document) -> Option<Delivery> {
    Some(Delivery {
        told_impact: document.get_f64("toldImpact").ok()?,
        closed: document.get_bool("closed").ok()?,
        notices: document.get_i64("notices").ok()?.try_into().ok()?,
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
