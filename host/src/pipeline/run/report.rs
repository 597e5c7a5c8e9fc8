//! The report of a run: counts, durations, problems and anomalies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ingest::source::SourceError;
use jiff::civil::Date;
use model::anomaly::Anomaly;
use model::language::Language;
use store::{DateRange, StoreError};

use super::error::RunError;
use super::hourly_history::HourlyHistories;
use super::names::{Count, Stage};
use super::remark::Remark;
use crate::metrics::{Metric, Tally};

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

/// The outcome of a run: the grade, an interruption or a refusal. An interrupted or refused run has neither failed nor
/// succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Degraded,
    Failed,
    /// Ended by a signal; the next run resumes the job.
    Stopped,
    /// Delayed beyond the write lease; another host resumes the job.
    TakenOver,
    /// A person named a day or an hour that cannot run.
    Refused,
}

/// The counts, problems and anomalies of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) job: &'static str,
    /// For example `20261122`, `20261122T10` or `20260101-20261122`.
    pub(crate) period: String,
    pub(crate) counts: BTreeMap<Count, u64>,
    pub(crate) durations: BTreeMap<Stage, Duration>,
    /// Each problem makes the run degraded.
    pub(crate) problems: Vec<Remark>,
    /// The largest difference that the gates of a rule held back.
    pub(crate) largest_held: f64,
    /// Statements without an effect on the grade.
    pub(crate) notes: Vec<Remark>,
    /// The hourly history of the trained rules over hours.
    pub(crate) hourly_histories: HourlyHistories,
    /// Rules with a reported failure.
    pub(crate) failed_rules: BTreeSet<String>,
    pub(crate) anomalies: Vec<Anomaly>,
    /// First and last day evaluated again after a change of earlier days.
    pub(crate) reevaluated: Option<DateRange>,
    /// The formatted total of the last day.
    pub(crate) total: Option<String>,
    /// The cause of a failed job.
    pub(crate) error: Option<String>,
    /// Metrics of the run.
    pub(crate) tally: Tally,
    /// The host and process with the completed job, if nothing was left to do.
    pub(crate) done_by: Option<String>,
    /// The interruption or the refusal of a run without a failure.
    pub(crate) interruption: Option<Outcome>,
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

impl From<Grade> for Outcome {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::Done => Self::Done,
            Grade::Degraded => Self::Degraded,
            Grade::Failed => Self::Failed,
        }
    }
}

impl Outcome {
    pub(crate) const ALL: [Self; 6] =
        [Self::Done, Self::Degraded, Self::Failed, Self::Stopped, Self::TakenOver, Self::Refused];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => Grade::Done.as_str(),
            Self::Degraded => Grade::Degraded.as_str(),
            Self::Failed => Grade::Failed.as_str(),
            Self::Stopped => "stopped",
            Self::TakenOver => "taken_over",
            Self::Refused => "refused",
        }
    }

    /// Returns the words for people.
    pub(crate) fn text(self, language: Language) -> &'static str {
        let korean = match self {
            Self::Done => "정상",
            Self::Degraded => "일부 미완료",
            Self::Failed => "실패",
            Self::Stopped => "중단",
            Self::TakenOver => "다른 호스트가 이어받음",
            Self::Refused => "거절",
        };
        language.choose(korean, self.as_str())
    }

    /// Whether the job succeeded, completely or degraded.
    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Done | Self::Degraded)
    }
}

impl Report {
    /// Adds a note, unless the report has the note.
    pub(crate) fn add_note_once(&mut self, note: Remark) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

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
        self.interruption.unwrap_or(self.grade().into())
    }

    /// Returns a count; 0 without an entry.
    pub(crate) fn count(&self, count: Count) -> u64 {
        self.counts.get(&count).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, count: Count, more: u64) {
        *self.counts.entry(count).or_default() += more;
    }

    /// Records a day evaluated again. The days must ascend.
    pub(crate) fn add_reevaluated_day(&mut self, date: Date) {
        self.add(Count::ReevaluatedDays, 1);
        let from = self.reevaluated.map_or(date, |range| range.from);
        self.reevaluated = Some(DateRange { from, to: date });
    }

    /// Records a problem, once per text.
    pub(crate) fn add_problem(&mut self, problem: Remark) {
        if !self.problems.contains(&problem) {
            tracing::info!("{}", problem.english());
            self.problems.push(problem);
        }
    }

    /// Records the cause of a failed job, and the failed service in the metrics.
    pub(crate) fn fail(&mut self, error: &RunError) {
        self.error = Some(error.to_string());
        match error {
            error if error.is_usage_error() => self.interruption = Some(Outcome::Refused),
            RunError::Stopped => self.interruption = Some(Outcome::Stopped),
            RunError::TakenOver { .. } => self.interruption = Some(Outcome::TakenOver),
            // The server answers.
            RunError::Store(StoreError::OtherAccount { .. } | StoreError::NewerFormat { .. }) => {}
            RunError::Store(_) => self.tally.set(Metric::StoreUp, &[], 0.0),
            RunError::Archive(_) => self.tally.set(Metric::ArchiveUp, &[], 0.0),
            // "No bill" is an answer of a working API.
            RunError::Source(SourceError::NoDocument { .. } | SourceError::NotInArchive { .. }) => {}
            RunError::Source(_) => self.tally.set(Metric::ApiUp, &[], 0.0),
            _ => {}
        }
    }

    /// Counts a verdict that the gates of the rule held back.
    pub(crate) fn add_held(&mut self, impact: f64) {
        self.add(Count::HeldVerdicts, 1);
        self.largest_held = self.largest_held.max(impact);
    }

    /// Adds the report of a part of the work. Skips the problems of rules with an earlier failure.
    pub(crate) fn absorb(&mut self, part: Self) {
        for (count, more) in part.counts {
            self.add(count, more);
        }
        self.tally.absorb(part.tally);
        self.largest_held = self.largest_held.max(part.largest_held);
        self.hourly_histories.absorb(part.hourly_histories);
        // A rule that has failed before has already reported its problem.
        let is_known = part.failed_rules.iter().all(|rule| self.failed_rules.contains(rule));
        if part.failed_rules.is_empty() || !is_known {
            part.problems.into_iter().for_each(|problem| self.add_problem(problem));
        }
        self.failed_rules.extend(part.failed_rules);
    }

    /// Adds the time since `started` to a stage.
    pub(crate) fn add_time_since(&mut self, stage: Stage, started: Instant) {
        self.add_time(stage, started.elapsed());
    }

    pub(crate) fn add_time(&mut self, stage: Stage, time: Duration) {
        *self.durations.entry(stage).or_default() += time;
    }
}
