//! Digests: one notification per period with all due notifications of a receiver and the totals.

use std::collections::HashMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use model::incident::{Incident, NotificationKind};
use notify::routing::{DigestPeriod, Dispatch};
use notify::{DigestContent, Notification};
use store::checkpoint::Checkpoint;
use store::{DateRange, IncidentWrite, RunRecord, failpoint};

use super::delivery::{IncidentParts, incidents_with_same_names};
use crate::pipeline::run::{Count, DAILY, DayRecord, Remark, Run, RunError, day_period};

/// A digest to send.
#[derive(Debug, Clone, Copy)]
struct DueDigest {
    /// Index of the receiver.
    receiver: usize,
    period: DigestPeriod,
    /// The last day of the period.
    date: Date,
}

impl Run<'_> {
    /// Sends the digests of the periods that ended on `newest` or before, and stores the deliveries. A digest counts as
    /// the total of its last day.
    pub(super) async fn notify_digests(&mut self, newest: Date, days: &mut [DayRecord]) -> Result<(), RunError> {
        if self.is_dry_run() || self.services.store.newest_day().await? != Some(newest) {
            return Ok(());
        }
        for receiver in 0..self.services.receivers.len() {
            let name = &self.services.receivers[receiver].name;
            let Some(period) = self.services.config.routing.digest(name) else { continue };
            let date = last_day(period, newest);
            let digest = DueDigest { receiver, period, date };
            match days.iter_mut().find(|day| day.date == date) {
                Some(day) => self.notify_digest(digest, &mut day.record).await?,
                None => {
                    if let Some(mut record) = self.services.store.run(DAILY, &day_period(date)).await? {
                        self.notify_digest(digest, &mut record).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn notify_digest(&mut self, digest: DueDigest, record: &mut RunRecord) -> Result<(), RunError> {
        let DueDigest { receiver, period, date } = digest;
        let name = self.services.receivers[receiver].name.clone();
        let Some([total, earlier_total]) = self.totals(period, date).await? else { return Ok(()) };
        if record.total_delivered.contains(&name) {
            return Ok(());
        }
        let mut due = self.due_for_digest(&name, period).await?;
        let incidents: Vec<Incident> = due.iter().map(|(incident, _)| incident.clone()).collect();
        let same_names = incidents_with_same_names(&incidents);
        let parts: HashMap<&str, IncidentParts<'_>> = incidents
            .iter()
            .map(|incident| (incident.id.as_str(), self.parts_without_history(incident, &same_names)))
            .collect();
        let entries = incidents.iter().zip(&due).flat_map(|(incident, (_, kinds))| {
            kinds.iter().map(|kind| parts[incident.id.as_str()].content(incident, *kind, &name))
        });
        let earlier_total = Some(earlier_total).filter(|total| total.is_finite());
        let budgets = self.budget_months(date).await;
        let content =
            DigestContent { period, date, total, earlier_total, budgets: &budgets, entries: entries.collect() };
        let services = &mut *self.services;
        let config = &services.config;
        let notification =
            Notification::of_digest(content, config.locale()).with_report_link(config.routing.report_link());
        if let Err(error) = services.receivers[receiver].send(&notification, self.now).await {
            self.report.add(Count::Undelivered, 1);
            self.report.add_problem(Remark::of(&error));
            return Ok(());
        }
        failpoint::pass(Checkpoint::Delivered);
        self.report.add(Count::Notifications, 1);
        drop(parts);
        for (incident, kinds) in &mut due {
            kinds.iter().for_each(|kind| incident.record_delivery(&name, *kind, None));
        }
        let write = |incident: Incident| IncidentWrite { is_settled: self.is_settled(&incident), incident };
        let writes: Vec<IncidentWrite> = due.into_iter().map(|(incident, _)| write(incident)).collect();
        self.services.store.put_incidents(&writes, self.now).await?;
        record.total_delivered.insert(name);
        self.services.store.put_run(record, self.now).await?;
        Ok(())
    }

    /// Returns the incidents with due notifications for the digest of a receiver, the largest difference first.
    async fn due_for_digest(
        &self,
        receiver: &str,
        period: DigestPeriod,
    ) -> Result<Vec<(Incident, Vec<NotificationKind>)>, RunError> {
        let factor = self.services.config.renotify_factor;
        // No incident is closed after `Date::MAX`: the result has only incidents with possible notifications.
        let incidents = self.services.store.incidents(Date::MAX).await?;
        let mut due: Vec<(Incident, Vec<NotificationKind>)> = incidents
            .into_iter()
            .filter(|incident| incident.suppressed_by.is_none())
            .filter(|incident| self.dispatch(receiver, incident) == Dispatch::Digest(period))
            .map(|incident| {
                let kinds = incident.due_notifications(receiver, factor);
                (incident, kinds)
            })
            .filter(|(_, kinds)| !kinds.is_empty())
            .collect();
        due.sort_by(|(one, _), (other, _)| other.impact().total_cmp(&one.impact()));
        Ok(due)
    }

    /// Returns the cost of a period, and the cost of the same days a week before, NaN if a day has no bill. `None` if a
    /// day of the period has no bill.
    async fn totals(&self, period: DigestPeriod, date: Date) -> Result<Option<[f64; 2]>, RunError> {
        let days = match period {
            DigestPeriod::Daily => 1,
            DigestPeriod::Weekly => 7,
        };
        let first = date.saturating_sub((days - 1).days());
        let range = DateRange { from: first.saturating_sub(7.days()), to: date };
        let totals: HashMap<Date, f64> = self.services.store.day_totals(range).await?.into_iter().collect();
        let sum = |first: Date| {
            let days = first.series(1.day()).take(usize::try_from(days).unwrap_or(0));
            days.map(|day| totals.get(&day).copied().unwrap_or(f64::NAN)).sum::<f64>()
        };
        let total = sum(first);
        Ok(total.is_finite().then(|| [total, sum(first.saturating_sub(7.days()))]))
    }
}

/// Returns the last day of the newest finished period.
fn last_day(period: DigestPeriod, newest: Date) -> Date {
    match period {
        DigestPeriod::Daily => newest,
        DigestPeriod::Weekly => {
            let days_since_sunday = newest.weekday().since(Weekday::Sunday);
            newest.saturating_sub(i64::from(days_since_sunday).days())
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_week_ends_on_sunday() {
        let sunday = date(2026, 11, 22);
        for days in 0..7 {
            let newest = sunday.saturating_add(days.days());
            assert_eq!(last_day(DigestPeriod::Weekly, newest), sunday, "{newest}");
        }
        assert_eq!(last_day(DigestPeriod::Daily, sunday), sunday);
    }
}
