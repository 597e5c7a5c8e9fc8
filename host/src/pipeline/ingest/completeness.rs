//! Completeness check: late bills, totals that stand still, days with far fewer series than usual, and bills with repeated
//! rows or with one factor over most amounts. A withheld day or hour is archived but not evaluated.

mod factor;
mod partial_day;
mod problem;

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::history::Measure;
use model::ledger::DayLedger;
use model::moment::BillingHour;
use model::series::hours::{day_before, days_through};
use notify::Level;
use store::DateRange;

use self::factor::UniformFactor;
pub(crate) use self::partial_day::withheld_hour;
use self::problem::FewSeries;
pub(crate) use self::problem::{CompletenessProblem, CompletenessTopic, LateBillCause};
use crate::pipeline::notify::{OperationalProblem, has_receivers};
use crate::pipeline::run::{Count, DAILY, Remark, Run, RunError, day_period, days_before, single_day};

/// Number of earlier days that define the usual number of series.
const USUAL_DAYS: u16 = 14;
/// Minimum number of stored days for the comparison of a finished day.
const MIN_DAYS: usize = 7;
/// Minimum usual number of series for any comparison.
const MIN_SERIES: u64 = 5;
/// Age in days from which a bill with few series is accepted, unless a later bill has the usual number: the services are gone.
pub(crate) const FEW_SERIES_DAYS: u64 = 2;
/// Ratio of repeated rows that proves a bill with every row twice, and the minimum number of rows.
const REPEATED_RATIO: f64 = 0.4;
const MIN_REPEATED_ROWS: u64 = 6;

impl Run<'_> {
    /// Whether the bill of a day is overdue.
    pub(crate) fn is_bill_overdue(&self, date: Date) -> bool {
        let BillingHour { date: today, hour } = self.services.billing_hour(self.now);
        let yesterday = day_before(today, &self.services.config.zone);
        is_late(date, BillingHour { date: yesterday, hour }, self.services.config.completeness.expected_by_hour)
    }

    /// The first late bill of the last days: the day is not in the ledger, and the expected hour has passed. Asks the
    /// source for the cause. A withheld day is not late. After a failed request, the bill stays late.
    pub(crate) async fn late_bill(&mut self, now: BillingHour) -> Result<Option<CompletenessProblem>, RunError> {
        let config = &self.services.config;
        let date = day_before(now.date, &config.zone);
        let yesterday = BillingHour { date, hour: now.hour };
        let Some(newest) = self.services.store.newest_day().await? else { return Ok(None) };
        let range = DateRange { from: days_before(date, config.restate_days.max(1)), to: date };
        let days = self.services.store.days(range).await?;
        // The ledger starts at some day: no day before is missing.
        let first = days.first().copied().unwrap_or(range.from.max(newest));
        let missing = days_through(first, date, &config.zone).filter(|day| days.binary_search(day).is_err());
        let expected_by_hour = config.completeness.expected_by_hour;
        let mut late_days = Vec::new();
        for day in missing.filter(|day| is_late(*day, yesterday, expected_by_hour)) {
            if !self.is_withheld(day).await? {
                late_days.push(day);
            }
        }
        let Some(&date) = late_days.first() else { return Ok(None) };
        let cause = match self.services.source.has_bill(date, self.now).await {
            Ok(true) => LateBillCause::NotIngested,
            Ok(false) => LateBillCause::NotPublished,
            Err(error) => {
                self.report.add_problem(Remark::of(&error));
                LateBillCause::Unknown
            }
        };
        Ok(Some(CompletenessProblem::LateBill { date, cause }))
    }

    /// Whether the bill of a day was withheld and is not in the ledger.
    pub(crate) async fn is_withheld(&self, date: Date) -> Result<bool, RunError> {
        let store = &self.services.store;
        if !store.days(single_day(date)).await?.is_empty() {
            return Ok(false);
        }
        let record = store.run(DAILY, &day_period(date)).await?;
        Ok(record.is_some_and(|record| record.counts.contains_key(Count::WithheldDays.as_str())))
    }

    /// Checks a finished day for repeated rows, for one factor over most amounts, and for far fewer series than usual. A day that
    /// is `restate_days` old is accepted, because no restatement is expected any more. Few series are accepted earlier.
    pub(crate) async fn check_day(
        &self,
        ledger: &DayLedger,
        age: u64,
    ) -> Result<Option<CompletenessProblem>, RunError> {
        let ratio = self.services.config.completeness.min_series_ratio;
        let date = ledger.date;
        let series = ledger.entries.len() as u64;
        if age >= u64::from(self.services.config.restate_days) {
            return Ok(None);
        }
        let DayLedger { repeated_rows: repeated, rows, .. } = *ledger;
        if rows >= MIN_REPEATED_ROWS && repeated as f64 >= REPEATED_RATIO * rows as f64 {
            return Ok(Some(CompletenessProblem::RepeatedRows { date, repeated, rows }));
        }
        if let Some(factor) = self.uniform_factor(ledger).await? {
            return Ok(Some(CompletenessProblem::UniformFactor { date, factor }));
        }
        if ratio == 0.0 {
            return Ok(None);
        }
        let range = DateRange { from: days_before(date, USUAL_DAYS), to: days_before(date, 1) };
        // The count of a single day is cheap. All days are counted only after a suspicious first comparison.
        let Some(last) = self.services.store.days(range).await?.pop() else { return Ok(None) };
        if self.day_sizes(single_day(last)).await?.iter().all(|size| !is_few(series, *size, ratio)) {
            return Ok(None);
        }
        let mut sizes = self.day_sizes(range).await?;
        if sizes.len() < MIN_DAYS {
            return Ok(None);
        }
        sizes.sort_unstable();
        let usual = sizes[sizes.len() / 2];
        if !is_few(series, usual, ratio) {
            return Ok(None);
        }
        let later = DateRange { from: date.saturating_add(1.day()), to: Date::MAX };
        let are_services_gone =
            age >= FEW_SERIES_DAYS && self.day_sizes(later).await?.into_iter().all(|size| is_few(size, usual, ratio));
        let few_series = CompletenessProblem::ShortDay(FewSeries { date, series, usual });
        Ok((!are_services_gone).then_some(few_series))
    }

    /// The factor between most amounts of a finished day and the amounts of the same weekdays before. The total of the day
    /// decides whether the amounts are read.
    async fn uniform_factor(&self, ledger: &DayLedger) -> Result<Option<UniformFactor>, RunError> {
        let store = &self.services.store;
        let weekdays = (1..=factor::WEEKS).map(|week| days_before(ledger.date, 7 * week));
        let range = DateRange { from: days_before(ledger.date, 7 * factor::WEEKS), to: days_before(ledger.date, 1) };
        let totals: BTreeMap<Date, f64> = store.day_totals(range).await?.into_iter().collect();
        let totals: Vec<f64> = weekdays.clone().filter_map(|day| totals.get(&day).copied()).collect();
        if !factor::is_suspicious(ledger.total_double(), &totals) {
            return Ok(None);
        }
        let mut weeks = Vec::new();
        for day in weekdays {
            weeks.push(store.history(single_day(day), &[Measure::BilledCost]).await?);
        }
        Ok(factor::uniform_factor(ledger, &weeks))
    }

    /// Notifies people of the first problem of each topic. The topics in `checked` without a problem are resolved.
    pub(crate) async fn notify_completeness(
        &mut self,
        problems: &[CompletenessProblem],
        checked: &[CompletenessTopic],
    ) -> Result<(), RunError> {
        for topic in CompletenessTopic::ALL {
            match problems.iter().find(|problem| problem.topic() == topic) {
                Some(problem) => {
                    let key = match problem {
                        CompletenessProblem::LateBill { date, .. } => format!("{}:{date}", topic.key()),
                        _ => topic.key().to_owned(),
                    };
                    let text = problem.text(self.services.config.language);
                    let level = Level::Error;
                    let tag = problem.tag();
                    let raised = OperationalProblem { key: &key, level, tag, text: &text, after: 1 };
                    self.raise_problem(raised).await?;
                }
                None if topic == CompletenessTopic::LateBill || !checked.contains(&topic) => {}
                None => self.resolve_problem(topic.key()).await?,
            }
        }
        if checked.contains(&CompletenessTopic::LateBill) {
            self.resolve_late_bills().await?;
        }
        Ok(())
    }

    /// Notifies people of the late bills that are in the ledger now.
    async fn resolve_late_bills(&mut self) -> Result<(), RunError> {
        let prefix = format!("{}:", CompletenessTopic::LateBill.key());
        for notification in self.services.store.notifications().await? {
            let date = notification.key.strip_prefix(&prefix).and_then(|date| date.parse::<Date>().ok());
            let Some(date) = date.filter(|_| has_receivers(&notification)) else { continue };
            if !self.services.store.days(single_day(date)).await?.is_empty() {
                self.resolve_problem(&notification.key).await?;
            }
        }
        Ok(())
    }

    /// The number of series of each stored day.
    async fn day_sizes(&self, range: DateRange) -> Result<Vec<u64>, RunError> {
        Ok(self.services.store.day_sizes(range).await?.into_iter().map(|(_, size)| size).collect())
    }
}

/// Whether the bill of a day is late at an hour of the day after `yesterday`.
fn is_late(date: Date, yesterday: BillingHour, expected_by_hour: u8) -> bool {
    date < yesterday.date || (date == yesterday.date && yesterday.hour >= expected_by_hour)
}

fn is_few(series: u64, usual: u64, ratio: f64) -> bool {
    usual >= MIN_SERIES && (series as f64) < ratio * usual as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_late_from_the_expected_hour_of_the_next_day() {
        let day = jiff::civil::date(2026, 11, 4);
        let late = |yesterday: i8, hour: u8| {
            is_late(day, BillingHour { date: jiff::civil::date(2026, 11, yesterday), hour }, 12)
        };
        assert_eq!([late(3, 23), late(4, 11), late(4, 12), late(5, 0)], [false, false, true, true]);
    }

    #[test]
    fn only_a_large_drop_of_a_usual_number_of_series_counts() {
        assert!(is_few(49, 100, 0.5) && !is_few(50, 100, 0.5));
        assert!(!is_few(0, MIN_SERIES - 1, 0.5), "too few usual series");
        assert!(!is_few(0, 100, 0.0));
    }
}
