//! The functions of the contract, called with the input of a request.

use wasmtime::Store;

use super::store_data::StoreData;
use crate::bindings::{self, Context, Guest};
use crate::call::{Fitted, Issue, Verdict};
use crate::manifest::{Manifest, Scope};
use crate::protocol::{Call, InputContext, Refusal, SeriesInput, WindowInput};

/// The value that a function returned.
pub(super) enum Returned {
    Manifest(Manifest),
    Issues(Vec<Issue>),
    Fitted(Vec<Result<Fitted, Refusal>>),
    Judged(Vec<Result<Vec<Verdict>, Refusal>>),
}

/// Calls the function of a request.
pub(super) fn call(guest: &Guest, store: &mut Store<StoreData>, call: &Call<'_>) -> wasmtime::Result<Returned> {
    match call {
        Call::Describe => guest.call_describe(store).map(|described| Returned::Manifest(manifest(described))),
        Call::CheckSettings(settings) => {
            let issues = guest.call_check_settings(store, settings)?;
            let issues = issues.into_iter().map(|issue| Issue { pointer: issue.pointer, message: issue.message });
            Ok(Returned::Issues(issues.collect()))
        }
        Call::Fit { context, series } => {
            let series: Vec<_> = series.iter().map(series_record).collect();
            let results = guest.call_fit(store, context_record(context), &series)?;
            let results = results.into_iter().map(|result| result.map(fitted).map_err(Refusal::from));
            Ok(Returned::Fitted(results.collect()))
        }
        Call::Judge { context, windows } => {
            let windows: Vec<_> = windows.iter().map(window_record).collect();
            let results = guest.call_judge(store, context_record(context), &windows)?;
            let results = results.into_iter().map(|result| result.map(verdicts).map_err(Refusal::from));
            Ok(Returned::Judged(results.collect()))
        }
    }
}

fn context_record<'a>(context: &InputContext<'a>) -> Context<'a> {
    Context { settings: context.settings, unit: context.unit, locale: context.locale }
}

fn series_record<'a>(series: &'a SeriesInput<'_>) -> bindings::Series<'a> {
    bindings::Series {
        id: series.id,
        start: series.start,
        utc_offset: series.utc_offset,
        step: series.step,
        values: &series.values,
        excluded: &series.excluded,
    }
}

fn window_record<'a>(window: &'a WindowInput<'_>) -> bindings::Window<'a> {
    bindings::Window { series: series_record(&window.series), state: window.state, judge_from: window.judge_from }
}

fn manifest(described: bindings::Manifest) -> Manifest {
    Manifest {
        name: described.name,
        version: described.version,
        summary: described.summary,
        settings_schema: described.settings_schema,
        min_points: described.min_points,
        scope: match described.scope {
            bindings::Scope::Each => Scope::Each,
            bindings::Scope::Group => Scope::Group,
        },
    }
}

fn fitted(baseline: bindings::Baseline) -> Fitted {
    Fitted { state: baseline.state, figures: baseline.figures }
}

fn verdicts(verdicts: Vec<bindings::Verdict>) -> Vec<Verdict> {
    let verdict = |verdict: bindings::Verdict| {
        let bindings::Verdict { index, score, expected, lower, upper, reason } = verdict;
        Verdict { index, score, expected, lower, upper, reason }
    };
    verdicts.into_iter().map(verdict).collect()
}

impl From<bindings::Refusal> for Refusal {
    fn from(refusal: bindings::Refusal) -> Self {
        match refusal {
            bindings::Refusal::Learning(points) => Self::Learning(points),
            bindings::Refusal::Failed(message) => Self::Failed(message),
        }
    }
}
