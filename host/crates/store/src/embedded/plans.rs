//! Silences, planned events, and the notifications of budgets.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::civil::Date;
use model::budget::BudgetRecord;
use model::planned_event::PlannedEvent;
use model::silence::Silence;

use super::documents::KeySpan;
use super::file::Embedded;
use crate::documents::{budget, planned_event, silence};
use crate::error::StoreError;

impl Embedded {
    pub(crate) fn silences(&self) -> Result<Vec<Silence>, StoreError> {
        self.records(KeySpan::all(&silence::COLLECTION), silence::read)
    }

    pub(crate) fn put_silence(&self, silence: &Silence, now: Timestamp) -> Result<(), StoreError> {
        self.put(&silence::COLLECTION, [silence::upsert(silence, now)], HashSet::new())
    }

    pub(crate) fn planned_events(&self) -> Result<Vec<PlannedEvent>, StoreError> {
        self.records(KeySpan::all(&planned_event::COLLECTION), planned_event::read)
    }

    pub(crate) fn put_planned_event(&self, event: &PlannedEvent, now: Timestamp) -> Result<(), StoreError> {
        self.put(&planned_event::COLLECTION, [planned_event::upsert(event, now)], HashSet::new())
    }

    pub(crate) fn budget_records(&self, month: Date) -> Result<Vec<BudgetRecord>, StoreError> {
        let mut records = self.records(KeySpan::all(&budget::COLLECTION), budget::read)?;
        records.retain(|record| record.month == month);
        Ok(records)
    }

    pub(crate) fn put_budget_record(&self, record: &BudgetRecord, now: Timestamp) -> Result<(), StoreError> {
        self.put(&budget::COLLECTION, [budget::upsert(record, now)], HashSet::new())
    }
}
