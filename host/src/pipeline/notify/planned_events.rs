//! The notification after a planned event: the plan beside the result.

use std::collections::BTreeMap;

use jiff::civil::Date;
use model::history::Measure;
use model::planned_event::{PlanResult, PlannedEvent};
use model::series::{ALL, Names, SeriesKey};
use notify::{Notification, PlannedEventContent};
use serde_json::Value;
use store::checkpoint::Checkpoint;
use store::{DailyRecord, DateRange, StoreError, failpoint};

use crate::pipeline::run::{Count, Remark, Run, RunError};

impl Run<'_> {
    /// Sends the comparisons of the events that ended on `newest` or before, and stores the deliveries.
    pub(super) async fn notify_planned_events(&mut self, newest: Date) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        for event in self.services.store.planned_events().await? {
            let is_delivered = self.services.receiver_names().all(|name| event.delivered.contains(name));
            if event.plan.to <= newest && !is_delivered {
                self.notify_planned_event(event).await?;
            }
        }
        Ok(())
    }

    async fn notify_planned_event(&mut self, mut event: PlannedEvent) -> Result<(), RunError> {
        let result = PlanResult::of(&event.plan, &self.bills_of(&event).await?);
        let before = event.delivered.len();
        let services = &mut *self.services;
        let content = PlannedEventContent { event: &event, result };
        let config = &services.config;
        let notification =
            Notification::of_planned_event(content, config.locale()).with_report_link(config.routing.report_link());
        let mut delivered = Vec::new();
        for receiver in services.receivers.iter_mut().filter(|receiver| !event.delivered.contains(&receiver.name)) {
            match receiver.send(&notification, self.now).await {
                Ok(_) => {
                    failpoint::pass(Checkpoint::Delivered);
                    delivered.push(receiver.name.clone());
                    self.report.add(Count::Notifications, 1);
                }
                Err(error) => {
                    self.report.add(Count::Undelivered, 1);
                    self.report.add_problem(Remark::of(&error));
                }
            }
        }
        event.delivered.extend(delivered);
        // Stored right after the delivery, like incidents.
        if event.delivered.len() > before {
            self.services.store.put_planned_event(&event, self.now).await?;
        }
        Ok(())
    }

    /// Returns the bill of the scope of an event for each day that the result may need.
    async fn bills_of(&self, event: &PlannedEvent) -> Result<BTreeMap<Date, f64>, StoreError> {
        let range = DateRange { from: PlanResult::earliest_day(&event.plan), to: event.plan.to };
        let days = self.services.store.days(range).await?;
        let mut bills: BTreeMap<Date, f64> = days.into_iter().map(|date| (date, 0.0)).collect();
        for record in self.services.store.daily(range, &SeriesKey::new(ALL, ALL, ALL)).await? {
            if event.plan.scope.contains(&record.key, &names(&record)) {
                let cost = record.amounts.get(&Measure::BilledCost).copied().unwrap_or(0.0);
                *bills.entry(record.date).or_default() += cost;
            }
        }
        Ok(bills)
    }
}

fn names(record: &DailyRecord) -> Names {
    let name = |field: &str| record.json.get(field).and_then(Value::as_str).unwrap_or_default().into();
    Names { account: name("domainName"), project: name("projectName"), service: name("serviceName") }
}
