//! Cold start: evaluation of series that appear today and on no earlier day, for example a service started this
//! morning.
//!
//! Earlier days count as 0 cost, like in the daily job, and people are notified on the same day. A series with earlier
//! cost has insufficient history and is not evaluated.

use model::rule::Absent;
use model::series::Grain;
use sandbox::{Fitted, Scope};
use store::{DateRange, FitState, Store};

use super::aggregate::{RuleSeries, SeriesFrame};
use super::evaluation::DetectorInput;
use super::evaluator::Evaluator;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Count, RunError, days_before};

/// The series of a rule without a fit.
pub(super) struct ColdStart<'a> {
    pub(super) prepared: &'a PreparedRule,
    /// The series on the partial day.
    pub(super) series: Vec<RuleSeries>,
    /// The frame up to the last trained day.
    pub(super) frame: SeriesFrame<'a>,
}

/// Whether a rule supports a cold start: a day without a row must count as 0, and the fit must not depend on peers.
pub(super) fn supports_cold_start(prepared: &PreparedRule) -> bool {
    let rule = &prepared.rule;
    rule.grain == Grain::Daily && rule.absent == Absent::Zero && prepared.detector.manifest.scope == Scope::Each
}

impl ColdStart<'_> {
    /// Returns the detector input for the series without a row in the history.
    pub(super) async fn inputs(
        self,
        store: &Store,
        evaluator: &mut Evaluator<'_>,
    ) -> Result<Vec<DetectorInput>, RunError> {
        let Self { prepared, series, frame } = self;
        let history_days = prepared.rule.history_days;
        let range = DateRange { from: days_before(frame.through, history_days - 1), to: frame.through };
        let known = if series.is_empty() { Vec::new() } else { store.days(range).await? };
        let mut new_series = Vec::new();
        let mut history = Vec::new();
        for series in series {
            if series.series.values.iter().any(|value| value.is_nan()) {
                continue;
            }
            let zero = match store.daily(range, &series.key).await?.is_empty() {
                true => frame.zero(&series.key, &known, history_days),
                false => None,
            };
            match zero {
                Some(zero) => {
                    new_series.push(series);
                    history.push(zero);
                }
                None => evaluator.report.add(Count::InsufficientHistory, 1),
            }
        }
        let fits = evaluator.fit(prepared, &history);
        let input = |(series, fit): (RuleSeries, Option<Fitted>)| {
            let Fitted { state, figures } = fit?;
            let fit = FitState { state, figures: figures.into_iter().collect() };
            Some(DetectorInput::of_last_point(series, fit, frame.through))
        };
        Ok(new_series.into_iter().zip(fits).filter_map(input).collect())
    }
}
