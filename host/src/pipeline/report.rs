//! Report of a run: counts, durations and problems.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::civil::Date;

use crate::metrics::Tally;
use model::anomaly::Anomaly;

/// The exit grade of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    /// Complete. Anomalies are data, not failures.
    Done,
    /// Incomplete, but nothing is lost.
    Degraded,
    /// The job failed.
    Failed,
}

/// The outcome of a run: the grade, or an interruption. An interrupted run has neither failed nor succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Degraded,
    Failed,
    /// Ended by a signal; the next run resumes the job.
    Stopped,
    /// Delayed beyond the write lease; another host resumes the job.
    TakenOver,
}

/// The counts, problems and anomalies of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) job: &'static str,
    /// For example `20261122`, `20261122T10` or `20260101-20261122`.
    pub(crate) period: String,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) durations: BTreeMap<&'static str, Duration>,
    /// Each problem makes the run degraded.
    pub(crate) problems: Vec<String>,
    /// Rules with a reported failure.
    pub(super) failed_rules: BTreeSet<String>,
    pub(crate) anomalies: Vec<Anomaly>,
    /// First and last day evaluated again after a change of earlier days.
    pub(crate) reevaluated: Option<(Date, Date)>,
    /// The formatted total of the last day.
    pub(crate) total: Option<String>,
    /// The cause of a failed job.
    pub(crate) error: Option<String>,
    /// Metrics of the run.
    pub(crate) tally: Tally,
    /// The host and process with the completed job, if nothing was left to do.
    pub(crate) done_by: Option<String>,
    /// The interruption of a run without a failure.
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

    /// Whether the job succeeded, completely or degraded.
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

    /// The outcome for the run record and the metrics.
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

    /// Records a day evaluated again. The days must ascend.
    pub(super) fn reevaluated(&mut self, date: Date) {
        self.count("reevaluated_days", 1);
        let (first, _) = self.reevaluated.unwrap_or((date, date));
        self.reevaluated = Some((first, date));
    }

    /// Records a problem, once per text.
    pub(super) fn problem(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.problems.contains(&what) {
            tracing::info!("{what}");
            self.problems.push(what);
        }
    }

    /// Adds the report of a part of the work. Skips the problems of rules with an earlier failure.
    pub(super) fn absorb(&mut self, part: Self) {
        for (what, more) in part.counts {
            self.count(what, more);
        }
        self.tally.absorb(part.tally);
        // A rule that has failed before has already reported its problem.
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
