//! Run records, operational notifications, and the installation.

use jiff::Timestamp;
use mongodb::bson::{Document, doc};

use super::Mongodb;
use super::read::Find;
use crate::checkpoint::Checkpoint;
use crate::documents::{installation, notification, run};
use crate::error::StoreError;
use crate::records::{Installation, OperationalNotification, RunRecord};

impl Mongodb {
    pub(crate) async fn run(&self, job: &str, period: &str) -> Result<Option<RunRecord>, StoreError> {
        let runs = self.records(&run::COLLECTION, run::key(job, period), run::read).await?;
        Ok(runs.into_iter().next())
    }

    pub(crate) async fn recent_runs(&self, job: &str, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        let find = Find {
            filter: doc! { "job": job },
            sort: Some(doc! { "startedAt": -1, "period": -1 }),
            limit: Some(limit),
            ..Find::default()
        };
        let mut runs = Vec::new();
        self.visit(&run::COLLECTION, find, |document| {
            let document: Document = document.try_into().map_err(|error| format!("{error}"))?;
            runs.push(run::read(&document)?);
            Ok(())
        })
        .await?;
        Ok(runs)
    }

    pub(crate) async fn runs(&self, job: &str, from: &str, before: &str) -> Result<Vec<RunRecord>, StoreError> {
        let filter = doc! { "job": job, "period": { "$gte": from, "$lt": before } };
        self.records(&run::COLLECTION, filter, run::read).await
    }

    pub(crate) async fn put_run(&self, run: &RunRecord, now: Timestamp) -> Result<(), StoreError> {
        self.put(&run::COLLECTION, run::key(&run.job, &run.period), vec![run::upsert(run, now)]).await
    }

    pub(crate) async fn put_checkpoint(
        &self,
        job: &str,
        period: &str,
        checkpoint: Checkpoint,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let upsert = run::checkpoint_upsert(job, period, checkpoint, now);
        self.put(&run::COLLECTION, run::key(job, period), vec![upsert]).await
    }

    pub(crate) async fn notifications(&self) -> Result<Vec<OperationalNotification>, StoreError> {
        self.records(&notification::COLLECTION, doc! {}, notification::read).await
    }

    pub(crate) async fn put_notification(
        &self,
        notification: &OperationalNotification,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let filter = notification::key(&notification.key);
        self.put(&notification::COLLECTION, filter, vec![notification::upsert(notification, now)]).await
    }

    pub(crate) async fn installation(&self) -> Result<Option<Installation>, StoreError> {
        let found = self.records(&installation::COLLECTION, doc! {}, installation::read).await?;
        Ok(found.into_iter().next())
    }

    pub(crate) async fn put_installation(&self, account: &str, now: Timestamp) -> Result<(), StoreError> {
        let upsert = installation::upsert(account, now);
        self.put(&installation::COLLECTION, upsert.key.clone(), vec![upsert]).await
    }
}
