//! Deliveries: the notifications of an incident that a receiver accepted, and the notifications that are due.

use super::{Incident, IncidentState, Resolution};

/// The kind of a notification about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationKind {
    Opened,
    Grown,
    Closed,
    NewLevel,
    Retracted,
}

/// The accepted notifications of one incident at one receiver.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Delivery {
    /// Impact at the last notification of the opening or of growth.
    pub notified_impact: f64,
    /// Whether an end of any kind was notified.
    pub end_notified: bool,
    pub notifications: u32,
}

impl Incident {
    /// Returns the due notifications for a receiver, in order. Growth is due if the impact has grown by `factor`.
    pub fn due_notifications(&self, receiver: &str, factor: f64) -> Vec<NotificationKind> {
        if self.muted {
            return Vec::new();
        }
        let end = match self.state {
            IncidentState::Open => None,
            IncidentState::Closed(Resolution::Returned) => Some(NotificationKind::Closed),
            IncidentState::Closed(Resolution::NewLevel) => Some(NotificationKind::NewLevel),
            IncidentState::Closed(Resolution::Expected) => return Vec::new(),
            IncidentState::Retracted => Some(NotificationKind::Retracted),
        };
        let Some(delivery) = self.deliveries.get(receiver) else {
            // A receiver without earlier notifications gets none about a retracted or decided incident.
            let is_relevant = self.state != IncidentState::Retracted && self.decision.is_none();
            return if is_relevant { [NotificationKind::Opened].into_iter().chain(end).collect() } else { Vec::new() };
        };
        // A restatement may enlarge an incident after the notification of the end.
        let may_grow = match self.state {
            IncidentState::Open => true,
            IncidentState::Closed(Resolution::Returned) => delivery.end_notified,
            IncidentState::Closed(_) | IncidentState::Retracted => false,
        };
        let impact = self.impact();
        let has_grown = impact > delivery.notified_impact && impact >= delivery.notified_impact * factor;
        let grown = (may_grow && has_grown).then_some(NotificationKind::Grown);
        grown.into_iter().chain(end.filter(|_| !delivery.end_notified)).collect()
    }

    /// Records the acceptance of a notification by a receiver.
    pub fn record_delivery(&mut self, receiver: &str, notification: NotificationKind) {
        let impact = self.impact();
        let delivery = self.deliveries.entry(receiver.to_owned()).or_default();
        delivery.notifications += 1;
        match notification {
            NotificationKind::Opened | NotificationKind::Grown => delivery.notified_impact = impact,
            NotificationKind::Closed | NotificationKind::NewLevel | NotificationKind::Retracted => {
                delivery.end_notified = true;
            }
        }
    }

    /// Returns whether the incident is final and no notification is due.
    pub fn is_settled<'s>(&self, mut receivers: impl Iterator<Item = &'s str>, factor: f64) -> bool {
        self.state != IncidentState::Open
            && receivers.all(|receiver| self.due_notifications(receiver, factor).is_empty())
    }
}
