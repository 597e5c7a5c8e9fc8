//! Korean words about a cause.

use model::anomaly::Direction;
use model::drivers::{BillComparison, Cause, ChargeChange, UnknownCause, UsageMeasure, WEEKS};
use model::incident::Incident;
use model::moment::Moment;

use super::super::korean::date;
use super::{EarlierDays, GroupCause, MainDriver, NamedEffect, amount, arrow, double, figure, unit_prices};
use crate::text::Locale;

pub(super) fn sentence(incident: &Incident, cause: &Cause, locale: Locale<'_>) -> String {
    match cause {
        Ok(comparison) => known(incident, comparison, locale),
        Err(unknown) => format!("원인: {} 알 수 없습니다.", reason(*unknown)),
    }
}

pub(super) fn group_sentence(group: &GroupCause<'_>, locale: Locale<'_>) -> String {
    let days = earlier_days(group.comparison);
    if group.effects.is_empty() {
        return format!("원인: {days}보다 달라진 항목이 없습니다.");
    }
    let effect = |(effect, difference): &(NamedEffect, _)| {
        let name = match effect {
            NamedEffect::Price => "단가",
            NamedEffect::Amount => "금액",
            NamedEffect::Quantity => "수량",
            NamedEffect::New => "새 항목",
            NamedEffect::Gone => "없어진 항목",
        };
        format!("{name} {}", amount::signed(double(difference), locale))
    };
    let effects: Vec<String> = group.effects.iter().map(effect).collect();
    let known = group.known.map(|[known, series]| format!(", 시리즈 {series}개 가운데 {known}개")).unwrap_or_default();
    format!("원인({days} 대비{known}): {}", effects.join(", "))
}

fn known(incident: &Incident, comparison: &BillComparison, locale: Locale<'_>) -> String {
    let days = earlier_days(comparison);
    let Some(main) = MainDriver::of(incident, comparison, locale) else {
        let direction = match incident.direction {
            Direction::Up => "늘어난",
            Direction::Down => "줄어든",
        };
        return format!("원인: {days}보다 {direction} 항목이 없습니다.");
    };
    let MainDriver { place, difference, percent, together, .. } = &main;
    let change = change(&main, locale);
    let share = percent.as_ref().map(|percent| format!("(전체 차이의 {percent}%)")).unwrap_or_default();
    let together = together.map(|count| format!("항목 {count}개가 함께 변했고 가장 큰 항목은 ")).unwrap_or_default();
    format!("원인({days} 대비): {together}{place} {change} {difference}{share}")
}

fn change(main: &MainDriver<'_>, locale: Locale<'_>) -> String {
    match &main.driver.change {
        ChargeChange::New => "새로 청구,".to_owned(),
        ChargeChange::Gone => "더는 청구되지 않음,".to_owned(),
        ChargeChange::Amount => {
            let [before, after] = [&main.driver.before, &main.driver.after].map(double);
            format!("{},", arrow(&amount::plain(before, locale), &amount::plain(after, locale)))
        }
        ChargeChange::Usage(usage) => {
            let measure = match usage.measure {
                UsageMeasure::Quantity => "사용량",
                UsageMeasure::Time => "사용 시간",
            };
            let [before, after] = [&usage.before, &usage.after].map(figure);
            let prices = unit_prices(main.driver).map(|prices| prices.each_ref().map(figure)).unwrap_or_default();
            let price = arrow(&prices[0], &prices[1]);
            format!("{measure} {}, 단가 {price}{},", arrow(&before, &after), locale.unit())
        }
    }
}

fn earlier_days(comparison: &BillComparison) -> String {
    match EarlierDays::of(comparison) {
        EarlierDays::One(moment) => day(moment),
        EarlierDays::Range(first, last) => format!("{}~{}", date(first), date(last)),
        EarlierDays::Repeated(days, day) => format!("{days}일 모두 {}", date(day)),
        EarlierDays::RepeatedRange(days, first, last) => {
            format!("{days}일을 {}~{}의 같은 요일과 비교", date(first), date(last))
        }
        EarlierDays::Several(days, first, last) => {
            format!("{}~{} 가운데 같은 요일 {days}일", date(first), date(last))
        }
    }
}

fn reason(unknown: UnknownCause) -> String {
    match unknown {
        UnknownCause::ArchiveUnreadable => "보관된 청구 내역을 읽지 못해".to_owned(),
        UnknownCause::NoBill(moment) => format!("{} 청구 내역이 보관되어 있지 않아", day(moment)),
        UnknownCause::NoEarlierBill(moment) => {
            format!("{} 청구 내역과 비교할 지난 {WEEKS}주 같은 요일의 청구 내역이 없어", day(moment))
        }
        UnknownCause::OtherAmounts => "보관된 청구 내역의 금액이 알림의 금액과 달라".to_owned(),
    }
}

fn day(moment: Moment) -> String {
    let date = date(moment.date);
    moment.hour.map_or_else(|| date.clone(), |hour| format!("{date} {hour}시까지"))
}
