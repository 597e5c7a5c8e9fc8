//! `billing_events`: one planned event per document, with the deliveries of the comparison.

use jiff::Timestamp;
use model::planned_event::{Plan, PlannedEvent};
use mongodb::bson::{Document, doc};

use super::field::{bson_time, date_text, parse_date, timestamp};
use super::key::Collection;
use super::scope;
use super::upsert::Upsert;

pub(crate) const COLLECTION: Collection =
    Collection { name: "billing_events", key: &["event"], unique_index: "unique_event", indexes: &[] };

pub(crate) fn key(id: &str) -> Document {
    doc! { "event": id }
}

pub(crate) fn upsert(event: &PlannedEvent, now: Timestamp) -> Upsert {
    let PlannedEvent { id, plan, author, created_at, delivered } = event;
    let Plan { name, scope, from, to, daily_effect, owner } = plan;
    let set = doc! {
        "name": name,
        "scope": scope::document(scope),
        "from": date_text(*from),
        "to": date_text(*to),
        "dailyEffect": *daily_effect,
        "owner": owner,
        "author": author,
        "delivered": delivered.iter().collect::<Vec<_>>(),
        "updatedAt": bson_time(now),
    };
    Upsert { key: key(id), set, on_insert: doc! { "createdAt": bson_time(*created_at) } }
}

pub(crate) fn read(document: &Document) -> Result<PlannedEvent, String> {
    let text = |field: &str| document.get_str(field).map_err(|error| error.to_string());
    let delivered = document.get_array("delivered").map_err(|error| error.to_string())?;
    let plan = Plan {
        name: text("name")?.to_owned(),
        scope: scope::read(document.get_document("scope").map_err(|error| error.to_string())?)?,
        from: parse_date(text("from")?)?,
        to: parse_date(text("to")?)?,
        daily_effect: document.get_f64("dailyEffect").map_err(|error| error.to_string())?,
        owner: text("owner")?.to_owned(),
    };
    Ok(PlannedEvent {
        id: text("event")?.to_owned(),
        plan,
        author: text("author")?.to_owned(),
        created_at: timestamp(*document.get_datetime("createdAt").map_err(|error| error.to_string())?)?,
        delivered: delivered.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
    })
}
