//! Evaluation: aggregates series, calls the detectors, turns verdicts into anomalies, advances the incidents, and
//! trains.

mod advance;
mod aggregate;
mod changed_rules;
mod cold_start;
mod collector;
mod day;
mod evaluation;
mod evaluator;
mod finished_days;
mod fits;
mod gates;
mod history_reader;
mod hour;
mod mask;
mod reproduction;
mod sample;
mod train;
mod trial_series;

pub(crate) use self::day::DayEvaluation;
pub(crate) use self::finished_days::{FinishedDays, TRAILING_DAYS, trailing_bill};
pub(crate) use self::gates::unreachable_rules_of_store;
pub(crate) use self::history_reader::{HistoryQuery, HistoryReader};
pub(crate) use self::hour::{EvaluatedHour, HourResult};
pub(crate) use self::mask::TrainingMask;
pub(crate) use self::reproduction::{ArchivedDay, NotReproducible, VerdictFigures};
pub(crate) use self::trial_series::{TrialDays, TrialSeries};
