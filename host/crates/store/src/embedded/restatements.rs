//! The replaced amounts of a restatement in `billing_restatements`.

use jiff::Timestamp;
use jiff::civil::Date;
use model::intern::Interner;
use model::run_id::RunId;
use model::series::SeriesKey;
use mongodb::bson::{Document, doc};

use super::cause::Cause;
use super::documents::{KeySpan, visit_documents, whole_document, write_document};
use super::file::Embedded;
use super::tables::WriteTables;
use crate::documents::field::{date_text, matches_series, read_series};
use crate::documents::key::key_document_bytes;
use crate::documents::restatement::{self, COLLECTION, ReplacedAmounts};
use crate::error::StoreError;
use crate::records::DateRange;

impl WriteTables<'_> {
    /// Stores the replaced amounts, in the transaction of the restatement.
    pub(super) fn put_replaced(
        &self,
        date: Date,
        replaced: &[ReplacedAmounts],
        run: Option<RunId>,
        now: Timestamp,
    ) -> Result<(), Cause> {
        if replaced.is_empty() {
            return Ok(());
        }
        let mut table = self.documents_mut(&COLLECTION)?;
        let day = key_document_bytes(&doc! { "date": date_text(date) });
        let mut revisions = Vec::new();
        visit_documents(&table, KeySpan::prefix(&COLLECTION, &day), |document| {
            revisions.push(restatement::read(document)?);
            Ok(())
        })?;
        let newest = restatement::newest_revisions(revisions);
        for replaced in replaced {
            let newest = newest.get(&key_document_bytes(&restatement::series_day_key(date, &replaced.key)));
            write_document(&mut table, &restatement::upsert(date, replaced, newest, now).with_run(run))?;
        }
        Ok(())
    }
}

impl Embedded {
    pub(crate) fn restatement_documents(
        &self,
        range: DateRange,
        series: &SeriesKey,
    ) -> Result<Vec<Document>, StoreError> {
        let mut interner = Interner::default();
        let mut documents = Vec::new();
        self.visit_days(&COLLECTION, range, |document| {
            let (key, _) = read_series(document, &mut interner)?;
            if matches_series(series, &key) {
                documents.push(whole_document(document)?);
            }
            Ok(())
        })?;
        Ok(documents)
    }
}
