//! Replaced amounts in `billing_restatements`.

use jiff::Timestamp;
use jiff::civil::Date;
use model::history::Measure;
use model::intern::Interner;
use model::series::SeriesKey;
use mongodb::bson::{DateTime, Document};

use super::Mongodb;
use super::read::{ExistingDocument, day_filter, series_filter, unreadable};
use super::write::DocumentWrite;
use crate::documents::daily;
use crate::documents::field::read_series;
use crate::documents::key::key_document_bytes;
use crate::documents::restatement::{self, COLLECTION, ReplacedAmounts};
use crate::error::StoreError;
use crate::records::DateRange;

impl Mongodb {
    /// Stores the amounts of `billing_daily` documents that a restatement is about to replace.
    pub(super) async fn put_replaced(
        &self,
        date: Date,
        replaced: &[ExistingDocument],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if replaced.is_empty() {
            return Ok(());
        }
        let fields: Vec<&str> = Measure::ALL.into_iter().map(daily::field).chain(["revision", "knownUntil"]).collect();
        let mut existing = self.existing(&COLLECTION, day_filter(date), &fields).await?;
        let read = |old: &ExistingDocument| {
            restatement::read(&old.fields).map_err(|error| unreadable(&COLLECTION, &old.fields, error))
        };
        let revisions = existing.values().map(read).collect::<Result<Vec<_>, _>>()?;
        let newest = restatement::newest_revisions(revisions);
        let mut interner = Interner::default();
        let mut writes = Vec::with_capacity(replaced.len());
        for ExistingDocument { fields, .. } in replaced {
            let series = read_series(fields, &mut interner);
            let (key, names) = series.map_err(|error| unreadable(&daily::COLLECTION, fields, error))?;
            // Documents of another program may lack the creation time.
            let created = fields.get_datetime("createdAt").map_or(0, DateTime::timestamp_millis);
            let newest = newest.get(&key_document_bytes(&restatement::series_day_key(date, &key)));
            let replaced = ReplacedAmounts { key, names, amounts: restatement::read_amounts(fields), created };
            writes.push(DocumentWrite::new(restatement::upsert(date, &replaced, newest, now), &mut existing));
        }
        self.write(&COLLECTION, writes.into_iter()).await
    }

    pub(crate) async fn restatement_documents(
        &self,
        range: DateRange,
        series: &SeriesKey,
    ) -> Result<Vec<Document>, StoreError> {
        self.documents(&COLLECTION, series_filter(range, series)).await
    }
}
