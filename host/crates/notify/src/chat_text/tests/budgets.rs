use jiff::civil::date;
use model::budget::{Budget, BudgetMeasure, BudgetMonth, BudgetState, ReachedPart};
use model::forecast::{ForecastRange, MonthForecast};
use model::language::Language;
use model::scope::{Pattern, Scope};

use crate::line::{TextStyle, line};
use crate::notification::{BudgetContent, DailyTotalContent, DigestContent, Level, Notification};
use crate::routing::DigestPeriod;
use crate::text::Locale;

const KOREAN: Locale<'static> = Locale { language: Language::Korean, currency: "KRW" };
const ENGLISH: Locale<'static> = Locale { language: Language::English, currency: "USD" };

fn month(spent: f64, month_end: f64) -> BudgetMonth {
    let through = date(2026, 11, 14);
    let scope = Scope { project: Pattern::parse("shop-*").ok(), ..Scope::default() };
    let budget =
        Budget { name: "쇼핑몰".to_owned(), scope, amount: 1_500_000.0, at: vec![0.8], forecast_at: vec![1.0] };
    let range = Some(ForecastRange { lower: month_end - 90_000.0, upper: month_end + 120_000.0 });
    let forecast = Some(MonthForecast { through, so_far: spent, month_end, range, open_days: 16 });
    BudgetMonth { budget, state: BudgetState { through, spent, unknown_days: 0, forecast } }
}

/// Returns the lines of a notification in both languages.
fn lines(month: &BudgetMonth, reached: ReachedPart) -> String {
    let content = BudgetContent { month, reached };
    let text = |locale| line(&Notification::of_budget(content, locale), TextStyle::Short);
    [text(KOREAN), text(ENGLISH)].join("\n")
}

#[test]
fn the_line_of_a_budget_has_its_own_tag() {
    let spent = ReachedPart { measure: BudgetMeasure::Spent, part: 0.8 };
    insta::assert_snapshot!(lines(&month(1_230_000.4, 2_460_000.0), spent), @"
    [BILLING_BUDGET] 예산 쇼핑몰: 11월 예산의 82%를 썼습니다(알림 기준 80%) | 11월 1일(일)~11월 14일(토) 1,230,000원 · 예산 1,500,000원 · 월말 예상 2,460,000원(2,370,000원~2,580,000원) | 범위 프로젝트 shop-*
    [BILLING_BUDGET] budget 쇼핑몰: 82 % of the November budget is spent (notification at 80 %) | 1 Nov (Sun)–14 Nov (Sat): 1,230,000.40 USD · budget 1,500,000.00 USD · forecast for the month 2,460,000.00 USD (likely range 2,370,000.00 USD to 2,580,000.00 USD) | scope: project shop-*
    ");
    let forecast = ReachedPart { measure: BudgetMeasure::Forecast, part: 1.0 };
    let mut unknown = month(700_000.0, 1_500_000.0);
    unknown.state.unknown_days = 2;
    unknown.budget.scope = Scope::default();
    insta::assert_snapshot!(lines(&unknown, forecast), @"
    [BILLING_BUDGET] 예산 쇼핑몰: 이대로면 11월 예산의 100%를 쓰게 됩니다(알림 기준 100%) | 11월 1일(일)~11월 14일(토) 700,000원 · 예산 1,500,000원 · 월말 예상 1,500,000원(1,410,000원~1,620,000원) | 비용을 알 수 없는 2일은 빠져 있습니다. | 범위 전체
    [BILLING_BUDGET] budget 쇼핑몰: the forecast of November is 100 % of the budget (notification at 100 %) | 1 Nov (Sun)–14 Nov (Sat): 700,000.00 USD · budget 1,500,000.00 USD · forecast for the month 1,500,000.00 USD (likely range 1,410,000.00 USD to 1,620,000.00 USD) | 2 days without a known cost are not included. | scope: everything
    ");
    let mut without_forecast = month(1_500_000.0, 0.0);
    without_forecast.state.forecast = None;
    insta::assert_snapshot!(lines(&without_forecast, ReachedPart { part: 1.0, ..spent }), @"
    [BILLING_BUDGET] 예산 쇼핑몰: 11월 예산의 100%를 썼습니다(알림 기준 100%) | 11월 1일(일)~11월 14일(토) 1,500,000원 · 예산 1,500,000원 | 범위 프로젝트 shop-*
    [BILLING_BUDGET] budget 쇼핑몰: 100 % of the November budget is spent (notification at 100 %) | 1 Nov (Sun)–14 Nov (Sat): 1,500,000.00 USD · budget 1,500,000.00 USD | scope: project shop-*
    ");
}

#[test]
fn the_whole_budget_is_a_warning_and_no_budget_is_critical() {
    let month = month(1_230_000.0, 2_460_000.0);
    let level = |part| {
        let content = BudgetContent { month: &month, reached: ReachedPart { measure: BudgetMeasure::Spent, part } };
        Notification::of_budget(content, KOREAN).level()
    };
    assert_eq!([0.8, 1.0, 2.0].map(level), [Level::Info, Level::Error, Level::Error]);
}

#[test]
fn a_notification_has_one_id_for_each_part_and_amount() {
    let month = month(1_230_000.0, 2_460_000.0);
    let content = BudgetContent { month: &month, reached: ReachedPart { measure: BudgetMeasure::Spent, part: 0.8 } };
    assert_eq!(Notification::of_budget(content, KOREAN).id, "budget-쇼핑몰-1500000-2026-11-spent-80");
}

#[test]
fn totals_and_digests_have_each_budget() {
    let budgets = [month(1_230_000.0, 2_460_000.0), month(150_000.0, 300_000.0)];
    let total = |locale| {
        let date = date(2026, 11, 14);
        let content = DailyTotalContent {
            date,
            total: "99,000.00",
            refused: Default::default(),
            comparison: None,
            budgets: &budgets,
        };
        line(&Notification::of_daily_total(content, locale), TextStyle::Full)
    };
    let digest = |locale| {
        let content = DigestContent {
            period: DigestPeriod::Weekly,
            date: date(2026, 11, 14),
            total: 700_000.0,
            earlier_total: None,
            budgets: &budgets,
            entries: Vec::new(),
        };
        line(&Notification::of_digest(content, locale), TextStyle::Short)
    };
    insta::assert_snapshot!([total(KOREAN), total(ENGLISH), digest(KOREAN), digest(ENGLISH)].join("\n"), @"
    [BILLING_DAILY_TOTAL] [2026-11-14]의 총 요금은 99,000.00원 입니다. 예산 쇼핑몰: 1,500,000원 중 1,230,000원(82%) · 월말 예상 2,460,000원(164%). 예산 쇼핑몰: 1,500,000원 중 150,000원(10%) · 월말 예상 300,000원(20%).
    [BILLING_DAILY_TOTAL] The total cost of [2026-11-14] is 99,000.00 USD. Budget 쇼핑몰: 1,230,000.00 USD of 1,500,000.00 USD (82%) · forecast for the month 2,460,000.00 USD (164%). Budget 쇼핑몰: 150,000.00 USD of 1,500,000.00 USD (10%) · forecast for the month 300,000.00 USD (20%).
    [BILLING_DIGEST] 11월 8일(일)~11월 14일(토) 주간 요약: 총요금 700,000원 | 예산 쇼핑몰: 1,500,000원 중 1,230,000원(82%) · 월말 예상 2,460,000원(164%) | 예산 쇼핑몰: 1,500,000원 중 150,000원(10%) · 월말 예상 300,000원(20%)
    [BILLING_DIGEST] Weekly digest, 8 Nov (Sun)–14 Nov (Sat): 700,000.00 USD | Budget 쇼핑몰: 1,230,000.00 USD of 1,500,000.00 USD (82%) · forecast for the month 2,460,000.00 USD (164%) | Budget 쇼핑몰: 150,000.00 USD of 1,500,000.00 USD (10%) · forecast for the month 300,000.00 USD (20%)
    ");
}
