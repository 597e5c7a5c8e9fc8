//! The total of a finished day, sent once to each receiver that asks for totals.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::history::{History, Measure};
use notify::{DailyTotalContent, Notification, Receiver, TotalComparison};
use store::checkpoint::Checkpoint;
use store::{DateRange, RunRecord, StoreError, failpoint};

use super::cost_changes::{SeriesCost, cost_changes};
use crate::pipeline::run::{Count, DAILY, Remark, Run, RunError, day_period, days_before, single_day};

/// Maximum number of changes in a text.
const CHANGES: usize = 5;

impl Run<'_> {
    /// Sends the total of the day to the remaining receivers, and stores the deliveries.
    pub(crate) async fn notify_total(&mut self, date: Date, record: &mut RunRecord) -> Result<(), RunError> {
        let Some(total) = record.total.clone().filter(|_| !self.is_dry_run()) else { return Ok(()) };
        let remaining = self.remaining_receivers(record);
        let is_full = remaining.iter().any(|index| self.services.receivers[*index].has_full_text());
        let comparison = if is_full { self.total_comparison(date).await } else { None };
        let budgets = if is_full { self.budget_months(date).await } else { Vec::new() };
        let content = DailyTotalContent {
            date,
            total: &total,
            refused: record.refused,
            comparison: comparison.as_ref(),
            budgets: &budgets,
        };
        let before = record.total_delivered.len();
        let services = &mut *self.services;
        let config = &services.config;
        let notification =
            Notification::of_daily_total(content, config.locale()).with_report_link(config.routing.report_link());
        for index in remaining {
            let receiver = &mut services.receivers[index];
            match receiver.send(&notification, self.now).await {
                Ok(_) => {
                    failpoint::pass(Checkpoint::Delivered);
                    record.total_delivered.insert(receiver.name.clone());
                    self.report.add(Count::Notifications, 1);
                }
                Err(error) => {
                    self.report.add(Count::Undelivered, 1);
                    self.report.add_problem(Remark::of(&error));
                }
            }
        }
        // Stored right after the delivery, like incidents.
        if record.total_delivered.len() > before {
            self.services.store.put_run(record, self.now).await?;
        }
        Ok(())
    }

    /// Sends the totals of the days before a day to receivers that were unreachable.
    pub(crate) async fn retry_totals(&mut self, before: Date) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        for days in (1..=self.services.config.catch_up_days).rev() {
            let date = days_before(before, days);
            if let Some(mut record) = self.services.store.run(DAILY, &day_period(date)).await? {
                self.notify_total(date, &mut record).await?;
            }
        }
        Ok(())
    }

    /// Returns the indexes of the receivers that ask for totals and have not got the total of the record.
    fn remaining_receivers(&self, record: &RunRecord) -> Vec<usize> {
        let services = &*self.services;
        let is_remaining = |receiver: &Receiver| {
            let gets_totals = receiver.daily_total || services.config.routing.wants_daily_total(&receiver.name);
            gets_totals && !record.total_delivered.contains(&receiver.name)
        };
        (0..services.receivers.len()).filter(|index| is_remaining(&services.receivers[*index])).collect()
    }

    /// Returns the total beside other totals. The total goes out alone if the store cannot be read.
    async fn total_comparison(&self, date: Date) -> Option<TotalComparison> {
        match self.read_total_comparison(date).await {
            Ok(comparison) => comparison,
            Err(error) => {
                tracing::warn!("the total of {date} has no comparison: {error}");
                None
            }
        }
    }

    async fn read_total_comparison(&self, date: Date) -> Result<Option<TotalComparison>, StoreError> {
        let store = &self.services.store;
        let week_before = date.saturating_sub(7.days());
        let first = date.first_of_month();
        let range = DateRange { from: first.min(week_before), to: date };
        let totals: BTreeMap<Date, f64> = store.day_totals(range).await?.into_iter().collect();
        let Some(total) = totals.get(&date).copied() else { return Ok(None) };
        let month: Option<Vec<f64>> =
            first.series(1.day()).take_while(|day| *day <= date).map(|day| totals.get(&day).copied()).collect();
        let changes = if totals.contains_key(&week_before) {
            let [earlier, later] =
                [week_before, date].map(|day| store.history(single_day(day), &[Measure::BilledCost]));
            let mut changes = cost_changes(costs(&earlier.await?), costs(&later.await?));
            changes.truncate(CHANGES);
            changes
        } else {
            Vec::new()
        };
        Ok(Some(TotalComparison {
            total,
            day_before: totals.get(&days_before(date, 1)).copied(),
            week_before: totals.get(&week_before).copied(),
            month: month.map(|days| days.into_iter().sum()),
            changes,
        }))
    }
}

/// Returns the costs of a day. The cost of a series with a refused row is not known.
fn costs(history: &History) -> impl Iterator<Item = SeriesCost<'_>> {
    history.rows.iter().map(|(key, row)| {
        let is_incomplete = row.marks.first().is_some_and(|marks| marks.is_incomplete);
        let cost = row.values.get(&Measure::BilledCost).and_then(|values| values.first()).filter(|_| !is_incomplete);
        SeriesCost { key, names: &row.names, cost: cost.copied().unwrap_or(f64::NAN) }
    })
}
