//! English words about a cause.

use model::anomaly::Direction;
use model::drivers::{BillComparison, Cause, ChargeChange, UnknownCause, UsageMeasure, WEEKS};
use model::incident::Incident;
use model::moment::Moment;

use super::super::english::date;
use super::{EarlierDays, GroupCause, MainDriver, NamedEffect, amount, arrow, double, figure, unit_prices};
use crate::text::Locale;

pub(super) fn sentence(incident: &Incident, cause: &Cause, locale: Locale<'_>) -> String {
    match cause {
        Ok(comparison) => known(incident, comparison, locale),
        Err(unknown) => format!("Cause: not known, because {}.", reason(*unknown)),
    }
}

pub(super) fn group_sentence(group: &GroupCause<'_>, locale: Locale<'_>) -> String {
    let days = earlier_days(group.comparison);
    if group.effects.is_empty() {
        return format!("Cause: not visible, because no charge has changed since {days}.");
    }
    let effect = |(effect, difference): &(NamedEffect, _)| {
        let name = match effect {
            NamedEffect::Price => "other prices",
            NamedEffect::Amount => "other amounts",
            NamedEffect::Quantity => "other quantities",
            NamedEffect::New => "new resources",
            NamedEffect::Gone => "removed resources",
        };
        format!("{name} {}", amount::signed(double(difference), locale))
    };
    let effects: Vec<String> = group.effects.iter().map(effect).collect();
    let known = group.known.map(|[known, series]| format!(" ({known} of {series} series)")).unwrap_or_default();
    format!("Cause, compared with {days}{known}: {}.", effects.join(", "))
}

fn known(incident: &Incident, comparison: &BillComparison, locale: Locale<'_>) -> String {
    let days = earlier_days(comparison);
    let Some(main) = MainDriver::of(incident, comparison, locale) else {
        let direction = match incident.direction {
            Direction::Up => "higher",
            Direction::Down => "lower",
        };
        return format!("Cause: not visible, because no charge is {direction} than on {days}.");
    };
    let MainDriver { place, difference, percent, together, .. } = &main;
    let change = change(&main, locale);
    let share = percent.as_ref().map(|percent| format!(" ({percent}% of the difference)")).unwrap_or_default();
    let together = together.map(|count| format!("{count} charges together, the largest is ")).unwrap_or_default();
    format!("Cause, compared with {days}: {together}{place}{change}, {difference}{share}.")
}

fn change(main: &MainDriver<'_>, locale: Locale<'_>) -> String {
    match &main.driver.change {
        ChargeChange::New => " is new".to_owned(),
        ChargeChange::Gone => " is no longer billed".to_owned(),
        ChargeChange::Amount => {
            let [before, after] = [&main.driver.before, &main.driver.after].map(double);
            format!(", {}", arrow(&amount::plain(before, locale), &amount::plain(after, locale)))
        }
        ChargeChange::Usage(usage) => {
            let measure = match usage.measure {
                UsageMeasure::Quantity => "usage",
                UsageMeasure::Time => "usage time",
            };
            let [before, after] = [&usage.before, &usage.after].map(figure);
            let prices = unit_prices(main.driver).map(|prices| prices.each_ref().map(figure)).unwrap_or_default();
            let price = arrow(&prices[0], &prices[1]);
            format!(", {measure} {}, unit price {price}{}", arrow(&before, &after), locale.unit())
        }
    }
}

fn earlier_days(comparison: &BillComparison) -> String {
    match EarlierDays::of(comparison) {
        EarlierDays::One(moment) => day(moment),
        EarlierDays::Range(first, last) => format!("{}–{}", date(first), date(last)),
        EarlierDays::Repeated(days, day) => format!("{} for each of {days} days", date(day)),
        EarlierDays::RepeatedRange(days, first, last) => {
            format!("the same weekdays from {} to {} for {days} days", date(first), date(last))
        }
        EarlierDays::Several(days, first, last) => {
            format!("{days} days of the same weekdays from {} to {}", date(first), date(last))
        }
    }
}

fn reason(unknown: UnknownCause) -> String {
    match unknown {
        UnknownCause::ArchiveUnreadable => "the archive could not be read".to_owned(),
        UnknownCause::NoBill(moment) => format!("the archive has no bill of {}", day(moment)),
        UnknownCause::NoEarlierBill(moment) => {
            format!(
                "the archive has no bill of the same weekday in the {WEEKS} weeks before the incident to compare with {}",
                day(moment)
            )
        }
        UnknownCause::OtherAmounts => "the archived bill does not have the amounts of the incident".to_owned(),
    }
}

fn day(moment: Moment) -> String {
    let date = date(moment.date);
    moment.hour.map_or_else(|| date.clone(), |hour| format!("{date} until {hour:02}:00"))
}
