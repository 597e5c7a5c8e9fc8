//! The costs of the days before a notification, for the chart in chat and mail.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::history::Measure;
use model::incident::Incident;
use notify::DayCost;
use notify::routing::Dispatch;
use store::{DailyRecord, DateRange, StoreError};

use crate::pipeline::run::Run;

/// Number of days in a chart.
const DAYS: i32 = 28;
/// Largest relative difference of two sums of the same amounts in another order.
const SUM_TOLERANCE: f64 = 1e-9;

impl Run<'_> {
    /// Returns the billed cost of the last days of the series, if a receiver with a due notification shows the days.
    /// The notification goes out without the days if the store cannot be read.
    pub(super) async fn recent_days(&self, incident: &Incident) -> Vec<DayCost> {
        let factor = self.services.config.renotify_factor;
        let is_shown = self.services.receivers.iter().any(|receiver| {
            receiver.shows_recent_days()
                && self.dispatch(&receiver.name, incident) == Dispatch::Send
                && !incident.due_notifications(&receiver.name, factor).is_empty()
        });
        if !is_shown {
            return Vec::new();
        }
        match self.read_recent_days(incident).await {
            Ok(days) => days,
            Err(error) => {
                tracing::warn!("the notification of incident {} has no chart: {error}", incident.id);
                Vec::new()
            }
        }
    }

    async fn read_recent_days(&self, incident: &Incident) -> Result<Vec<DayCost>, StoreError> {
        let last = newest_finished_day(incident);
        let range = DateRange { from: last.saturating_sub((DAYS - 1).days()), to: last };
        let bills = self.services.store.days(range).await?.into_iter().collect();
        let records = self.services.store.daily(range, &incident.series).await?;
        let days = costs(range, &bills, &records);
        Ok(if is_series_of(incident, &days) { days } else { Vec::new() })
    }
}

/// Returns the newest finished day with an evaluation of the incident.
fn newest_finished_day(incident: &Incident) -> Date {
    let newest = incident.closed_at.map_or(incident.last_seen, |closed| closed.max(incident.last_seen));
    if newest.hour.is_none() { newest.date } else { newest.date.yesterday().unwrap_or(newest.date) }
}

/// Returns the cost of each day of the range. A day with a bill and without a row of the series costs 0.
fn costs(range: DateRange, bills: &BTreeSet<Date>, records: &[DailyRecord]) -> Vec<DayCost> {
    let mut sums: BTreeMap<Date, f64> = bills.iter().map(|date| (*date, 0.0)).collect();
    for record in records {
        if let Some(amount) = record.amounts.get(&Measure::BilledCost) {
            *sums.entry(record.date).or_default() += amount;
        }
    }
    let dates = range.from.series(1.day()).take_while(|date| *date <= range.to);
    dates.map(|date| DayCost { date, cost: sums.get(&date).copied().unwrap_or(f64::NAN) }).collect()
}

/// Returns whether the days belong to the series of the incident. A rule may select a part of a sum, or evaluate another
/// measure, and the key of the series does not say so. The finished days of the incident decide; without one, only the
/// series of a single service counts.
fn is_series_of(incident: &Incident, days: &[DayCost]) -> bool {
    let finished = incident.by_day.iter().filter_map(|(date, day)| Some((*date, day.finished_day?.observed)));
    agree(finished, days).unwrap_or(incident.series.layer() == 0)
}

/// Returns whether the observed costs equal the costs of the same days; `None` without a common day.
fn agree(observed: impl Iterator<Item = (Date, f64)>, days: &[DayCost]) -> Option<bool> {
    let mut equal = observed.filter_map(|(date, observed)| {
        let day = days.iter().find(|day| day.date == date && day.cost.is_finite())?;
        Some((day.cost - observed).abs() <= SUM_TOLERANCE * observed.abs().max(1.0))
    });
    let first = equal.next()?;
    Some(first && equal.all(|is_equal| is_equal))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use model::series::SeriesKey;
    use serde_json::Map;

    use super::*;

    fn record(day: i8, service: &str, cost: f64) -> DailyRecord {
        DailyRecord {
            date: date(2026, 11, day),
            key: SeriesKey::new("d", "p", service),
            amounts: [(Measure::BilledCost, cost)].into(),
            pricing_type: None,
            json: Map::new(),
        }
    }

    fn days() -> Vec<DayCost> {
        let range = DateRange { from: date(2026, 11, 1), to: date(2026, 11, 4) };
        let bills = [1, 2, 4].map(|day| date(2026, 11, day)).into();
        costs(range, &bills, &[record(1, "a", 1.5), record(1, "b", 2.0), record(4, "a", 3.0)])
    }

    #[test]
    fn services_are_summed_and_a_day_without_a_bill_is_not_known() {
        let texts: Vec<String> = days().iter().map(|day| format!("{} {}", day.date.day(), day.cost)).collect();
        assert_eq!(texts, ["1 3.5", "2 0", "3 NaN", "4 3"]);
    }

    #[test]
    fn days_of_another_measure_or_a_part_of_a_sum_disagree() {
        let check = |observed: &[(i8, f64)], expect: Option<bool>| {
            let observed = observed.iter().map(|(day, cost)| (date(2026, 11, *day), *cost));
            assert_eq!(agree(observed.clone(), &days()), expect, "{:?}", observed.collect::<Vec<_>>());
        };
        check(&[(1, 3.5), (4, 3.0)], Some(true));
        check(&[(1, 3.5), (4, 2.0)], Some(false));
        check(&[(1, 1.5)], Some(false));
        check(&[(3, 1.0), (9, 1.0)], None);
    }
}
