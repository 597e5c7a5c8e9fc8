//! Checkpoints of a run: each completed step is recorded here, and a run may be ended here.

use std::cell::Cell;

use store::checkpoint::Checkpoint;
use store::failpoint;

use super::{Mode, Run, RunError};
use crate::stop;

/// Progress of the current run record.
#[derive(Debug)]
pub(super) struct Progress {
    step: Cell<Checkpoint>,
    /// The run record updated at each step. `None` for a job that records the progress itself.
    record: Option<RecordKey>,
}

#[derive(Debug)]
pub(super) struct RecordKey {
    pub(super) job: String,
    pub(super) period: String,
}

impl Progress {
    /// Progress from the first step on.
    pub(super) fn new(record: Option<RecordKey>) -> Self {
        Self { step: Cell::new(Checkpoint::Started), record }
    }
}

impl Run<'_> {
    /// Records a completed step.
    ///
    /// # Errors
    /// Fails if the run must end, or if the store fails.
    pub(crate) async fn checkpoint(&self, step: Checkpoint) -> Result<(), RunError> {
        // The failpoint of the step.
        failpoint::pass(step);
        // After the last step, a stop gains nothing.
        if step < Checkpoint::Trained && stop::asked() {
            return Err(RunError::Stopped);
        }
        self.check_leases().await?;
        self.progress.step.set(step);
        if let Some(RecordKey { job, period }) = &self.progress.record
            && self.services.mode == Mode::Write
        {
            self.services.store.put_checkpoint(job, period, step, self.now).await?;
        }
        Ok(())
    }

    /// Refuses the results of detectors that a stop has ended.
    ///
    /// # Errors
    /// The run must end.
    pub(crate) fn check_stop(&self) -> Result<(), RunError> {
        if stop::asked() { Err(RunError::Stopped) } else { Ok(()) }
    }

    /// The last completed step.
    pub(crate) fn step(&self) -> Checkpoint {
        self.progress.step.get()
    }

    /// Checks that the process still holds all its leases.
    pub(crate) async fn check_leases(&self) -> Result<(), RunError> {
        for lease in self.period_lease.iter().chain(&self.write_lease) {
            lease.check().await?;
        }
        Ok(())
    }
}
