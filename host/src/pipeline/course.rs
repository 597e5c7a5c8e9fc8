//! How far a run is, and whether it may go on: after each step it says so here.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::{JobError, Mode, Parts};
use store::checkpoint::{self, Step};
use crate::stop;

/// Where a run is.
#[derive(Debug)]
pub(crate) struct Course {
    /// Of this process and no other ever: leases and records are under it.
    pub(super) owner: String,
    at: Mutex<At>,
}

#[derive(Debug)]
struct At {
    step: Step,
    /// Job and period of the record that is kept up with every step.
    record: Option<(String, String)>,
}

impl Course {
    pub(super) fn new() -> Self {
        let host = rustix::system::uname();
        let (host, process) = (host.nodename().to_string_lossy(), std::process::id());
        let owner = format!("{host}:{process}:{:08x}", fastrand::u32(..));
        Self { owner, at: Mutex::new(At { step: Step::Started, record: None }) }
    }

    pub(super) fn step(&self) -> Step {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).step
    }

    /// A record begins. Only where `follow` is named is it written with every step.
    pub(super) fn begin(&self, follow: Option<(&str, &str)>) {
        let record = follow.map(|(job, period)| (job.to_owned(), period.to_owned()));
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = At { step: Step::Started, record };
    }

    fn advance(&self, step: Step) -> Option<(String, String)> {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.step = step;
        at.record.clone()
    }
}

impl Parts {
    /// Says that a step is done.
    ///
    /// # Errors
    /// The run must not go on; or the store cannot be told.
    pub(super) async fn reach(&self, step: Step, now: Timestamp) -> Result<(), JobError> {
        checkpoint::reached(step);
        // After the last step there is nothing left to stop.
        if step < Step::Learned && stop::asked() {
            return Err(JobError::Stopped);
        }
        self.may_write().await?;
        let record = self.course.advance(step);
        if let Some((job, period)) = record
            && self.mode == Mode::Write
        {
            self.store.put_step(&job, &period, step, now).await?;
        }
        Ok(())
    }

    /// Asserts that this process still has what leases it took.
    pub(super) async fn may_write(&self) -> Result<(), JobError> {
        for lease in self.whole.iter().chain(&self.turn) {
            lease.check().await?;
        }
        Ok(())
    }
}
