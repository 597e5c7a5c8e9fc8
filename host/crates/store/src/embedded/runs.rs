//! Run records, operational notifications, and the installation.

use std::collections::HashSet;

use jiff::Timestamp;
use mongodb::bson::doc;

use super::documents::KeySpan;
use super::file::Embedded;
use crate::checkpoint::Checkpoint;
use crate::documents::key::key_document_bytes;
use crate::documents::{installation, notification, run};
use crate::error::StoreError;
use crate::records::{Installation, OperationalNotification, RunRecord};

impl Embedded {
    pub(crate) fn run(&self, job: &str, period: &str) -> Result<Option<RunRecord>, StoreError> {
        let key = key_document_bytes(&run::key(job, period));
        Ok(self.records(KeySpan::prefix(&run::COLLECTION, &key), run::read)?.into_iter().next())
    }

    pub(crate) fn recent_runs(&self, job: &str, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        // The job is the first key field.
        let key = key_document_bytes(&doc! { "job": job });
        Ok(run::newest_first(self.records(KeySpan::prefix(&run::COLLECTION, &key), run::read)?, limit))
    }

    pub(crate) fn runs(&self, job: &str, from: &str, before: &str) -> Result<Vec<RunRecord>, StoreError> {
        let mut runs = self.recent_runs(job, usize::MAX)?;
        runs.retain(|run| (from..before).contains(&run.period.as_str()));
        Ok(runs)
    }

    pub(crate) fn put_run(&self, run: &RunRecord, now: Timestamp) -> Result<(), StoreError> {
        self.put(&run::COLLECTION, [run::upsert(run, now)], HashSet::new())
    }

    pub(crate) fn put_checkpoint(
        &self,
        job: &str,
        period: &str,
        checkpoint: Checkpoint,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.put(&run::COLLECTION, [run::checkpoint_upsert(job, period, checkpoint, now)], HashSet::new())
    }

    pub(crate) fn notifications(&self) -> Result<Vec<OperationalNotification>, StoreError> {
        self.records(KeySpan::all(&notification::COLLECTION), notification::read)
    }

    pub(crate) fn put_notification(
        &self,
        notification: &OperationalNotification,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.put(&notification::COLLECTION, [notification::upsert(notification, now)], HashSet::new())
    }

    pub(crate) fn installation(&self) -> Result<Option<Installation>, StoreError> {
        Ok(self.records(KeySpan::all(&installation::COLLECTION), installation::read)?.into_iter().next())
    }

    pub(crate) fn put_installation(&self, account: &str, now: Timestamp) -> Result<(), StoreError> {
        self.put(&installation::COLLECTION, [installation::upsert(account, now)], HashSet::new())
    }
}
