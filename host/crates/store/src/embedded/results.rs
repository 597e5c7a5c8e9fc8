//! The results of the detectors: baselines, anomalies and incidents.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use model::anomaly::Anomaly;
use model::incident::Incident;
use model::intern::Interner;
use model::moment::Moment;
use mongodb::bson::{Document, doc};

use super::documents::{KeySpan, whole_document};
use super::file::Embedded;
use crate::documents::field::bson_time;
use crate::documents::incident_query::IncidentQuery;
use crate::documents::key::{document_key_bytes, key_document, key_document_bytes};
use crate::documents::upsert::Upsert;
use crate::documents::{anomaly, baseline, incident};
use crate::error::StoreError;
use crate::records::{AnomalyKey, Baseline, DateRange, FitRequest, IncidentWrite};

impl Embedded {
    pub(crate) fn put_baselines(
        &self,
        baselines: impl IntoIterator<Item = Baseline>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let upserts = baselines.into_iter().map(|baseline| baseline::upsert(&baseline, now));
        self.put(&baseline::COLLECTION, upserts, HashSet::new())
    }

    pub(crate) fn baselines(&self, requests: &[FitRequest]) -> Result<Vec<Baseline>, StoreError> {
        let mut interner = Interner::default();
        let mut baselines = Vec::new();
        self.visit(KeySpan::all(&baseline::COLLECTION), |document| {
            baselines.push(baseline::read(document, requests, &mut interner)?);
            Ok(())
        })?;
        Ok(baselines)
    }

    pub(crate) fn put_anomalies(
        &self,
        moment: Moment,
        rules: &BTreeSet<String>,
        anomalies: &[Anomaly],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut obsolete = HashSet::new();
        // Date and hour are the first key fields, so the key bytes are a prefix of all matching anomaly keys.
        let prefix = key_document_bytes(&anomaly::moment_key(moment));
        self.visit(KeySpan::prefix(&anomaly::COLLECTION, &prefix), |document| {
            if document.get_str("ruleId").is_ok_and(|rule| rules.contains(rule)) {
                obsolete.insert(document_key_bytes(&anomaly::COLLECTION, document));
            }
            Ok(())
        })?;
        let upserts = anomalies.iter().map(|anomaly| anomaly::upsert(anomaly, now));
        self.put(&anomaly::COLLECTION, upserts, obsolete)
    }

    pub(crate) fn put_anomaly_status(&self, decided: &Incident, now: Timestamp) -> Result<(), StoreError> {
        let Some(status) = anomaly::decided_status(decided) else { return Ok(()) };
        let mut upserts = Vec::new();
        self.visit_days(&anomaly::COLLECTION, anomaly::range_of(decided), |document| {
            let is_own = document.get_str("status").is_ok_and(|status| anomaly::OWN_STATUSES.contains(&status));
            if is_own && document.get_str("incident").is_ok_and(|id| id == decided.id) {
                let key = key_document(&anomaly::COLLECTION, &whole_document(document)?);
                let set = doc! { "status": status, "updatedAt": bson_time(now) };
                upserts.push(Upsert { key, set, on_insert: Document::new() });
            }
            Ok(())
        })?;
        self.put(&anomaly::COLLECTION, upserts, HashSet::new())
    }

    pub(crate) fn anomaly_documents(&self, range: DateRange) -> Result<Vec<Document>, StoreError> {
        let mut documents = Vec::new();
        self.visit_days(&anomaly::COLLECTION, range, |document| {
            documents.push(anomaly::ordered(whole_document(document)?));
            Ok(())
        })?;
        Ok(documents)
    }

    pub(crate) fn anomaly_keys(&self, range: DateRange) -> Result<Vec<AnomalyKey>, StoreError> {
        let mut interner = Interner::default();
        let mut keys = Vec::new();
        self.visit_days(&anomaly::COLLECTION, range, |document| {
            if document.get_bool(anomaly::SHADOW) != Ok(true) {
                keys.push(anomaly::read_key(document, &mut interner)?);
            }
            Ok(())
        })?;
        Ok(keys)
    }

    pub(crate) fn put_incidents(&self, incidents: &[IncidentWrite], now: Timestamp) -> Result<(), StoreError> {
        let upserts = incidents.iter().map(|write| incident::upsert(write, now));
        self.put(&incident::COLLECTION, upserts, HashSet::new())
    }

    pub(crate) fn query_incidents(&self, query: IncidentQuery<'_>) -> Result<Vec<Incident>, StoreError> {
        let mut interner = Interner::default();
        let mut incidents = Vec::new();
        self.visit(KeySpan::all(&incident::COLLECTION), |document| {
            if query.matches(document) {
                incidents.push(incident::read(&whole_document(document)?, &mut interner)?);
            }
            Ok(())
        })?;
        Ok(incidents)
    }
}
