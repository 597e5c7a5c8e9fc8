//! The results of the detectors: baselines, anomalies and incidents.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::anomaly::Anomaly;
use model::incident::Incident;
use model::intern::Interner;
use model::moment::Moment;
use mongodb::bson::{Document, doc};

use super::Mongodb;
use super::read::{Find, range_filter};
use super::write::DocumentWrite;
use crate::documents::field::bson_time;
use crate::documents::incident_query::IncidentQuery;
use crate::documents::{anomaly, baseline, incident};
use crate::error::StoreError;
use crate::records::{AnomalyKey, Baseline, DateRange, FitRequest, IncidentWrite};

impl Mongodb {
    pub(crate) async fn put_baselines(
        &self,
        baselines: impl IntoIterator<Item = Baseline>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut existing = self.existing(&baseline::COLLECTION, doc! {}, &[]).await?;
        let writes = baselines.into_iter();
        let writes = writes.map(|baseline| DocumentWrite::new(baseline::upsert(&baseline, now), &mut existing));
        self.write(&baseline::COLLECTION, writes).await
    }

    pub(crate) async fn baselines(&self, requests: &[FitRequest]) -> Result<Vec<Baseline>, StoreError> {
        let mut interner = Interner::default();
        let mut baselines = Vec::new();
        let find = Find { fields: baseline::projection(requests), ..Find::default() };
        self.visit(&baseline::COLLECTION, find, |document| {
            baselines.push(baseline::read(document, requests, &mut interner)?);
            Ok(())
        })
        .await?;
        // The server returns the documents in any order.
        baselines.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(baselines)
    }

    pub(crate) async fn put_anomalies(
        &self,
        moment: Moment,
        rules: &BTreeSet<String>,
        anomalies: &[Anomaly],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut filter = anomaly::moment_key(moment);
        filter.insert("ruleId", doc! { "$in": rules.iter().collect::<Vec<_>>() });
        let mut existing = self.existing(&anomaly::COLLECTION, filter, &[]).await?;
        let writes = anomalies.iter();
        let writes = writes.map(|anomaly| DocumentWrite::new(anomaly::upsert(anomaly, now), &mut existing));
        self.write(&anomaly::COLLECTION, writes).await?;
        self.delete(&anomaly::COLLECTION, existing.into_values().map(|old| old.id).collect()).await
    }

    pub(crate) async fn put_anomaly_status(&self, decided: &Incident, now: Timestamp) -> Result<(), StoreError> {
        let Some(status) = anomaly::decided_status(decided) else { return Ok(()) };
        let mut filter = range_filter(anomaly::range_of(decided));
        filter.insert("incident", &decided.id);
        filter.insert("status", doc! { "$in": anomaly::OWN_STATUSES.to_vec() });
        let existing = self.existing(&anomaly::COLLECTION, filter, &[]).await?;
        let ids = existing.into_values().map(|anomaly| anomaly.id).collect();
        self.set(&anomaly::COLLECTION, ids, doc! { "status": status, "updatedAt": bson_time(now) }).await
    }

    pub(crate) async fn anomaly_documents(&self, range: DateRange) -> Result<Vec<Document>, StoreError> {
        let documents = self.documents(&anomaly::COLLECTION, range_filter(range)).await?;
        Ok(documents.into_iter().map(anomaly::ordered).collect())
    }

    pub(crate) async fn anomaly_keys(&self, range: DateRange) -> Result<Vec<AnomalyKey>, StoreError> {
        let fields = doc! { "_id": 0, "date": 1, "hour": 1, "domainId": 1, "projectId": 1, "serviceId": 1 };
        let mut filter = range_filter(range);
        filter.insert(anomaly::SHADOW, doc! { "$ne": true });
        let find = Find { filter, fields, ..Find::default() };
        let mut interner = Interner::default();
        let mut keys = Vec::new();
        self.visit(&anomaly::COLLECTION, find, |document| {
            keys.push(anomaly::read_key(document, &mut interner)?);
            Ok(())
        })
        .await?;
        Ok(keys)
    }

    pub(crate) async fn put_incidents(&self, incidents: &[IncidentWrite], now: Timestamp) -> Result<(), StoreError> {
        let ids: Vec<&str> = incidents.iter().map(|write| write.incident.id.as_str()).collect();
        let upserts = incidents.iter().map(|write| incident::upsert(write, now)).collect();
        self.put(&incident::COLLECTION, doc! { "incident": { "$in": ids } }, upserts).await
    }

    pub(crate) async fn query_incidents(&self, query: IncidentQuery<'_>) -> Result<Vec<Incident>, StoreError> {
        let mut interner = Interner::default();
        let read = |document: &Document| incident::read(document, &mut interner);
        self.records(&incident::COLLECTION, query.filter(), read).await
    }
}
