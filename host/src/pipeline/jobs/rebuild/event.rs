//! The documents of the archive in fetch order.

use std::fmt;

use futures_util::{StreamExt as _, stream};
use ingest::archive::{ArchiveError, DocumentKey};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::series::day_start;
use model::series::hours::Hours;

use crate::pipeline::run::{Count, Run, RunError};

/// Number of concurrent reads of documents.
const CONCURRENT_READS: usize = 8;

/// A document of the archive with the fetch time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ArchiveEvent {
    pub(super) fetched_at: Timestamp,
    pub(super) key: DocumentKey,
}

impl ArchiveEvent {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (fetched_at, key) = text.split_once(' ')?;
        Some(Self { fetched_at: fetched_at.parse().ok()?, key: DocumentKey::parse(key)? })
    }
}

impl fmt::Display for ArchiveEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.fetched_at, self.key)
    }
}

/// Lists all costwarden documents in fetch order. A document without a fetch time counts as fetched at the end of the
/// day or hour.
pub(super) async fn list_events(run: &mut Run<'_>) -> Result<Vec<ArchiveEvent>, RunError> {
    let services = &*run.services;
    let listing = services.archive.list().await?;
    run.report.add(Count::ForeignKeys, listing.foreign);
    let events = listing.documents.into_iter().map(async |(key, bytes)| {
        let fetched_at = match services.archive.fetched_at(&key, bytes).await {
            Ok(fetched_at) => fetched_at,
            // The replay reports the malformed document.
            Err(ArchiveError::Malformed { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(ArchiveEvent { fetched_at: fetched_at.unwrap_or_else(|| end(&key, &services.config.zone)), key })
    });
    let mut listed = stream::iter(events).buffered(CONCURRENT_READS);
    let mut events = Vec::new();
    while let Some(event) = listed.next().await {
        events.push(event?);
    }
    events.sort_unstable();
    Ok(events)
}

/// The end of the day or hour of a document.
fn end(key: &DocumentKey, zone: &TimeZone) -> Timestamp {
    let seconds = match key.hour {
        None => day_start(key.date.tomorrow().unwrap_or(key.date), zone).0,
        Some(hour) => {
            day_start(key.date, zone).0 + Hours::of_day(key.date, zone).map_or(0, |hours| hours.seconds(hour)) - 1
        }
    };
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
