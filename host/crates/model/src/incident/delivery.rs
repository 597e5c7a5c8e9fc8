//! Deliveries: the notifications of an incident that a receiver accepted, and the notifications that are due.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Incident, IncidentState, Resolution, Suppression};

/// The kind of a notification about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationKind {
    Opened,
    Grown,
    Closed,
    NewLevel,
    Retracted,
    NotVerifiable,
}

/// The accepted notifications of one incident at one receiver.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Delivery {
    /// Daily impact at the last notification of the opening or of growth.
    pub notified_impact: f64,
    /// Day of the last notification of growth.
    pub growth_on: Option<Date>,
    /// Whether an end of any kind was notified. Nothing follows the end.
    pub end_notified: bool,
    /// Whether a new level was notified. An incident that continued after its end may have a new level later.
    pub new_level_notified: bool,
    /// Whether the notified end was a retraction. A retracted incident that returns is news.
    pub retraction_notified: bool,
    pub notifications: u32,
    /// The thread of the first notification, if the receiver has threads.
    pub thread: Option<String>,
}

/// A failed attempt to send a notification to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFailure {
    pub at: Timestamp,
    pub cause: String,
}

impl Incident {
    /// Returns the due notifications for a receiver, in order. Growth is due if the daily impact has grown by `factor`,
    /// at most once a day. Nothing follows the notification of an end, except the new level of an incident that
    /// continued.
    pub fn due_notifications(&self, receiver: &str, factor: f64) -> Vec<NotificationKind> {
        if self.muted || self.is_explained || self.has_ended_suppressed() {
            return Vec::new();
        }
        let end = match self.state {
            IncidentState::Open => None,
            IncidentState::Closed(Resolution::Returned) => Some(NotificationKind::Closed),
            IncidentState::Closed(Resolution::NewLevel) => Some(NotificationKind::NewLevel),
            IncidentState::Closed(Resolution::NotVerifiable) => Some(NotificationKind::NotVerifiable),
            IncidentState::Closed(Resolution::Expected | Resolution::Dismissed) => return Vec::new(),
            IncidentState::Retracted => Some(NotificationKind::Retracted),
        };
        let Some(delivery) = self.deliveries.get(receiver) else {
            // A receiver without earlier notifications gets none about a retracted or decided incident.
            let is_relevant = self.state != IncidentState::Retracted && !self.is_decided();
            return if is_relevant { [NotificationKind::Opened].into_iter().chain(end).collect() } else { Vec::new() };
        };
        if delivery.end_notified {
            // People must not believe that a lasting change is over.
            let is_lasting = self.state == IncidentState::Closed(Resolution::NewLevel) && !self.is_decided();
            let is_news = is_lasting && !delivery.new_level_notified && !delivery.retraction_notified;
            return if is_news { vec![NotificationKind::NewLevel] } else { Vec::new() };
        }
        let impact = self.newest_impact();
        let has_grown = impact > delivery.notified_impact && impact >= delivery.notified_impact * factor;
        let is_first_today = delivery.growth_on != Some(self.last_seen.date);
        let grown = self.state == IncidentState::Open && has_grown && is_first_today;
        grown.then_some(NotificationKind::Grown).into_iter().chain(end).collect()
    }

    /// Returns whether the whole incident passed without a notification, because of a silence or a planned event.
    fn has_ended_suppressed(&self) -> bool {
        self.suppressed_by.is_some() && self.state != IncidentState::Open && self.deliveries.is_empty()
    }

    /// Sets or clears the suppression. An incident that ended without a notification keeps the suppression: nobody waits
    /// for the end.
    pub fn suppress(&mut self, suppression: Option<Suppression>) {
        if !self.has_ended_suppressed() {
            self.suppressed_by = suppression;
        }
    }

    /// Records the acceptance of a notification by a receiver. `thread` is the thread of the message.
    pub fn record_delivery(&mut self, receiver: &str, notification: NotificationKind, thread: Option<String>) {
        let impact = self.newest_impact();
        let date = self.last_seen.date;
        self.failures.remove(receiver);
        let delivery = self.deliveries.entry(receiver.to_owned()).or_default();
        delivery.notifications += 1;
        if delivery.thread.is_none() {
            delivery.thread = thread;
        }
        match notification {
            NotificationKind::Opened => delivery.notified_impact = impact,
            NotificationKind::Grown => {
                delivery.notified_impact = impact;
                delivery.growth_on = Some(date);
            }
            NotificationKind::Retracted => {
                delivery.end_notified = true;
                delivery.retraction_notified = true;
            }
            NotificationKind::NewLevel => {
                delivery.end_notified = true;
                delivery.new_level_notified = true;
            }
            NotificationKind::Closed | NotificationKind::NotVerifiable => {
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
