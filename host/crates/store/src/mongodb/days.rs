//! Finished days in `billing_daily`.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use jiff::civil::Date;
use model::intern::Interner;
use model::ledger::{DayLedger, LedgerEntry};
use model::series::SeriesKey;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;

use super::Mongodb;
use super::read::{ExistingDocument, day_filter, range_filter, series_filter, unreadable, unreadable_document};
use super::write::DocumentWrite;
use crate::documents::field::{bson_time, date_text, parse_date, read_series};
use crate::documents::key::{Collection, key_document_bytes};
use crate::documents::{daily, hourly, restatement};
use crate::error::StoreError;
use crate::records::DateRange;

/// The fields of `billing_daily` to compare with a ledger, plus the creation time.
const LEDGER_FIELDS: [&str; 12] = [
    "domainName",
    "projectName",
    "serviceName",
    "expectAmount",
    "generalAmount",
    "discountAmount",
    "usageTime",
    "usageSize",
    "pricingTypes",
    "regions",
    "isIncomplete",
    "createdAt",
];

impl Mongodb {
    pub(crate) async fn put_day(&self, day: &DayLedger, now: Timestamp) -> Result<(), StoreError> {
        if day.entries.is_empty() {
            return Ok(());
        }
        let mut existing = self.existing(&daily::COLLECTION, day_filter(day.date), &LEDGER_FIELDS).await?;
        let mut changed = Vec::new();
        let mut replaced = Vec::new();
        for entry in &day.entries {
            let upsert = daily::upsert(day.date, entry, now);
            let old = existing.remove(&key_document_bytes(&upsert.key));
            if old.as_ref().is_none_or(|old| !upsert.is_applied_to(&old.fields)) {
                let has_other_amounts =
                    |old: &&ExistingDocument| restatement::read_amounts(&old.fields) != entry.amounts;
                replaced.extend(old.iter().filter(has_other_amounts).cloned());
                changed.push(DocumentWrite { upsert, id: old.map(|old| old.id) });
            }
        }
        // The rest belongs to series that left the day. A document with a pricing type belongs to another program.
        existing.retain(|_, old| !is_foreign(old));
        replaced.extend(existing.values().cloned());
        // Before the overwrite: a run killed in between must not lose the replaced amounts.
        self.put_replaced(day.date, &replaced, now).await?;
        self.write(&daily::COLLECTION, changed.into_iter()).await?;
        self.delete(&daily::COLLECTION, existing.into_values().map(|old| old.id).collect()).await
    }

    pub(crate) async fn has_day(&self, day: &DayLedger) -> Result<bool, StoreError> {
        let mut existing = self.existing(&daily::COLLECTION, day_filter(day.date), &LEDGER_FIELDS).await?;
        let mut is_stored = |entry: &LedgerEntry| {
            let mut upsert = daily::upsert(day.date, entry, Timestamp::UNIX_EPOCH);
            let Some(old) = existing.remove(&key_document_bytes(&upsert.key)) else { return false };
            // The replaced pipeline had no incomplete entries, and no field about incomplete entries.
            if !entry.is_incomplete && matches!(old.fields.get("isIncomplete"), Ok(None)) {
                upsert.set.remove("isIncomplete");
            }
            upsert.is_applied_to(&old.fields)
        };
        Ok(day.entries.iter().all(&mut is_stored) && existing.values().all(is_foreign))
    }

    pub(crate) async fn mark_anomalous(
        &self,
        date: Date,
        series: &BTreeSet<SeriesKey>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut to_mark = Vec::new();
        let mut to_clear = Vec::new();
        let mut interner = Interner::default();
        for old in self.existing(&daily::COLLECTION, day_filter(date), &["isAnomaly"]).await?.into_values() {
            let read = read_series(&old.fields, &mut interner);
            let (key, _) = read.map_err(|error| unreadable(&daily::COLLECTION, &old.fields, error))?;
            let is_marked = old.fields.get_bool("isAnomaly").unwrap_or(false);
            // Unchanged documents keep the time and the run of the last write.
            match (is_marked, series.contains(&key)) {
                (false, true) => to_mark.push(old.id),
                (true, false) => to_clear.push(old.id),
                _ => {}
            }
        }
        for (ids, is_anomalous) in [(to_mark, true), (to_clear, false)] {
            let fields = doc! { "isAnomaly": is_anomalous, "updatedAt": bson_time(now) };
            self.set(&daily::COLLECTION, ids, fields).await?;
        }
        Ok(())
    }

    pub(crate) async fn daily_documents(
        &self,
        range: DateRange,
        series: &SeriesKey,
    ) -> Result<Vec<Document>, StoreError> {
        self.documents(&daily::COLLECTION, series_filter(range, series)).await
    }

    pub(crate) async fn day_sizes(&self, range: DateRange) -> Result<Vec<(Date, u64)>, StoreError> {
        let handle = self.database().collection::<Document>(daily::COLLECTION.name);
        let failed = |error: Error| self.failure("read", daily::COLLECTION.name, &error);
        let group = doc! { "$group": { "_id": "$date", "series": { "$sum": 1 } } };
        let stages = [doc! { "$match": range_filter(range) }, group, doc! { "$sort": { "_id": 1 } }];
        let mut days = self.answer(handle.aggregate(stages)).await.map_err(failed)?;
        let mut sizes = Vec::new();
        while let Some(day) = self.answer(days.try_next()).await.map_err(failed)? {
            let text = day.get_str("_id").map_err(|error| error.to_string());
            let date =
                text.and_then(parse_date).map_err(|cause| unreadable_document(&daily::COLLECTION, &day, cause))?;
            let series = day.get("series").and_then(|count| count.as_i64().or(count.as_i32().map(i64::from)));
            sizes.push((date, series.and_then(|series| u64::try_from(series).ok()).unwrap_or(0)));
        }
        Ok(sizes)
    }

    pub(crate) async fn day_totals(&self, range: DateRange) -> Result<Vec<(Date, f64)>, StoreError> {
        let handle = self.database().collection::<Document>(daily::COLLECTION.name);
        let failed = |error: Error| self.failure("read", daily::COLLECTION.name, &error);
        let group = doc! { "$group": { "_id": "$date", "total": { "$sum": "$expectAmount" } } };
        let stages = [doc! { "$match": range_filter(range) }, group, doc! { "$sort": { "_id": 1 } }];
        let mut days = self.answer(handle.aggregate(stages)).await.map_err(failed)?;
        let mut totals = Vec::new();
        while let Some(day) = self.answer(days.try_next()).await.map_err(failed)? {
            let text = day.get_str("_id").map_err(|error| error.to_string());
            let date =
                text.and_then(parse_date).map_err(|cause| unreadable_document(&daily::COLLECTION, &day, cause))?;
            let total = day.get("total").and_then(|total| total.as_f64().or(total.as_i32().map(f64::from)));
            totals.push((date, total.unwrap_or(0.0)));
        }
        Ok(totals)
    }

    pub(crate) async fn newest_day(&self) -> Result<Option<Date>, StoreError> {
        let handle = self.database().collection::<Document>(daily::COLLECTION.name);
        // The comparison with a text skips dates of another type.
        let dated = handle.find_one(doc! { "date": { "$lte": date_text(Date::MAX) } }).sort(doc! { "date": -1 });
        let newest = self.answer(dated.projection(doc! { "_id": 0, "date": 1 })).await;
        let newest = newest.map_err(|error| self.failure("read", daily::COLLECTION.name, &error))?;
        let day = |newest: Document| {
            let text = newest.get_str("date").map_err(|error| error.to_string());
            text.and_then(parse_date).map_err(|cause| unreadable_document(&daily::COLLECTION, &newest, cause))
        };
        newest.map(day).transpose()
    }

    pub(crate) async fn days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.dates(&daily::COLLECTION, range).await
    }

    pub(crate) async fn snapshot_days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.dates(&hourly::COLLECTION, range).await
    }

    /// Returns the distinct dates in the range, ascending. The server answers from the unique index, because the date
    /// is the first key field.
    async fn dates(&self, collection: &'static Collection, range: DateRange) -> Result<Vec<Date>, StoreError> {
        let handle = self.database().collection::<Document>(collection.name);
        let texts = self.answer(handle.distinct("date", range_filter(range))).await;
        let texts = texts.map_err(|error| self.failure("read", collection.name, &error))?;
        let day = |text: Bson| {
            let day = text.as_str().ok_or_else(|| "date must be a text".to_owned()).and_then(parse_date);
            day.map_err(|cause| unreadable_document(collection, &doc! { "date": text }, cause))
        };
        let mut days = texts.into_iter().map(day).collect::<Result<Vec<Date>, StoreError>>()?;
        days.sort_unstable();
        Ok(days)
    }
}

/// Returns whether the document belongs to another program: only another program sets a pricing type.
fn is_foreign(document: &ExistingDocument) -> bool {
    document.fields.get_str("pricingType").is_ok()
}
