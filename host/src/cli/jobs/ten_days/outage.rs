//! The outage of one part.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use simulator::{Fault, Simulation};

thread_local! {
    /// Whether the receiver refuses notifications. Each thread plays one seed at a time.
    static REFUSES: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Api,
    Store,
    Archive,
    Receiver,
    /// cron starts no job.
    Host,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Outage {
    pub(super) part: Part,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Part {
    pub(super) const ALL: [Self; 5] = [Self::Api, Self::Store, Self::Archive, Self::Receiver, Self::Host];

    pub(super) fn begin(self, folder: &Path, simulation: &Simulation) {
        match self {
            Self::Api => simulation.set_fault(Fault { status: Some(503), ..Fault::default() }),
            Self::Store => replace_by_file(&folder.join("store")),
            Self::Archive => replace_by_file(&folder.join("archive")),
            Self::Receiver => REFUSES.set(true),
            Self::Host => {}
        }
    }

    pub(super) fn end(self, folder: &Path, simulation: &Simulation) {
        match self {
            Self::Api => simulation.set_fault(Fault::default()),
            Self::Store => put_back(&folder.join("store")),
            Self::Archive => put_back(&folder.join("archive")),
            Self::Receiver => REFUSES.set(false),
            Self::Host => {}
        }
    }
}

impl Outage {
    pub(super) fn contains(self, now: Timestamp) -> bool {
        self.from <= now && now < self.to
    }

    /// Whether a run may have a problem: in the outage, and until the repetitions of the next runs.
    pub(super) fn explains(self, now: Timestamp) -> bool {
        self.from <= now && now < self.to + SignedDuration::from_hours(1)
    }
}

pub(super) fn receiver_refuses() -> bool {
    REFUSES.get()
}

fn replace_by_file(folder: &Path) {
    fs::rename(folder, folder.with_extension("away")).expect("renamed");
    fs::write(folder, "a file in place of the folder").expect("written");
}

fn put_back(folder: &Path) {
    fs::remove_file(folder).expect("removed");
    fs::rename(folder.with_extension("away"), folder).expect("renamed");
}
