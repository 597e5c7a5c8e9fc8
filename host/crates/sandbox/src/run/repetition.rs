//! The repetition of a sample: a series of a call is called again alone, and behind one other series. A run chooses the
//! batches, so the result of a series must not depend on its batch.
//!
//! The usual cause of a difference is a map of a standard library with random keys: the order of its entries depends on
//! the maps that the same call made before.

use std::fmt::Debug;

use super::batch::BATCH_SERIES;
use crate::failure::Failure;

/// A function of a detector whose result depends on the batch, with the results.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{function}` gives another result behind other series than alone, so the anomalies of a run depend on its batches: {alone} alone, {among_others} behind {position} series; expected the same result: use no state across series, and BTreeMap in place of HashMap"
)]
pub struct BatchDependence {
    function: &'static str,
    alone: String,
    among_others: String,
    position: usize,
}

/// A series whose repetition gave another result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferentSample {
    /// Index of the input.
    pub index: usize,
    pub dependence: BatchDependence,
}

/// A result of a series, and the number of series before it in its batch.
#[derive(Debug, Clone, Copy)]
pub struct PlacedResult<'a, T> {
    pub result: &'a Result<T, Failure>,
    pub position: usize,
}

/// Maximum length of a result in a message, in characters.
const SHOWN_CHARS: usize = 120;

/// Returns the first difference from the result of a series alone. Results that depend on the machine prove nothing.
pub fn batch_dependence<'a, T: Debug + 'a>(
    function: &'static str,
    alone: &Result<T, Failure>,
    among_others: impl IntoIterator<Item = PlacedResult<'a, T>>,
) -> Option<BatchDependence> {
    if is_of_machine(alone) {
        return None;
    }
    let alone = text(alone);
    let shown = |text: &str| text.chars().take(SHOWN_CHARS).collect();
    among_others.into_iter().filter(|placed| !is_of_machine(placed.result)).find_map(|placed| {
        let other = text(placed.result);
        (other != alone).then(|| BatchDependence {
            function,
            alone: shown(&alone),
            among_others: shown(&other),
            position: placed.position,
        })
    })
}

/// Returns a result as text, which shows every bit of a number, also the sign of zero.
fn text<T: Debug>(result: &Result<T, Failure>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(failure) => failure.to_string(),
    }
}

fn is_of_machine<T>(result: &Result<T, Failure>) -> bool {
    result.as_ref().is_err_and(|failure| failure.is_transient() || failure.is_skipped())
}

/// Calls a sample again and compares the results: the last input of the first batch with a result. A single input has no
/// other position.
pub(crate) fn repeat<I: Clone, T: Debug>(
    function: &'static str,
    inputs: &[I],
    results: &[Result<T, Failure>],
    call: impl Fn(&[I]) -> Vec<Result<T, Failure>>,
) -> Option<DifferentSample> {
    let first_batch = &results[..results.len().min(BATCH_SERIES)];
    let index = first_batch.iter().rposition(Result::is_ok).filter(|index| *index > 0)?;
    let alone = call(&inputs[index..=index]);
    let second = call(&[inputs[0].clone(), inputs[index].clone()]);
    let others = [
        PlacedResult { result: &results[index], position: index },
        PlacedResult { result: second.get(1)?, position: 1 },
    ];
    let dependence = batch_dependence(function, alone.first()?, others)?;
    Some(DifferentSample { index, dependence })
}
