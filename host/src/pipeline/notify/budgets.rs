//! The notifications of budgets: each part once per month for the spent cost and for the forecast.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::budget::{Budget, BudgetCosts, BudgetMonth, BudgetRecord, ReachedPart};
use model::forecast::FORECAST_DAYS;
use model::history::{History, Measure};
use model::language::Language;
use notify::routing::{Dispatch, RoutedBudget};
use notify::{BudgetContent, Notification};
use store::checkpoint::Checkpoint;
use store::{DateRange, StoreError, failpoint};

use crate::pipeline::run::{Count, DayRecord, Mode, Remark, Run, RunError};

/// A budget with the costs of its scope in one month.
struct TrackedBudget {
    month: BudgetMonth,
    costs: BudgetCosts,
}

impl TrackedBudget {
    fn of(budget: &Budget, history: &History, through: Date) -> Self {
        let costs = BudgetCosts::of(budget, history, through);
        Self { month: BudgetMonth { budget: budget.clone(), state: costs.state(through) }, costs }
    }
}

impl Run<'_> {
    /// Sends the due notifications of the budgets, and stores the deliveries. Each month of the evaluated days is checked
    /// through its newest stored day, because a restated day changes the rest of its month. Nothing is sent for days
    /// before the newest day in the store.
    pub(super) async fn notify_budgets(&mut self, days: &[DayRecord]) -> Result<(), RunError> {
        let Some(newest) = days.iter().map(|day| day.date).max().filter(|_| self.has_budgets()) else { return Ok(()) };
        if self.services.store.newest_day().await? != Some(newest) {
            return Ok(());
        }
        let months: BTreeSet<Date> = days.iter().map(|day| day.date.last_of_month().min(newest)).collect();
        for through in months {
            self.notify_budgets_through(through).await?;
        }
        Ok(())
    }

    /// Sends the notifications of this and of the last month that a receiver did not accept, or that quiet hours held back.
    pub(crate) async fn retry_budgets(&mut self) -> Result<(), RunError> {
        if !self.has_budgets() {
            return Ok(());
        }
        let Some(newest) = self.services.store.newest_day().await? else { return Ok(()) };
        let last_month = newest.first_of_month().yesterday().ok();
        for through in last_month.into_iter().chain([newest]) {
            let records = self.services.store.budget_records(through.first_of_month()).await?;
            if records.iter().any(|record| record.is_pending) {
                self.notify_budgets_through(through).await?;
            }
        }
        Ok(())
    }

    /// Returns the budgets with the costs of a month. The text goes out without budgets if the store cannot be read.
    pub(super) async fn budget_months(&self, through: Date) -> Vec<BudgetMonth> {
        match self.tracked_budgets(through).await {
            Ok(tracked) => {
                // The run notes a scope without a service.
                let known = tracked.into_iter().filter(|tracked| !tracked.costs.series.is_empty());
                known.map(|tracked| tracked.month).collect()
            }
            Err(error) => {
                tracing::warn!("the total of {through} has no budgets: {error}");
                Vec::new()
            }
        }
    }

    fn has_budgets(&self) -> bool {
        self.services.mode == Mode::Write && !self.services.config.budgets.is_empty()
    }

    async fn tracked_budgets(&self, through: Date) -> Result<Vec<TrackedBudget>, StoreError> {
        let budgets = &self.services.config.budgets;
        if budgets.is_empty() {
            return Ok(Vec::new());
        }
        let from = through.saturating_sub(i64::from(FORECAST_DAYS - 1).days());
        let history = self.services.store.history(DateRange { from, to: through }, &[Measure::BilledCost]).await?;
        Ok(budgets.iter().map(|budget| TrackedBudget::of(budget, &history, through)).collect())
    }

    async fn notify_budgets_through(&mut self, through: Date) -> Result<(), RunError> {
        let records = self.services.store.budget_records(through.first_of_month()).await?;
        for tracked in self.tracked_budgets(through).await? {
            let budget = &tracked.month.budget;
            if tracked.costs.series.is_empty() {
                let name = &budget.name;
                self.report.add_note_once(Remark::new(
                    format!(
                        "예산 {name}: 최근 {FORECAST_DAYS}일 동안 범위({})에 든 서비스가 없습니다. 비용이 있어야 한다면 범위를 고치세요",
                        budget.scope.text(Language::Korean)
                    ),
                    format!(
                        "budget {name}: the scope ({}) has no service in the last {FORECAST_DAYS} days; correct the scope if costs are expected",
                        budget.scope
                    ),
                ));
                continue;
            }
            let stored = records.iter().find(|record| record.is_of(budget)).cloned();
            let record = stored.clone().unwrap_or_else(|| BudgetRecord::new(budget, through));
            let notified = self.notify_budget(&tracked, record).await?;
            if stored.as_ref() != Some(&notified) && (stored.is_some() || notified.is_used()) {
                self.services.store.put_budget_record(&notified, self.now).await?;
            }
        }
        Ok(())
    }

    /// Sends the due notifications of a budget to each receiver. Returns the record with the deliveries.
    async fn notify_budget(
        &mut self,
        tracked: &TrackedBudget,
        mut record: BudgetRecord,
    ) -> Result<BudgetRecord, RunError> {
        let BudgetMonth { budget, state } = &tracked.month;
        record.is_pending = false;
        for index in 0..self.services.receivers.len() {
            let name = self.services.receivers[index].name.clone();
            for reached in budget.due(state, record.notified(&name)) {
                match self.budget_dispatch(&name, tracked, reached) {
                    Dispatch::Send => {}
                    Dispatch::Quiet => {
                        self.report.add(Count::Deferred, 1);
                        record.is_pending = true;
                        continue;
                    }
                    // A digest has the costs of each budget.
                    Dispatch::Digest(_) | Dispatch::NotRouted => continue,
                }
                // With an expired lease, another host may send the same notification.
                if self.has_stale_write_lease() {
                    self.check_leases().await?;
                }
                if self.send_budget(index, BudgetContent { month: &tracked.month, reached }).await {
                    record.record_delivery(&name, reached);
                    // Stored right after the delivery, like incidents.
                    self.services.store.put_budget_record(&record, self.now).await?;
                } else {
                    record.is_pending = true;
                }
            }
        }
        Ok(record)
    }

    /// Sends a notification to a receiver. The report has the failure.
    async fn send_budget(&mut self, index: usize, content: BudgetContent<'_>) -> bool {
        let services = &mut *self.services;
        let config = &services.config;
        let notification =
            Notification::of_budget(content, config.locale()).with_report_link(config.routing.report_link());
        match services.receivers[index].send(&notification, self.now).await {
            Ok(_) => {
                failpoint::pass(Checkpoint::Delivered);
                self.report.add(Count::Notifications, 1);
                true
            }
            Err(error) => {
                self.report.add(Count::Undelivered, 1);
                self.report.add_problem(Remark::of(&error));
                false
            }
        }
    }

    fn budget_dispatch(&self, receiver: &str, tracked: &TrackedBudget, reached: ReachedPart) -> Dispatch {
        let config = &self.services.config;
        let routed = RoutedBudget { series: &tracked.costs.series, severity: reached.severity() };
        config.routing.budget_dispatch(receiver, routed, self.now.to_zoned(config.zone.clone()).time())
    }
}
