//! What a run did, counted; and what it could not do, told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::civil::Date;

use model::anomaly::Finding;
use crate::metrics::Tally;

/// How a run ended, as its exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    /// All was done. Anomalies are data, not failures.
    Done,
    /// Something was left out; nothing is lost.
    Degraded,
    /// The job could not be done.
    Failed,
}

/// What came of a run: its grade, but that a run which was ended early has neither failed nor been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Degraded,
    Failed,
    /// A signal ended it: the next run goes on.
    Stopped,
    /// It was held up for longer than its lease: another host goes on.
    TakenOver,
}

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) job: &'static str,
    /// `20261122`, `20261122T10` or `20260101-20261122`.
    pub(crate) period: String,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) durations: BTreeMap<&'static str, Duration>,
    /// Each makes the run degraded.
    pub(crate) problems: Vec<String>,
    /// Rules whose first failure was told already.
    pub(super) failed_rules: BTreeSet<String>,
    pub(crate) findings: Vec<Finding>,
    /// The first and the last day that were judged again since days before them had changed.
    pub(crate) judged_again: Option<(Date, Date)>,
    /// The bill of the last day, as people read it.
    pub(crate) total: Option<String>,
    /// Why the job could not be done.
    pub(crate) error: Option<String>,
    /// For monitoring.
    pub(crate) tally: Tally,
    /// Who did it, where there was nothing left to do.
    pub(crate) done_by: Option<String>,
    /// Why it ended early without anything having failed.
    pub(super) interruption: Option<Outcome>,
}

impl Grade {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Degraded => 1,
            Self::Failed => 2,
        }
    }
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] = [Self::Done, Self::Degraded, Self::Failed, Self::Stopped, Self::TakenOver];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => Grade::Done.as_str(),
            Self::Degraded => Grade::Degraded.as_str(),
            Self::Failed => Grade::Failed.as_str(),
            Self::Stopped => "stopped",
            Self::TakenOver => "taken_over",
        }
    }

    /// Whether the job was done, at least in part.
    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Done | Self::Degraded)
    }
}

impl Report {
    pub(crate) fn new(job: &'static str, period: String) -> Self {
        Self { job, period, ..Self::default() }
    }

    pub(crate) fn grade(&self) -> Grade {
        match (&self.error, self.problems.is_empty()) {
            (Some(_), _) => Grade::Failed,
            (None, false) => Grade::Degraded,
            (None, true) => Grade::Done,
        }
    }

    /// As the run's record and its metrics have it.
    pub(crate) fn outcome(&self) -> Outcome {
        self.interruption.unwrap_or(match self.grade() {
            Grade::Done => Outcome::Done,
            Grade::Degraded => Outcome::Degraded,
            Grade::Failed => Outcome::Failed,
        })
    }

    pub(super) fn count(&mut self, what: &'static str, more: u64) {
        *self.counts.entry(what).or_default() += more;
    }

    /// Notes a day that was judged again, later than all before.
    pub(super) fn judged_again(&mut self, date: Date) {
        self.count("judged_again_days", 1);
        let (first, _) = self.judged_again.unwrap_or((date, date));
        self.judged_again = Some((first, date));
    }

    /// Notes what the run could not do; the same once.
    pub(super) fn problem(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.problems.contains(&what) {
            tracing::info!("{what}");
            self.problems.push(what);
        }
    }

    /// Adds what was counted of a part of the work. Of a rule that has failed before nothing more is told.
    pub(super) fn absorb(&mut self, part: Self) {
        for (what, more) in part.counts {
            self.count(what, more);
        }
        self.tally.absorb(part.tally);
        let known = part.failed_rules.iter().all(|rule| self.failed_rules.contains(rule));
        if part.failed_rules.is_empty() || !known {
            part.problems.into_iter().for_each(|problem| self.problem(problem));
        }
        self.failed_rules.extend(part.failed_rules);
    }

    /// Adds the time since `started` to a step.
    pub(super) fn took(&mut self, step: &'static str, started: Instant) {
        self.spent(step, started.elapsed());
    }

    /// Adds time to a step.
    pub(super) fn spent(&mut self, step: &'static str, time: Duration) {
        *self.durations.entry(step).or_default() += time;
    }
}
