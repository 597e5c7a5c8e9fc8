//! Checkpoints of a run: each completed step is recorded here, and a run may be ended here.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::{Mode, Parts, RunError};
use crate::stop;
use store::checkpoint::Checkpoint;
use store::failpoint;

/// Progress of a run.
#[derive(Debug)]
pub(crate) struct Course {
    /// Unique id of the process, in leases and run records.
    pub(super) owner: String,
    at: Mutex<At>,
}

#[derive(Debug)]
struct At {
    step: Checkpoint,
    /// Job and period of the record updated at each step.
    record: Option<(String, String)>,
}

impl Course {
    pub(super) fn new() -> Self {
        let host = rustix::system::uname();
        let (host, process) = (host.nodename().to_string_lossy(), std::process::id());
        // The random suffix separates processes with a reused process id.
        let owner = format!("{host}:{process}:{:08x}", fastrand::u32(..));
        Self { owner, at: Mutex::new(At { step: Checkpoint::Started, record: None }) }
    }

    pub(super) fn step(&self) -> Checkpoint {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).step
    }

    /// Starts a record. The steps are stored only for a record named by `follow`.
    pub(super) fn begin(&self, follow: Option<(&str, &str)>) {
        let record = follow.map(|(job, period)| (job.to_owned(), period.to_owned()));
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = At { step: Checkpoint::Started, record };
    }

    fn advance(&self, step: Checkpoint) -> Option<(String, String)> {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.step = step;
        at.record.clone()
    }
}

impl Parts {
    /// Records a completed step.
    ///
    /// # Errors
    /// Fails if the run must end, or if the store fails.
    pub(super) async fn checkpoint(&self, step: Checkpoint, now: Timestamp) -> Result<(), RunError> {
        // The failpoint of the step.
        failpoint::pass(step);
        // After the last step, a stop gains nothing.
        if step < Checkpoint::Trained && stop::asked() {
            return Err(RunError::Stopped);
        }
        self.may_write().await?;
        let record = self.course.advance(step);
        if let Some((job, period)) = record
            && self.mode == Mode::Write
        {
            self.store.put_checkpoint(&job, &period, step, now).await?;
        }
        Ok(())
    }

    /// Checks that the process still holds all its leases.
    pub(super) async fn may_write(&self) -> Result<(), RunError> {
        for lease in self.whole.iter().chain(&self.turn) {
            lease.check().await?;
        }
        Ok(())
    }
}
