//! The words of budgets.

use model::budget::{BudgetMeasure, BudgetMonth, BudgetState};
use model::count::counted;
use model::forecast::MonthForecast;

use super::{Words, amount, english, korean};
use crate::notification::BudgetContent;
use crate::text::Locale;

/// The amounts of a budget as text.
struct Amounts {
    budget: String,
    spent: String,
    spent_percent: i64,
    /// `None` without a forecast.
    forecast: Option<Forecast>,
}

struct Forecast {
    month_end: String,
    percent: i64,
    /// The lower and the upper end; `None` without enough earlier days.
    range: Option<[String; 2]>,
}

impl Amounts {
    fn of(month: &BudgetMonth, locale: Locale<'_>) -> Self {
        let forecast = |forecast: MonthForecast| Forecast {
            month_end: amount::plain(forecast.month_end, locale),
            percent: month.percent(forecast.month_end),
            range: forecast.range.map(|range| [range.lower, range.upper].map(|end| amount::plain(end, locale))),
        };
        Self {
            budget: amount::plain(month.budget.amount, locale),
            spent: amount::plain(month.state.spent, locale),
            spent_percent: month.percent(month.state.spent),
            forecast: month.state.forecast.map(forecast),
        }
    }

    fn forecast_percent(&self) -> i64 {
        self.forecast.as_ref().map_or(0, |forecast| forecast.percent)
    }
}

pub(super) fn korean(content: &BudgetContent<'_>, locale: Locale<'_>) -> Words {
    let amounts = Amounts::of(content.month, locale);
    let BudgetMonth { budget, state: BudgetState { through, unknown_days, .. } } = content.month;
    let name = &budget.name;
    let (month, at) = (through.month(), content.reached.percent());
    let title = match content.reached.measure {
        BudgetMeasure::Spent => {
            format!("예산 {name}: {month}월 예산의 {}%를 썼습니다(알림 기준 {at}%)", amounts.spent_percent)
        }
        BudgetMeasure::Forecast => {
            let percent = amounts.forecast_percent();
            format!("예산 {name}: 이대로면 {month}월 예산의 {percent}%를 쓰게 됩니다(알림 기준 {at}%)")
        }
    };
    let Amounts { budget: whole, spent, forecast, .. } = amounts;
    let days = korean::span(through.first_of_month(), *through);
    let forecast = forecast.map(|Forecast { month_end, range, .. }| {
        let range = range.map(|[lower, upper]| format!("({lower}~{upper})")).unwrap_or_default();
        format!("월말 예상 {month_end}{range}")
    });
    let figures = [format!("{days} {spent}"), format!("예산 {whole}")].into_iter().chain(forecast);
    let unknown = (*unknown_days > 0).then(|| format!("비용을 알 수 없는 {unknown_days}일은 빠져 있습니다."));
    Words {
        title,
        figures: figures.collect::<Vec<_>>().join(" · "),
        lines: unknown.into_iter().collect(),
        footer: format!("범위 {}", budget.scope.text(locale.language)),
    }
}

pub(super) fn english(content: &BudgetContent<'_>, locale: Locale<'_>) -> Words {
    let amounts = Amounts::of(content.month, locale);
    let BudgetMonth { budget, state: BudgetState { through, unknown_days, .. } } = content.month;
    let name = &budget.name;
    let (month, at) = (through.strftime("%B"), content.reached.percent());
    let title = match content.reached.measure {
        BudgetMeasure::Spent => {
            format!(
                "budget {name}: {} % of the {month} budget is spent (notification at {at} %)",
                amounts.spent_percent
            )
        }
        BudgetMeasure::Forecast => {
            let percent = amounts.forecast_percent();
            format!("budget {name}: the forecast of {month} is {percent} % of the budget (notification at {at} %)")
        }
    };
    let Amounts { budget: whole, spent, forecast, .. } = amounts;
    let days = english::span(through.first_of_month(), *through);
    let forecast = forecast.map(|Forecast { month_end, range, .. }| {
        let range = range.map(|[lower, upper]| format!(" (likely range {lower} to {upper})")).unwrap_or_default();
        format!("forecast for the month {month_end}{range}")
    });
    let figures = [format!("{days}: {spent}"), format!("budget {whole}")].into_iter().chain(forecast);
    let unknown = match unknown_days {
        0 => None,
        1 => Some("1 day without a known cost is not included.".to_owned()),
        days => Some(format!("{days} days without a known cost are not included.")),
    };
    Words {
        title,
        figures: figures.collect::<Vec<_>>().join(" · "),
        lines: unknown.into_iter().collect(),
        footer: format!("scope: {}", budget.scope),
    }
}

/// Returns the line of a budget in a total or a digest.
pub(super) fn korean_line(month: &BudgetMonth, locale: Locale<'_>) -> String {
    let Amounts { budget, spent, spent_percent, forecast } = Amounts::of(month, locale);
    let forecast = forecast.map(|forecast| format!(" · 월말 예상 {}({}%)", forecast.month_end, forecast.percent));
    let unknown = match month.state.unknown_days {
        0 => String::new(),
        days => format!(" (비용을 모르는 {days}일 제외)"),
    };
    let forecast = forecast.unwrap_or_default();
    format!("예산 {}: {budget} 중 {spent}({spent_percent}%){forecast}{unknown}", month.budget.name)
}

/// Returns the line of a budget in a total or a digest.
pub(super) fn english_line(month: &BudgetMonth, locale: Locale<'_>) -> String {
    let Amounts { budget, spent, spent_percent, forecast } = Amounts::of(month, locale);
    let forecast =
        forecast.map(|forecast| format!(" · forecast for the month {} ({}%)", forecast.month_end, forecast.percent));
    let unknown = match month.state.unknown_days {
        0 => String::new(),
        days => format!(" (without {} of unknown cost)", counted(days as u64, "day")),
    };
    let forecast = forecast.unwrap_or_default();
    format!("Budget {}: {spent} of {budget} ({spent_percent}%){forecast}{unknown}", month.budget.name)
}
