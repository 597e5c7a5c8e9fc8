//! The reason of a verdict in one sentence.

use costwarden_sdk::{Context, Language, Series};

/// The statistic that alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The day deviates from its forecast.
    Level,
    /// A recurring charge is missing or smaller.
    Missing,
    /// The median of five days left its range.
    Shift,
}

pub(crate) fn sentence(
    context: &Context,
    series: &Series,
    i: usize,
    (observed, expected): (f64, f64),
    cause: Cause,
) -> String {
    let (observed_text, expected_text) = (context.amount(observed), context.amount(expected));
    let is_above = observed > expected;
    let percent = 100.0 * (observed - expected).abs() / expected.abs();
    // A percentage of nearly nothing, or of a credit, says nothing.
    let percent = (expected > 0.0 && percent < 1_000.0).then_some(percent);
    match context.language() {
        Language::Korean => {
            let weekday = series.weekday(i).korean();
            let side = if is_above { "높습니다" } else { "낮습니다" };
            let percent = percent.map(|percent| format!("{percent:.0}% ")).unwrap_or_default();
            let cause = match (cause, is_above) {
                (Cause::Level, _) => "",
                (Cause::Missing, _) => " (반복되던 비용이 없거나 줄었습니다)",
                (Cause::Shift, true) => " (여러 날에 걸친 상승)",
                (Cause::Shift, false) => " (여러 날에 걸친 하락)",
            };
            format!("{observed_text}: {weekday} 평소 {expected_text}보다 {percent}{side}{cause}")
        }
        Language::English => {
            let weekday = series.weekday(i).english();
            let side = if is_above { "above" } else { "below" };
            let percent = percent.map(|percent| format!("{percent:.0} % ")).unwrap_or_default();
            let cause = match (cause, is_above) {
                (Cause::Level, _) => "",
                (Cause::Missing, _) => " (a recurring charge is missing or smaller)",
                (Cause::Shift, true) => " (a rise over several days)",
                (Cause::Shift, false) => " (a fall over several days)",
            };
            format!("{observed_text} is {percent}{side} the usual {expected_text} on {weekday}s{cause}")
        }
    }
}
