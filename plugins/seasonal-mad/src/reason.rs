//! The reason of a verdict in one sentence: observed amount, usual amount, deviation.

use costwarden_sdk::{Context, Language, Series};

use crate::season::{DAY, Season};

/// The deviation in usual spreads, and whether the point alerts only because of earlier days.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Off {
    pub(crate) spreads: f64,
    pub(crate) is_slow: bool,
}

pub(crate) fn sentence(
    context: &Context,
    series: &Series,
    i: usize,
    season: Season,
    expected: f64,
    observed: f64,
    off: Off,
) -> String {
    let Off { spreads, is_slow } = off;
    let (observed_text, expected_text) = (context.amount(observed), context.amount(expected));
    let weekday = (season == Season::Week).then(|| series.weekday(i));
    let hour = (season != Season::None && series.step < DAY).then(|| series.hour(i));
    let above = observed > expected;
    match context.language() {
        Language::Korean => {
            let weekday = weekday.map(|day| format!("{} ", day.korean())).unwrap_or_default();
            let hour = hour.map(|hour| format!("{hour}시 ")).unwrap_or_default();
            let side = if above { "높습니다" } else { "낮습니다" };
            let slow = match (is_slow, above) {
                (false, _) => "",
                (true, true) => " (여러 날에 걸친 상승)",
                (true, false) => " (여러 날에 걸친 하락)",
            };
            format!(
                "{observed_text}: {weekday}{hour}평소 {expected_text}보다 평소 편차의 {spreads:.1}배만큼 {side}{slow}"
            )
        }
        Language::English => {
            let weekday = weekday.map(|day| format!(" on {}s", day.english())).unwrap_or_default();
            let hour = hour.map(|hour| format!(" at {hour:02}:00")).unwrap_or_default();
            let side = if above { "above" } else { "below" };
            let slow = match (is_slow, above) {
                (false, _) => "",
                (true, true) => " (a rise over several days)",
                (true, false) => " (a fall over several days)",
            };
            format!(
                "{observed_text} is {spreads:.1} times the usual spread {side} the usual {expected_text}{weekday}{hour}{slow}"
            )
        }
    }
}
