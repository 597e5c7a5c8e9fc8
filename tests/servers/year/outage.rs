//! The outage of one part of an installation.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Api,
    Store,
    /// The primary of the replica set is killed, and returns at the end as a secondary.
    Primary,
    Archive,
    /// cron starts no job.
    Host,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Outage {
    pub(super) part: Part,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Outage {
    /// An outage of one to three hours that begins on a day.
    pub(super) fn draw(rng: &mut Rng, start_of_day: Timestamp) -> Self {
        let from = start_of_day + SignedDuration::from_mins(rng.i64(0..24 * 60));
        let part = [Part::Api, Part::Store, Part::Primary, Part::Archive, Part::Host][rng.usize(0..5)];
        Self { part, from, to: from + SignedDuration::from_mins(rng.i64(60..=180)) }
    }

    pub(super) fn contains(self, now: Timestamp) -> bool {
        self.from <= now && now < self.to
    }
}
