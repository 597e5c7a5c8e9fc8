//! What a detector is, and what passes between its two halves.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Issue, Refusal, Scope, Series, Verdict};

/// A pure function over cost series, in two halves: [`fit`](Detector::fit) is daily and may be heavy,
/// [`judge`](Detector::judge) is hourly and light.
///
/// The same input must give the same output everywhere: do not depend on the order of a `HashMap`.
pub trait Detector {
    /// What an operator may set. Deny unknown fields, and give defaults and doc comments: the JSON Schema has both.
    type Settings: DeserializeOwned + JsonSchema;
    /// What `judge` must know of the history. Kept per series and rule: a few hundred bytes at most.
    type State: Serialize + DeserializeOwned;

    /// `[a-z0-9-]+`, the name that rules call it by.
    const NAME: &'static str;
    /// One line for people.
    const SUMMARY: &'static str;
    /// The fewest known points that `fit` can ever work with, whatever the settings.
    const MIN_POINTS: u32;
    /// Whether one result depends on its own series alone.
    const SCOPE: Scope = Scope::Each;

    /// What is wrong with settings that parsed, e.g. a number out of its bounds. Empty when nothing is.
    fn check(settings: &Self::Settings) -> Vec<Issue> {
        let _ = settings;
        Vec::new()
    }

    /// Learns from complete history.
    ///
    /// # Errors
    /// [`Refusal::Learning`] when more points are needed, [`Refusal::Failed`] when no number of points would help.
    fn fit(context: &Context, settings: &Self::Settings, history: &Series) -> Result<Baseline<Self::State>, Refusal>;

    /// Judges the points of [`Window::to_judge`], each from earlier ones only. A point may be left without a verdict.
    ///
    /// # Errors
    /// As [`fit`](Detector::fit).
    fn judge(
        context: &Context,
        settings: &Self::Settings,
        window: &Window,
        state: Self::State,
    ) -> Result<Vec<Verdict>, Refusal>;

    /// [`fit`](Detector::fit) for many series: one result each, in their order. With [`Scope::Group`] these are the
    /// peers of one whole group.
    fn fit_all(
        context: &Context,
        settings: &Self::Settings,
        history: &[Series],
    ) -> Vec<Result<Baseline<Self::State>, Refusal>> {
        history.iter().map(|series| Self::fit(context, settings, series)).collect()
    }

    /// [`judge`](Detector::judge) for many windows: one result each, in their order.
    fn judge_all(
        context: &Context,
        settings: &Self::Settings,
        windows: Vec<(Window, Self::State)>,
    ) -> Vec<Result<Vec<Verdict>, Refusal>> {
        windows.into_iter().map(|(window, state)| Self::judge(context, settings, &window, state)).collect()
    }
}

/// What `fit` learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline<S> {
    /// For `judge`.
    pub state: S,
    /// For people: named figures, shown beside findings.
    pub figures: Vec<(String, f64)>,
}

/// The points since the fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Begins where the history of the fit ended, or later.
    pub series: Series,
    /// Points before this index are context; this one and those after it are judged.
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
    /// Index and value of each known point that is to be judged.
    pub fn to_judge(&self) -> impl Iterator<Item = (usize, f64)> {
        self.series.known_from(self.judge_from)
    }
}

impl Verdict {
    /// A verdict without bounds and without a reason; points that do not alert need no reason.
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
    /// The refusal for `known` points where `needed` are needed.
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
