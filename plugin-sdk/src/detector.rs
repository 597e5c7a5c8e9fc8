//! The detector trait, and the values that pass between `fit` and `judge`.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Issue, Refusal, Scope, Series, Verdict};

/// A pure function over cost series in two halves: [`fit`](Detector::fit) runs daily and may be slow,
/// [`judge`](Detector::judge) runs hourly and must be fast.
///
/// The same input must give the same output on every machine: do not depend on the order of a `HashMap`.
pub trait Detector {
    /// The settings of a rule. Deny unknown fields; add defaults and doc comments, because the JSON Schema contains
    /// both.
    type Settings: DeserializeOwned + JsonSchema;
    /// The knowledge of the history that `judge` needs. The host stores one state per series and rule: keep it to a few
    /// hundred bytes.
    type State: Serialize + DeserializeOwned;

    /// The detector name in rules, `[a-z0-9-]+`.
    const NAME: &'static str;
    /// A summary for people, in one line.
    const SUMMARY: &'static str;
    /// The minimum number of known points for `fit` under any settings.
    const MIN_POINTS: u32;
    /// Whether a result depends on one series alone.
    const SCOPE: Scope = Scope::Each;

    /// Checks parsed settings, e.g. number ranges. Returns no issue for valid settings.
    fn check(settings: &Self::Settings) -> Vec<Issue> {
        let _ = settings;
        Vec::new()
    }

    /// Learns from the complete history.
    ///
    /// # Errors
    /// [`Refusal::Learning`] if more points are needed, [`Refusal::Failed`] if more points would not help.
    fn fit(context: &Context, settings: &Self::Settings, history: &Series) -> Result<Baseline<Self::State>, Refusal>;

    /// Judges the points of [`Window::to_judge`], each from earlier points only. A point may stay without a verdict.
    ///
    /// # Errors
    /// The same as for [`fit`](Detector::fit).
    fn judge(
        context: &Context,
        settings: &Self::Settings,
        window: &Window,
        state: Self::State,
    ) -> Result<Vec<Verdict>, Refusal>;

    /// Runs [`fit`](Detector::fit) for many series; returns one result per series, in order. With [`Scope::Group`] the
    /// series are the peers of one whole group.
    fn fit_all(
        context: &Context,
        settings: &Self::Settings,
        history: &[Series],
    ) -> Vec<Result<Baseline<Self::State>, Refusal>> {
        history.iter().map(|series| Self::fit(context, settings, series)).collect()
    }

    /// Runs [`judge`](Detector::judge) for many windows; returns one result per window, in order.
    fn judge_all(
        context: &Context,
        settings: &Self::Settings,
        windows: Vec<(Window, Self::State)>,
    ) -> Vec<Result<Vec<Verdict>, Refusal>> {
        windows.into_iter().map(|(window, state)| Self::judge(context, settings, &window, state)).collect()
    }
}

/// The result of `fit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline<S> {
    /// The state for `judge`.
    pub state: S,
    /// Named figures for people, shown with anomalies.
    pub figures: Vec<(String, f64)>,
}

/// The points since the fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The series; begins at or after the end of the fitted history.
    pub series: Series,
    /// The index of the first point to judge. Earlier points are context.
    pub judge_from: usize,
}

impl<S> Baseline<S> {
    /// A baseline without figures.
    #[must_use]
    pub fn new(state: S) -> Self {
        Self { state, figures: Vec::new() }
    }

    /// Adds a figure for people.
    #[must_use]
    pub fn figure(mut self, name: &str, value: f64) -> Self {
        self.figures.push((name.to_owned(), value));
        self
    }
}

impl Window {
    /// Index and value of each known point to judge.
    pub fn to_judge(&self) -> impl Iterator<Item = (usize, f64)> {
        self.series.known_from(self.judge_from)
    }
}

impl Verdict {
    /// The verdict of a value with an upper bound and without an expected value: the bound stands for the expected value,
    /// and the score is the value as a part of the bound. [`Forecast::verdict`](crate::Forecast::verdict) compares a value
    /// with an expected value and two bounds.
    #[must_use]
    pub fn above(index: usize, observed: f64, upper: f64) -> Self {
        let part = if upper > 0.0 { observed / upper } else { f64::INFINITY };
        let score = match observed > upper {
            true => part.clamp(1.0, crate::Forecast::GREATEST_SCORE),
            false => part.clamp(0.0, 1.0 - f64::EPSILON),
        };
        Self { upper, ..Self::new(index, score, upper) }
    }

    /// A verdict without bounds and reason. Without an upper bound, a rule over days never alerts before the end of a day.
    /// A point that does not alert needs no reason.
    #[must_use]
    pub fn new(index: usize, score: f64, expected: f64) -> Self {
        Self {
            index: u32::try_from(index).expect("a series has fewer than 2^32 points"),
            score,
            expected,
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
            reason: String::new(),
        }
    }
}

impl Refusal {
    /// The refusal for `known` points if `needed` are necessary.
    #[must_use]
    pub fn learning(known: usize, needed: usize) -> Self {
        Self::Learning(u32::try_from(needed.saturating_sub(known)).unwrap_or(u32::MAX))
    }
}

impl Issue {
    /// An issue at a JSON pointer, e.g. `/zScore`, unless the condition holds.
    #[must_use]
    pub fn unless(condition: bool, pointer: &str, message: &str) -> Option<Self> {
        (!condition).then(|| Self { pointer: pointer.to_owned(), message: message.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_above_a_bound_agrees_with_the_bound() {
        for (observed, upper, score) in
            [(10.0, 5.0, 2.0), (4.0, 5.0, 0.8), (5.0, 5.0, 1.0 - f64::EPSILON), (-1.0, 5.0, 0.0)]
        {
            assert_eq!(Verdict::above(0, observed, upper).score, score, "{observed} {upper}");
        }
        assert!(Verdict::above(0, 1.0, 0.0).score >= 1.0);
        assert!(Verdict::above(0, 0.0, 0.0).score < 1.0);
        assert_eq!((Verdict::above(3, 1.0, 2.0).upper, Verdict::above(3, 1.0, 2.0).index), (2.0, 3));
    }
}
