//! The daily series of a rule for a trial in a report, as a run passes the series to the detector.

use jiff::Timestamp;
use jiff::civil::Date;
use model::history::History;
use model::rule::Rule;
use model::series::{Names, Series, SeriesKey};

use super::aggregate::SeriesFrame;
use super::mask::TrainingMask;
use crate::config::Config;

/// The stored days of a trial.
#[derive(Clone, Copy)]
pub(crate) struct TrialDays<'a> {
    pub(crate) config: &'a Config,
    pub(crate) history: &'a History,
    /// The last day.
    pub(crate) through: Date,
}

/// A series of a rule, without a training mask.
#[derive(Debug)]
pub(crate) struct TrialSeries {
    pub(crate) names: Names,
    pub(crate) first: Date,
    pub(crate) series: Series,
}

impl TrialDays<'_> {
    /// Returns the last `days` days of a series; `None` if the rule has no such series.
    pub(crate) fn series(self, rule: &Rule, key: &SeriesKey, days: u16) -> Option<TrialSeries> {
        let rows = self.history.rows.iter().filter(|(part, _)| key.covers(part));
        let rows = rows.map(|(part, row)| (part.clone(), row.clone())).collect();
        let parts = History { days: self.history.days.clone(), rows };
        let mask = TrainingMask::default();
        let zone = &self.config.zone;
        let accept_after_days = self.config.accept_after_days;
        let frame = SeriesFrame { zone, mask: &mask, accept_after_days, through: self.through };
        let series = frame.daily(rule, &parts, days).into_iter().find(|series| series.key == *key)?;
        let first = Timestamp::from_second(series.series.start).ok()?.to_zoned(zone.clone()).date();
        Some(TrialSeries { names: series.names, first, series: series.series })
    }
}
