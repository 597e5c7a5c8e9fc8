//! Silences, planned events, and the notifications of budgets.

use jiff::Timestamp;
use jiff::civil::Date;
use model::budget::BudgetRecord;
use model::planned_event::PlannedEvent;
use model::silence::Silence;
use mongodb::bson::doc;

use super::Mongodb;
use crate::documents::{budget, field, planned_event, silence};
use crate::error::StoreError;

impl Mongodb {
    pub(crate) async fn silences(&self) -> Result<Vec<Silence>, StoreError> {
        let mut silences = self.records(&silence::COLLECTION, doc! {}, silence::read).await?;
        // The server returns the documents in any order.
        silences.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(silences)
    }

    pub(crate) async fn put_silence(&self, silence: &Silence, now: Timestamp) -> Result<(), StoreError> {
        self.put(&silence::COLLECTION, silence::key(&silence.id), vec![silence::upsert(silence, now)]).await
    }

    pub(crate) async fn planned_events(&self) -> Result<Vec<PlannedEvent>, StoreError> {
        let mut events = self.records(&planned_event::COLLECTION, doc! {}, planned_event::read).await?;
        events.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(events)
    }

    pub(crate) async fn put_planned_event(&self, event: &PlannedEvent, now: Timestamp) -> Result<(), StoreError> {
        let upsert = planned_event::upsert(event, now);
        self.put(&planned_event::COLLECTION, planned_event::key(&event.id), vec![upsert]).await
    }

    pub(crate) async fn budget_records(&self, month: Date) -> Result<Vec<BudgetRecord>, StoreError> {
        let of_month = doc! { "month": field::date_text(month) };
        let mut records = self.records(&budget::COLLECTION, of_month, budget::read).await?;
        records.sort_by(|one, other| one.budget.cmp(&other.budget).then(one.amount.total_cmp(&other.amount)));
        Ok(records)
    }

    pub(crate) async fn put_budget_record(&self, record: &BudgetRecord, now: Timestamp) -> Result<(), StoreError> {
        self.put(&budget::COLLECTION, budget::key(record), vec![budget::upsert(record, now)]).await
    }
}
