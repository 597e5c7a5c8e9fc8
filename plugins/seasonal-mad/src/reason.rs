//! One sentence for people: what was seen, what is usual then, and how far apart these are.

use costwarden_sdk::{Context, Language, Series};

use crate::season::{DAY, Season};

pub(crate) fn sentence(
    context: &Context,
    series: &Series,
    i: usize,
    season: Season,
    expected: f64,
    observed: f64,
    spreads: f64,
) -> String {
    let (observed_text, expected_text) = (context.amount(observed), context.amount(expected));
    let weekday = (season == Season::Week).then(|| series.weekday(i));
    let hour = (season != Season::None && series.step < DAY).then(|| series.hour(i));
    let above = observed > expected;
    match context.language() {
        Language::Korean => {
            let weekday = weekday.map(|day| format!("{} ", day.korean())).unwrap_or_default();
            let hour = hour.map(|hour| format!("{hour}시 ")).unwrap_or_default();
            let side = if above { "높습니다" } else { "낮습니다" };
            format!("{observed_text}: {weekday}{hour}평소 {expected_text}보다 평소 편차의 {spreads:.1}배만큼 {side}")
        }
        Language::English => {
            let weekday = weekday.map(|day| format!(" on {}s", day.english())).unwrap_or_default();
            let hour = hour.map(|hour| format!(" at {hour:02}:00")).unwrap_or_default();
            let side = if above { "above" } else { "below" };
            format!(
                "{observed_text} is {spreads:.1} times the usual spread {side} the usual {expected_text}{weekday}{hour}"
            )
        }
    }
}
