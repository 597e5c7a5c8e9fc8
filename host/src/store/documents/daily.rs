//! `billing_daily`: one document per finished day and series.

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{Bson, Document, doc};

use super::{Collection, Upsert, date_text, key_fields, name_fields, time};
use crate::history::Measure;
use crate::ledger::Entry;

pub(in crate::store) const COLLECTION: Collection = Collection {
    name: "billing_daily",
    key: &["date", "domainId", "projectId", "serviceId", "pricingType"],
    unique: "unique_daily_summary",
    indexes: &[("date_desc", &[("date", -1)])],
};

pub(in crate::store) fn upsert(date: Date, entry: &Entry, now: Timestamp) -> Upsert {
    let mut key = doc! { "date": date_text(date) };
    key_fields(&mut key, &entry.key);
    // Part of the replaced pipeline's unique key, always null. The sums cover all pricing types.
    key.insert("pricingType", Bson::Null);
    let mut set = Document::new();
    name_fields(&mut set, &entry.names);
    for measure in Measure::ALL {
        set.insert(measure.field(), measure.of(&entry.amounts));
    }
    set.insert("pricingTypes", &entry.pricing_types);
    set.insert("regions", &entry.regions);
    set.insert("updatedAt", time(now));
    Upsert { key, set, on_insert: doc! { "isAnomaly": false, "createdAt": time(now) } }
}
