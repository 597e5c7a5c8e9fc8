//! Reproduction of a verdict: judges an archived day again with the opening band of an incident.

use std::collections::HashSet;

use jiff::civil::Date;
use model::history::{History, Measure};
use model::incident::OpeningBand;
use model::ledger::DayLedger;
use model::moment::Moment;
use model::rule::Absent;
use model::series::{Grain, Names, SeriesKey};
use sandbox::Scope;
use store::FitState;

use super::aggregate::{RuleSeries, SeriesFrame};
use super::day::is_usable;
use super::evaluation::{DetectorInput, EvaluationTime};
use super::evaluator::Evaluator;
use super::mask::TrainingMask;
use crate::config::Config;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Remark, Report};

/// The archived day and the series to judge again.
#[derive(Clone, Copy)]
pub(crate) struct ArchivedDay<'a> {
    pub(crate) config: &'a Config,
    pub(crate) ledger: &'a DayLedger,
    pub(crate) series: &'a SeriesKey,
    pub(crate) names: &'a Names,
}

/// The figures of an anomalous verdict. Infinite bounds are `None`, as in stored anomalies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct VerdictFigures {
    pub(crate) observed: f64,
    pub(crate) expected: f64,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    pub(crate) score: f64,
}

/// The reason for a band that cannot judge a day again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotReproducible {
    /// No present rule has the id.
    RuleGone,
    /// The rule has another plugin or other settings now.
    RuleChanged,
    /// The detector compares the series of a group in one call.
    ComparesPeers,
    NoArchivedBill(Date),
    /// The rule does not select the series, or a day without a row is not known.
    NoSeries,
    Failed(String),
}

impl ArchivedDay<'_> {
    /// Judges the day with an opening band. `None` means that the day is not anomalous.
    ///
    /// # Errors
    /// The band cannot judge the day.
    pub(crate) fn judge(
        &self,
        prepared: &PreparedRule,
        band: &OpeningBand,
    ) -> Result<Option<VerdictFigures>, NotReproducible> {
        if !is_usable(band, prepared) {
            return Err(NotReproducible::RuleChanged);
        }
        if prepared.detector.manifest.scope == Scope::Group {
            return Err(NotReproducible::ComparesPeers);
        }
        let series = self.series_of(prepared).ok_or(NotReproducible::NoSeries)?;
        let fit = FitState { state: band.state.clone(), figures: band.figures.clone() };
        // The stored anomaly has passed the gates.
        let input = DetectorInput { is_opening_band: true, ..DetectorInput::of_last_point(series, fit, band.through) };
        let mut report = Report::default();
        let watched = HashSet::from([self.series.clone()]);
        let mut evaluator = Evaluator::new(self.config, &mut report, &watched, 0.0);
        let time = EvaluationTime::new(Moment::finished_day(self.ledger.date), Grain::Daily, &self.config.zone);
        evaluator.evaluate(prepared, vec![input], time);
        let evaluation = evaluator.evaluation;
        if evaluation.failed.contains_key(self.series) {
            return Err(NotReproducible::Failed(
                report.problems.iter().map(Remark::english).collect::<Vec<_>>().join("; "),
            ));
        }
        let finite = |bound: f64| bound.is_finite().then_some(bound);
        Ok(evaluation.anomalies.first().map(|anomaly| VerdictFigures {
            observed: anomaly.observed,
            expected: anomaly.expected,
            lower: finite(anomaly.lower),
            upper: finite(anomaly.upper),
            score: anomaly.score,
        }))
    }

    /// Returns the series of the day for a rule; `None` if the rule does not know the cost of the day.
    fn series_of(&self, prepared: &PreparedRule) -> Option<RuleSeries> {
        let mask = TrainingMask::default();
        let accept_after_days = self.config.accept_after_days;
        let frame = SeriesFrame { zone: &self.config.zone, mask: &mask, accept_after_days, through: self.ledger.date };
        let mut day = History::default();
        day.push(self.ledger, &Measure::ALL.into());
        let series = frame.daily(&prepared.rule, &day, 1).into_iter().find(|series| series.key == *self.series);
        match series {
            None if prepared.rule.absent == Absent::Zero => {
                Some(RuleSeries::zero_today(self.series, self.names, frame))
            }
            series => series,
        }
    }
}
