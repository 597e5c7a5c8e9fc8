//! Silences and planned events.

use std::collections::HashSet;

use jiff::Timestamp;
use model::planned_event::PlannedEvent;
use model::silence::Silence;

use super::documents::KeySpan;
use super::file::Embedded;
use crate::documents::{planned_event, silence};
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
}
