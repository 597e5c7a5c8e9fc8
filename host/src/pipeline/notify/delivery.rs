//! Delivery: each receiver gets each notification once.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use model::drivers::Cause;
use model::incident::{DeliveryFailure, Incident, IncidentState, NotificationKind};
use notify::routing::{Dispatch, Owner};
use notify::{ComparedSpans, Comparison, DayCost, IncidentContent, Notification, Receipt};
use store::checkpoint::Checkpoint;
use store::{IncidentWrite, failpoint};

use crate::pipeline::rules::PreparedRules;
use crate::pipeline::run::{Count, DayRecord, Remark, Run, RunError, Stage};

/// The result of the deliveries of an incident.
#[derive(Debug, Default)]
struct Deliveries {
    /// Whether a receiver accepted a notification, or failed for the first time.
    has_changed: bool,
    /// Whether the deliveries ended early, because the write lease may have expired.
    is_interrupted: bool,
}

impl Run<'_> {
    /// Sends the pending notifications of incidents to each receiver, and stores the deliveries. An unreachable
    /// receiver waits for the next run.
    pub(crate) async fn notify_incidents(&mut self, incidents: Vec<Incident>) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        // The finest series first: a sum is not notified if its parts explain the change.
        let mut incidents = incidents;
        incidents.sort_by_key(|incident| incident.series.layer());
        let same_names = incidents_with_same_names(&incidents);
        let suppressions = self.suppressions().await?;
        let causes = self.causes(incidents.iter().filter(|incident| suppressions.of(incident).is_none())).await;
        let mut notified: Vec<Incident> = Vec::new();
        let mut prepared: Vec<PreparedIncident<'_>> = Vec::new();
        for mut incident in incidents {
            self.explain(&mut incident, &notified).await?;
            if self.suppress(&mut incident, &suppressions).await? {
                // A sum is not notified either if people silenced or planned its parts.
                notified.push(incident);
                continue;
            }
            self.count_unrouted(&incident);
            let parts = IncidentParts {
                recent_days: self.recent_days(&incident).await,
                cause: causes.get(&incident.id),
                ..self.parts_without_history(&incident, &same_names)
            };
            if !incident.muted && !incident.is_explained {
                notified.push(incident.clone());
            }
            prepared.push(PreparedIncident { incident, parts, refused_by: HashSet::new() });
        }
        self.notify_groups(&mut prepared).await?;
        for mut prepared in prepared {
            let Deliveries { has_changed, is_interrupted } = self.deliver_incident(&mut prepared).await;
            let incident = prepared.incident;
            // Stored right after the delivery: a kill repeats at most the notifications of a single incident.
            let is_settled = self.is_settled(&incident);
            if has_changed || is_settled {
                let write = IncidentWrite { incident, is_settled };
                self.services.store.put_incidents(&[write], self.now).await?;
            }
            if is_interrupted {
                // Ends the run if another host holds the lease now.
                self.check_leases().await?;
            }
        }
        Ok(())
    }

    /// Decides whether notified incidents of finer series explain an incident without a notification.
    async fn explain(&mut self, incident: &mut Incident, notified: &[Incident]) -> Result<(), RunError> {
        // After the end, the finer incidents may no longer be at hand.
        let has_ended_explained = incident.is_explained && incident.state != IncidentState::Open;
        if incident.series.layer() == 0 || !incident.deliveries.is_empty() || has_ended_explained {
            return Ok(());
        }
        let is_explained = incident.is_explained_by(notified);
        if is_explained != incident.is_explained {
            incident.is_explained = is_explained;
            let is_settled = self.is_settled(incident);
            let write = IncidentWrite { incident: incident.clone(), is_settled };
            self.services.store.put_incidents(&[write], self.now).await?;
        }
        Ok(())
    }

    /// Sends the incidents of a job, then the totals of the evaluated days.
    pub(crate) async fn notify_days(
        &mut self,
        incidents: Vec<Incident>,
        days: &mut [DayRecord],
    ) -> Result<(), RunError> {
        let started = Instant::now();
        self.notify_incidents(incidents).await?;
        let newest = days.iter().map(|day| day.date).max();
        if let Some(newest) = newest {
            self.notify_digests(newest, days).await?;
        }
        for DayRecord { date, record } in days.iter_mut() {
            record.checkpoint = self.step();
            self.notify_total(*date, record).await?;
        }
        if let Some(newest) = newest {
            self.notify_planned_events(newest).await?;
            self.notify_budgets(days).await?;
        }
        self.report.add_time_since(Stage::Notify, started);
        self.checkpoint(Checkpoint::Notified).await
    }

    /// Sends the due notifications of an incident to each receiver.
    async fn deliver_incident(&mut self, prepared: &mut PreparedIncident<'_>) -> Deliveries {
        let PreparedIncident { incident, parts, refused_by } = prepared;
        let mut deliveries = Deliveries::default();
        let factor = self.services.config.renotify_factor;
        for index in 0..self.services.receivers.len() {
            let name = self.services.receivers[index].name.clone();
            if refused_by.contains(&name) {
                continue;
            }
            let due = incident.due_notifications(&name, factor);
            match self.dispatch(&name, incident) {
                Dispatch::Send => {}
                Dispatch::Quiet | Dispatch::Digest(_) => {
                    if !due.is_empty() {
                        self.report.add(Count::Deferred, due.len() as u64);
                    }
                    continue;
                }
                Dispatch::NotRouted => continue,
            }
            for kind in &due {
                // With an expired lease, another host may send the same notification.
                if self.has_stale_write_lease() {
                    deliveries.is_interrupted = true;
                    break;
                }
                match self.send_incident(index, &parts.content(incident, *kind, &name)).await {
                    Ok(receipt) => {
                        failpoint::pass(Checkpoint::Delivered);
                        incident.record_delivery(&name, *kind, receipt.thread);
                        self.report.add(Count::Notifications, 1);
                    }
                    Err(cause) => {
                        incident.failures.insert(name.clone(), DeliveryFailure { at: self.now, cause });
                    }
                }
                deliveries.has_changed = true;
                // Later notifications of the incident must not overtake a failed notification.
                if incident.failures.contains_key(&name) {
                    break;
                }
            }
            let is_known = incident.deliveries.contains_key(&name) && due.is_empty();
            if self.services.receivers[index].needs_refresh() && is_known && incident.state == IncidentState::Open {
                // The next run sends the alert again in any case.
                drop(self.send_incident(index, &parts.content(incident, NotificationKind::Opened, &name)).await);
            }
        }
        deliveries
    }

    /// Sends a notification to a receiver. The report has the failure.
    async fn send_incident(&mut self, index: usize, content: &IncidentContent<'_>) -> Result<Receipt, String> {
        let services = &mut *self.services;
        let config = &services.config;
        let notification =
            Notification::of_incident(content.clone(), config.locale()).with_report_link(config.routing.report_link());
        let sent = services.receivers[index].send(&notification, self.now).await;
        sent.map_err(|error| {
            self.report.add(Count::Undelivered, 1);
            self.report.add_problem(Remark::of(&error));
            error.to_string()
        })
    }

    /// Returns the treatment of an incident at a receiver at the time of the run.
    pub(super) fn dispatch(&self, receiver: &str, incident: &Incident) -> Dispatch {
        let config = &self.services.config;
        config.routing.dispatch(receiver, incident, self.now.to_zoned(config.zone.clone()).time())
    }

    pub(super) fn is_settled(&self, incident: &Incident) -> bool {
        self.services.is_settled(incident)
    }

    /// Counts an incident that no route sends to a receiver.
    fn count_unrouted(&mut self, incident: &Incident) {
        let is_muted = incident.muted || incident.is_explained || incident.state != IncidentState::Open;
        if !is_muted && self.services.receivers_of(incident).next().is_none() {
            self.report.add(Count::Unrouted, 1);
        }
    }

    /// Returns the parts of a notification without the recent days and the cause.
    pub(super) fn parts_without_history(
        &self,
        incident: &Incident,
        same_names: &HashSet<String>,
    ) -> IncidentParts<'static> {
        IncidentParts {
            comparison: self.comparison(incident),
            has_same_names: same_names.contains(&incident.id),
            recent_days: Vec::new(),
            cause: None,
            owner: self.services.config.routing.owner(incident).cloned(),
            hint: self.services.config.routing.hint(incident).map(str::to_owned),
            link: self.services.config.routing.link(incident),
        }
    }

    /// Returns the newest anomaly of an incident with the spans of both amounts.
    pub(super) fn comparison(&self, incident: &Incident) -> Comparison {
        let Incident { last_seen: moment, observed, expected, .. } = *incident;
        let spans = compared_spans(incident, &self.services.rules);
        Comparison { moment, observed, expected, spans }
    }
}

/// An incident that is ready for the receivers.
pub(super) struct PreparedIncident<'c> {
    pub(super) incident: Incident,
    pub(super) parts: IncidentParts<'c>,
    /// The receivers that did not accept a group with the incident in this run.
    pub(super) refused_by: HashSet<String>,
}

/// The parts of a notification that are the same for every receiver.
pub(super) struct IncidentParts<'c> {
    pub(super) comparison: Comparison,
    has_same_names: bool,
    recent_days: Vec<DayCost>,
    /// `None` if no receiver shows the cause.
    cause: Option<&'c Cause>,
    owner: Option<Owner>,
    hint: Option<String>,
    link: Option<String>,
}

impl IncidentParts<'_> {
    pub(super) fn content<'a>(
        &'a self,
        incident: &'a Incident,
        kind: NotificationKind,
        receiver: &str,
    ) -> IncidentContent<'a> {
        IncidentContent {
            kind,
            incident,
            comparison: self.comparison,
            has_same_names: self.has_same_names,
            recent_days: &self.recent_days,
            cause: self.cause,
            owner: self.owner.as_ref(),
            hint: self.hint.as_deref(),
            link: self.link.as_deref(),
            delivery: incident.deliveries.get(receiver),
        }
    }
}

/// Returns the spans of the newest anomaly of an incident, from the grains of its rules.
pub(crate) fn compared_spans(incident: &Incident, rules: &PreparedRules) -> ComparedSpans {
    let rules = &rules.rules;
    let grain = |id: &String| rules.iter().find(|prepared| prepared.rule.id == *id).map(|found| found.rule.grain);
    ComparedSpans::of(incident.last_seen, incident.rules.iter().map(grain))
}

/// Returns the ids of the incidents with the names of an incident of another series.
pub(super) fn incidents_with_same_names(incidents: &[Incident]) -> HashSet<String> {
    let mut by_names: HashMap<_, Vec<&Incident>> = HashMap::new();
    for incident in incidents {
        by_names.entry((&incident.names, incident.series.layer())).or_default().push(incident);
    }
    let ambiguous = by_names.into_values().filter(|same| same.iter().any(|one| one.series != same[0].series));
    ambiguous.flatten().map(|incident| incident.id.clone()).collect()
}
