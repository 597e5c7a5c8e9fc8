//! The check of a golden case that the results of a detector with the scope `each` do not depend on the batch.

use std::fmt::Debug;

use model::series::{Series, Window};
use sandbox::{BatchDependence, CallContext, Detector, Failure, PlacedResult, Scope, batch_dependence};

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

fn compare<T: Debug>(
    function: &'static str,
    alone: &Result<T, Failure>,
    among_others: &[Result<T, Failure>],
) -> Result<(), BatchDependence> {
    let placed = among_others.iter().enumerate().map(|(position, result)| PlacedResult { result, position });
    batch_dependence(function, alone, placed.skip(1)).map_or(Ok(()), Err)
}
