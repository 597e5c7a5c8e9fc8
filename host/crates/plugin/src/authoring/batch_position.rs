//! The check that results do not depend on the batch. A run chooses the batches, so a detector with the scope `each` must
//! give a series the same result alone and among other series.
//!
//! The usual cause of a difference is a map of the standard library with random keys: the order of its entries depends on
//! the maps that the same call made before.

use model::series::{Series, Window};
use sandbox::{CallContext, Detector, Failure, Scope};

/// A function of a detector whose result depends on the batch, with the results.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{function}` gives another result behind other series than alone, so the anomalies of a run depend on its batches: {alone} alone, {among_others} behind {position} series; expected the same result: use no state across series, and BTreeMap in place of HashMap"
)]
pub(super) struct BatchDependence {
    function: &'static str,
    alone: String,
    among_others: String,
    position: usize,
}

/// Maximum length of a result in a message, in characters.
const SHOWN_CHARS: usize = 120;

/// Compares the results of a series alone and in several positions of a batch.
///
/// # Errors
/// The results differ.
pub(super) fn check(detector: &Detector, context: &CallContext<'_>, series: &Series) -> Result<(), BatchDependence> {
    if detector.manifest.scope == Scope::Group {
        return Ok(());
    }
    let alone = detector.fit(context, std::slice::from_ref(series)).results;
    // Another series, then the series twice.
    let half =
        Series { values: series.values[..series.values.len() / 2].to_vec(), excluded: Vec::new(), ..series.clone() };
    let among_others = detector.fit(context, &[half, series.clone(), series.clone()]).results;
    compare("fit", &alone[0], &among_others)?;
    let Ok(fitted) = &alone[0] else { return Ok(()) };
    let judge_from = u32::try_from(series.values.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let window = Window { series: series.clone(), state: fitted.state.clone(), judge_from };
    let alone = detector.judge(context, std::slice::from_ref(&window)).results;
    let among_others = detector.judge(context, &[window.clone(), window.clone(), window]).results;
    compare("judge", &alone[0], &among_others)
}

fn compare<T: std::fmt::Debug>(
    function: &'static str,
    alone: &Result<T, Failure>,
    among_others: &[Result<T, Failure>],
) -> Result<(), BatchDependence> {
    // The text shows every bit of a number, also the sign of zero.
    let alone = format!("{alone:?}");
    let other = among_others.iter().map(|result| format!("{result:?}")).enumerate().skip(1);
    match other.into_iter().find(|(_, result)| *result != alone) {
        None => Ok(()),
        Some((position, among_others)) => {
            let shown = |text: String| text.chars().take(SHOWN_CHARS).collect();
            Err(BatchDependence { function, alone: shown(alone), among_others: shown(among_others), position })
        }
    }
}
