//! The sentence about the cause of an incident: the largest driver in the direction of the incident, with the compared
//! days.

mod english;
mod figure;
mod korean;

use std::collections::BTreeSet;

use bigdecimal::{BigDecimal, ToPrimitive as _, Zero as _};
use jiff::civil::Date;
use model::drivers::{BillComparison, Cause, ChargeChange, Driver, Effects};
use model::incident::Incident;
use model::language::Language;
use model::moment::Moment;
use model::series::ALL;

use self::figure::figure;
use super::amount;
use crate::notification::{GroupContent, IncidentContent};
use crate::text::{Locale, one_line};

/// Returns the sentence about the cause of a notification; `None` if the cause was not read.
pub(crate) fn sentence(content: &IncidentContent<'_>, locale: Locale<'_>) -> Option<String> {
    Some(cause_sentence(content.incident, content.cause?, locale))
}

/// Returns the sentence about the cause of an incident.
pub fn cause_sentence(incident: &Incident, cause: &Cause, locale: Locale<'_>) -> String {
    let sentence = match locale.language {
        Language::Korean => korean::sentence(incident, cause, locale),
        Language::English => english::sentence(incident, cause, locale),
    };
    one_line(&sentence)
}

/// Returns the sentence about the cause of a group; `None` if no cause was read. The effects are the sums of the known causes.
pub(crate) fn group_sentence(content: &GroupContent<'_>, locale: Locale<'_>) -> Option<String> {
    let causes: Vec<&Cause> = content.entries.iter().filter_map(|entry| entry.cause).collect();
    let known: Vec<&BillComparison> = causes.iter().filter_map(|cause| cause.as_ref().ok()).collect();
    let first = content.first();
    let Some(comparison) = known.first().copied() else { return sentence(first, locale) };
    let mut effects = Effects::default();
    known.iter().for_each(|comparison| effects.add(&comparison.drivers.effects));
    let drivers = || known.iter().flat_map(|comparison| &comparison.drivers.drivers);
    let have_usage = drivers().any(|driver| matches!(driver.change, ChargeChange::Usage(_)));
    let [known, series] = [known.len(), content.entries.len()];
    let known = (known < series).then_some([known, series]);
    let group = GroupCause { comparison, effects: NamedEffect::of(effects, have_usage), known };
    let sentence = match locale.language {
        Language::Korean => korean::group_sentence(&group, locale),
        Language::English => english::group_sentence(&group, locale),
    };
    Some(one_line(&sentence))
}

/// The known causes of a group.
struct GroupCause<'a> {
    /// A comparison of a series. All series have the same days.
    comparison: &'a BillComparison,
    /// The effects other than 0, the largest first.
    effects: Vec<(NamedEffect, BigDecimal)>,
    /// The number of series with a known cause, and of all series; `None` if all causes are known.
    known: Option<[usize; 2]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamedEffect {
    Price,
    /// The difference of charges without usage.
    Amount,
    Quantity,
    New,
    Gone,
}

impl NamedEffect {
    fn of(effects: Effects, have_usage: bool) -> Vec<(Self, BigDecimal)> {
        let Effects { price, quantity, new, gone } = effects;
        let of_price = if have_usage { Self::Price } else { Self::Amount };
        let named = [(of_price, price), (Self::Quantity, quantity), (Self::New, new), (Self::Gone, gone)];
        let mut named: Vec<_> = named.into_iter().filter(|(_, amount)| !amount.is_zero()).collect();
        named.sort_by_cached_key(|(_, amount)| std::cmp::Reverse(amount.abs()));
        named
    }
}

/// The earlier moments of a comparison.
enum EarlierDays {
    One(Moment),
    /// Consecutive days.
    Range(Date, Date),
    /// The same day for several days of the incident, with their number.
    Repeated(usize, Date),
    /// Some days, each for several days of the incident: their number, the first and the last day.
    RepeatedRange(usize, Date, Date),
    /// Several days with gaps: the number, the first and the last day.
    Several(usize, Date, Date),
}

impl EarlierDays {
    fn of(comparison: &BillComparison) -> Self {
        let earlier: Vec<Moment> = comparison.moments.iter().map(|compared| compared.earlier).collect();
        let dates = || earlier.iter().map(|moment| moment.date);
        let first = dates().min().unwrap_or(Date::MIN);
        let last = dates().max().unwrap_or(Date::MIN);
        match &earlier[..] {
            [moment] => Self::One(*moment),
            [_, ..]
                if earlier.windows(2).all(|pair| pair[0].date.tomorrow().is_ok_and(|next| next == pair[1].date)) =>
            {
                Self::Range(first, last)
            }
            _ if first == last => Self::Repeated(earlier.len(), first),
            _ if dates().collect::<BTreeSet<_>>().len() < earlier.len() => {
                Self::RepeatedRange(earlier.len(), first, last)
            }
            _ => Self::Several(earlier.len(), first, last),
        }
    }
}

/// The largest driver in the direction of the incident as text.
struct MainDriver<'a> {
    driver: &'a Driver,
    place: String,
    /// The difference with a sign.
    difference: String,
    /// The share of the whole difference, as a whole number; `None` if the whole difference has another direction.
    percent: Option<String>,
    /// The number of charges that changed in this direction, if the largest explains little of the difference.
    together: Option<usize>,
}

/// Smallest share of the difference for a single cause.
const CAUSE_PERCENT: i64 = 20;

impl<'a> MainDriver<'a> {
    /// Returns the driver; `None` if no charge changed in the direction of the incident.
    fn of(incident: &Incident, comparison: &'a BillComparison, locale: Locale<'_>) -> Option<Self> {
        let driver = comparison.drivers.largest(incident.direction)?;
        let difference = driver.difference();
        let hundredfold: BigDecimal = &difference * 100;
        let least: BigDecimal = comparison.drivers.difference() * CAUSE_PERCENT;
        let percent = percent(&difference, &comparison.drivers.difference());
        let count = comparison.drivers.count(incident.direction);
        let is_small = percent.is_some() && hundredfold.abs() < least.abs();
        Some(Self {
            driver,
            place: place(incident, driver),
            percent,
            together: (is_small && count > 1).then_some(count),
            difference: amount::signed(double(&difference), locale),
        })
    }
}

/// Returns the share of a part in a whole with the same sign, as a whole number.
fn percent(part: &BigDecimal, whole: &BigDecimal) -> Option<String> {
    (part.sign() == whole.sign() && !whole.is_zero()).then(|| format!("{:.0}", double(&(part * 100 / whole))))
}

/// Returns the names of a charge below the series of the incident, with the resource, the region and the pricing category.
fn place(incident: &Incident, driver: &Driver) -> String {
    let names = &driver.names;
    let series = &incident.series;
    let mut place = names.service.to_string();
    if *series.project == *ALL {
        place = format!("{} · {place}", names.project);
    }
    if *series.account == *ALL {
        place = format!("{} / {place}", names.account);
    }
    let details: Vec<&str> = driver.charge.details().collect();
    if details.is_empty() { place } else { format!("{place} ({})", details.join(", ")) }
}

/// Returns two figures with an arrow, or one figure for equal texts.
fn arrow(before: &str, after: &str) -> String {
    if before == after { before.to_owned() } else { format!("{before} → {after}") }
}

/// Returns the cost per unit of both bills; `None` without a usage.
fn unit_prices(driver: &Driver) -> Option<[BigDecimal; 2]> {
    let ChargeChange::Usage(usage) = &driver.change else { return None };
    Some([&driver.before / &usage.before, &driver.after / &usage.after])
}

fn double(amount: &BigDecimal) -> f64 {
    amount.to_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
