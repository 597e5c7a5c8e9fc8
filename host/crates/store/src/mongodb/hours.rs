//! Snapshots of the current day in `billing_hourly`.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use model::ledger::DayLedger;
use mongodb::bson::doc;

use super::Mongodb;
use super::read::{day_filter, unreadable};
use super::write::DocumentWrite;
use crate::documents::field::bson_time;
use crate::documents::hourly::{self, COLLECTION, SnapshotHours};
use crate::documents::key::key_document_bytes;
use crate::error::StoreError;

impl Mongodb {
    pub(crate) async fn put_hour(
        &self,
        date: Date,
        hour: u8,
        day: &DayLedger,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if day.entries.is_empty() {
            return Ok(());
        }
        let mut existing = HashMap::new();
        let mut snapshot_hours = SnapshotHours::default();
        for (key, old) in self.existing(&COLLECTION, day_filter(date), &["hours"]).await? {
            let hours = old.fields.get_document("hours").map_err(|error| error.to_string());
            let hours =
                hours.and_then(hourly::read_hours).map_err(|error| unreadable(&COLLECTION, &old.fields, error))?;
            // The snapshot hours of a day come from all series.
            snapshot_hours.add(&hours);
            existing.insert(key, (old.id, hours));
        }
        let mut writes = Vec::with_capacity(day.entries.len());
        for entry in &day.entries {
            let key = key_document_bytes(&hourly::key(date, &entry.key));
            let (id, hours) = existing.remove(&key).unzip();
            let amounts = snapshot_hours.amounts_to_set(hour, entry.amounts.billed_cost, hours.as_ref());
            writes.push(DocumentWrite { upsert: hourly::upsert(date, entry, &amounts, now), id });
        }
        self.write(&COLLECTION, writes.into_iter()).await?;
        let without_cost = existing.into_values().filter(|(_, hours)| hourly::has_begun(hour, hours)).map(|(id, _)| id);
        let fields = doc! { hourly::hour_field(hour): 0.0, "fetchedAt": bson_time(now), "updatedAt": bson_time(now) };
        self.set(&COLLECTION, without_cost.collect(), fields).await
    }
}
