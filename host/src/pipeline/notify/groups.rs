//! Groups: the same change of several series goes to a receiver as one notification.

use model::incident::{DeliveryFailure, NotificationKind};
use notify::routing::Dispatch;
use notify::{DueNotification, GroupContent, Notification, groups};
use store::checkpoint::Checkpoint;
use store::{IncidentWrite, failpoint};

use super::delivery::PreparedIncident;
use crate::pipeline::run::{Count, Remark, Run, RunError};

/// A notification of a group for one receiver.
struct DueGroup {
    /// Index of the receiver.
    receiver: usize,
    kind: NotificationKind,
    /// Indexes of the incidents.
    members: Vec<usize>,
}

impl Run<'_> {
    /// Sends the groups among the due notifications to the receivers with grouped texts, and stores the deliveries. The
    /// notifications outside a group stay due.
    pub(super) async fn notify_groups(&mut self, prepared: &mut [PreparedIncident<'_>]) -> Result<(), RunError> {
        for receiver in 0..self.services.receivers.len() {
            if !self.services.receivers[receiver].groups_incidents() {
                continue;
            }
            // An incident of the past may have an opening and an end, each with a group of its own.
            loop {
                let groups = self.due_groups(receiver, prepared);
                if groups.is_empty() {
                    break;
                }
                for group in groups {
                    self.notify_group(&group, prepared).await?;
                }
            }
        }
        Ok(())
    }

    /// Returns the groups among the first due notification of each incident.
    fn due_groups(&self, receiver: usize, prepared: &[PreparedIncident<'_>]) -> Vec<DueGroup> {
        let name = self.services.receivers[receiver].name.as_str();
        let factor = self.services.config.renotify_factor;
        let mut indexes = Vec::new();
        let mut due = Vec::new();
        for (index, PreparedIncident { incident, parts, refused_by }) in prepared.iter().enumerate() {
            let is_sent = !refused_by.contains(name) && self.dispatch(name, incident) == Dispatch::Send;
            if let Some(kind) = incident.due_notifications(name, factor).first().filter(|_| is_sent) {
                indexes.push(index);
                due.push(DueNotification { incident, kind: *kind, comparison: parts.comparison });
            }
        }
        let group = |members: Vec<usize>| DueGroup {
            receiver,
            kind: due[members[0]].kind,
            members: members.into_iter().map(|member| indexes[member]).collect(),
        };
        groups(&due).into_iter().map(group).collect()
    }

    /// Sends a group, and stores the deliveries of its incidents.
    async fn notify_group(&mut self, group: &DueGroup, prepared: &mut [PreparedIncident<'_>]) -> Result<(), RunError> {
        if self.has_stale_write_lease() {
            // Ends the run if another host holds the lease now: that host may send the same notification.
            self.check_leases().await?;
        }
        let services = &mut *self.services;
        let name = services.receivers[group.receiver].name.clone();
        let entries = group.members.iter().map(|member| {
            let PreparedIncident { incident, parts, .. } = &prepared[*member];
            parts.content(incident, group.kind, &name)
        });
        let content = GroupContent::new(entries.collect());
        let config = &services.config;
        let notification =
            Notification::of_group(content, config.locale()).with_report_link(config.routing.report_link());
        let sent = services.receivers[group.receiver].send(&notification, self.now).await;
        let sent = sent.map_err(|error| error.to_string());
        match &sent {
            Ok(_) => {
                failpoint::pass(Checkpoint::Delivered);
                self.report.add(Count::Notifications, 1);
            }
            Err(error) => {
                self.report.add(Count::Undelivered, 1);
                self.report.add_problem(Remark::of(error));
            }
        }
        let mut writes = Vec::new();
        for member in &group.members {
            let PreparedIncident { incident, refused_by, .. } = &mut prepared[*member];
            match &sent {
                Ok(receipt) => incident.record_delivery(&name, group.kind, receipt.thread.clone()),
                Err(cause) => {
                    let failure = DeliveryFailure { at: self.now, cause: cause.clone() };
                    incident.failures.insert(name.clone(), failure);
                    refused_by.insert(name.clone());
                }
            }
            writes.push(IncidentWrite { is_settled: self.is_settled(incident), incident: incident.clone() });
        }
        // Stored right after the delivery, like single incidents.
        self.services.store.put_incidents(&writes, self.now).await?;
        Ok(())
    }
}
