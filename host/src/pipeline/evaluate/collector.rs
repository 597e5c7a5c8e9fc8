//! The series of a rule, collected from key ranges.

use model::rule::{GroupBy, Rule};
use model::series::{Grain, Series};
use sandbox::Scope;

use super::aggregate::{DailySums, NewestDay, RuleSeries, SeriesFrame, SnapshotSums};
use super::history_reader::{HistoryReader, RangeData};
use crate::pipeline::rules::PreparedRule;

/// The series of a rule, collected from key ranges.
pub(super) enum SeriesCollector<'r> {
    Daily(DailySums<'r>),
    DayToDate(SnapshotSums<'r>),
    Hourly(SnapshotSums<'r>),
}

/// A series to train on.
pub(super) struct TrainingSeries {
    /// The hour of a day-to-date series.
    pub(super) hour: Option<u8>,
    pub(super) series: RuleSeries,
}

/// A series to evaluate.
pub(super) struct EvaluationSeries {
    /// The points before the newest day.
    pub(super) history: Series,
    /// The points of the newest day.
    pub(super) newest: RuleSeries,
}

/// Whether a rule needs all series at once.
pub(super) fn needs_all_series(prepared: &PreparedRule) -> bool {
    prepared.rule.group_by != GroupBy::EACH || prepared.detector.manifest.scope == Scope::Group
}

impl<'a> SeriesFrame<'a> {
    /// Starts the collection for `days` days up to the end of the frame.
    pub(super) fn collector<'r>(self, rule: &'r Rule, reader: &HistoryReader<'_>, days: u16) -> SeriesCollector<'r> {
        match rule.grain {
            Grain::Daily => SeriesCollector::Daily(self.daily_sums(rule, &reader.days, days)),
            Grain::DayToDate => SeriesCollector::DayToDate(self.snapshot_sums(rule, &reader.snapshot_days, days)),
            Grain::Hourly => SeriesCollector::Hourly(self.snapshot_sums(rule, &reader.snapshot_days, days)),
        }
    }
}

impl SeriesCollector<'_> {
    /// Adds a key range. The calls must follow the key order.
    pub(super) fn add(&mut self, range: &RangeData) {
        match self {
            Self::Daily(sums) => sums.add(&range.history.rows),
            Self::DayToDate(sums) | Self::Hourly(sums) => sums.add(&range.snapshots.rows),
        }
    }

    /// Returns the history to fit and the points to evaluate of the newest day up to an hour.
    pub(super) fn into_evaluation_series(self, frame: SeriesFrame<'_>, hour: u8) -> Vec<EvaluationSeries> {
        let one_point = NewestDay { points: 1, evaluated: 1 };
        let split = |series: RuleSeries, newest: NewestDay| {
            let (history, newest) = series.split_newest_day(newest);
            EvaluationSeries { history, newest }
        };
        match self {
            Self::Daily(sums) => sums.into_series(frame).into_iter().map(|series| split(series, one_point)).collect(),
            Self::DayToDate(sums) => {
                let series = sums.into_series(frame).filter_map(|series| series.day_to_date(hour));
                series.map(|series| split(series, one_point)).collect()
            }
            Self::Hourly(sums) => {
                let newest = NewestDay { points: 24, evaluated: usize::from(hour) + 1 };
                let series = sums.into_series(frame).filter_map(|series| series.hourly());
                series.map(|series| split(series, newest)).collect()
            }
        }
    }

    /// Returns the series to train on, in key order; for day-to-date with a series per hour.
    pub(super) fn into_training_series<'a>(
        self,
        frame: SeriesFrame<'a>,
    ) -> Box<dyn Iterator<Item = TrainingSeries> + 'a> {
        let without_hour = |series| TrainingSeries { hour: None, series };
        match self {
            Self::Daily(sums) => Box::new(sums.into_series(frame).into_iter().map(without_hour)),
            Self::DayToDate(sums) => Box::new(sums.into_series(frame).flat_map(|snapshots| {
                let of_hour = |hour| Some(TrainingSeries { hour: Some(hour), series: snapshots.day_to_date(hour)? });
                (0..24).filter_map(of_hour).collect::<Vec<_>>()
            })),
            Self::Hourly(sums) => {
                Box::new(sums.into_series(frame).filter_map(|snapshots| snapshots.hourly()).map(without_hour))
            }
        }
    }
}
