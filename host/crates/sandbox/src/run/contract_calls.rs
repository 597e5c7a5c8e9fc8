//! The functions `fit` and `judge` of the contract, for a batch of series.

use model::series::{Series, Window};
use wasmtime::Store;

use super::store_data::StoreData;
use crate::bindings::{self, Baseline, Context, Guest, Refusal};
use crate::call::CallContext;

/// The results of `fit` or `judge`, a result per input.
pub(super) type SeriesResults<T> = Vec<Result<T, Refusal>>;

/// Calls `fit` for a batch.
pub(crate) fn fit(
    guest: &Guest,
    store: &mut Store<StoreData>,
    context: &CallContext<'_>,
    history: &[Series],
) -> wasmtime::Result<SeriesResults<Baseline>> {
    let history: Vec<_> = history.iter().map(to_contract).collect();
    guest.call_fit(store, context_record(context), &history)
}

/// Calls `judge` for a batch.
pub(crate) fn judge(
    guest: &Guest,
    store: &mut Store<StoreData>,
    context: &CallContext<'_>,
    windows: &[Window],
) -> wasmtime::Result<SeriesResults<Vec<bindings::Verdict>>> {
    let windows: Vec<_> = windows
        .iter()
        .map(|window| bindings::Window {
            series: to_contract(&window.series),
            state: &window.state,
            judge_from: window.judge_from,
        })
        .collect();
    guest.call_judge(store, context_record(context), &windows)
}

fn context_record<'a>(context: &CallContext<'a>) -> Context<'a> {
    Context { settings: context.settings, unit: context.unit, locale: context.locale }
}

fn to_contract(series: &Series) -> bindings::Series<'_> {
    bindings::Series {
        id: &series.id,
        start: series.start,
        utc_offset: series.utc_offset,
        step: series.step,
        values: &series.values,
        excluded: &series.excluded,
    }
}
