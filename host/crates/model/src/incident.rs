//! Incidents from anomalies: one incident per series and direction, independent of the number of rules.
//!
//! The module is pure: known incidents and anomalies go in, changed incidents come out. [`notify`] notifies
//! people.
//!
//! A finished day may be evaluated again after a restatement. The new evaluation replaces the anomalies of the day, and
//! an incident without remaining anomalies is retracted. Anomalies of hourly runs stay, because the bill showed them at
//! the hour.

mod advance;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use self::advance::{Advanced, BRIDGED_DAYS, Judged, advance, short_runs};
use crate::anomaly::{Direction, Severity};
pub use crate::moment::Moment;
use crate::series::{Names, SeriesKey};

/// Default number of days before a lasting deviation becomes the new level.
pub const ACCEPT_AFTER_DAYS: u16 = 14;

/// The state of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    Closed(Resolution),
    /// Restatements removed all anomalies of the incident.
    Retracted,
}

/// The reason for the end of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The series returned to the expected values.
    Over,
    /// The change is the new normal level, and fits use the days.
    NewLevel,
    /// An operator knows the cause. Fits ignore the days, and no further notification is sent.
    Expected,
}

/// An operator's decision about an incident. Later evaluations do not change the decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub closing: Resolution,
    pub note: Option<String>,
    pub at: Timestamp,
}

/// The impacts of one day, in money beyond the expected value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seen {
    /// Largest impact of any rule on the finished day.
    pub whole: Option<f64>,
    /// Newest hour with an anomaly, and the largest impact of any rule at any hour.
    pub part: Option<(u8, f64)>,
}

/// An incident of one series in one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Hash of series, direction and opening time: the same input gives the same id.
    pub id: String,
    pub series: SeriesKey,
    pub names: Names,
    pub direction: Direction,
    pub severity: Severity,
    pub state: State,
    pub opened_at: Moment,
    pub first_seen: Moment,
    pub last_seen: Moment,
    pub closed_at: Option<Moment>,
    /// Largest daily impact at the acceptance of the incident.
    pub accepted_impact: Option<f64>,
    pub decision: Option<Decision>,
    pub rules: BTreeSet<String>,
    pub peak_score: f64,
    /// Impacts by day. The sum of the impacts is the incident's impact.
    pub by_day: BTreeMap<Date, Seen>,
    /// Value of the newest anomaly, like `expected` and `reason`, for the next notification.
    pub observed: f64,
    pub expected: f64,
    pub reason: String,
    /// Loaded from history, without notifications.
    pub muted: bool,
    /// Deliveries by receiver name.
    pub deliveries: BTreeMap<String, Delivery>,
}

/// The relevance of an evaluation for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The newest evaluation. People are notified of new incidents, and of continued incidents from loaded history.
    Live,
    /// An earlier day, late or restated. People are notified of new incidents.
    Late,
    /// Loaded or replayed history. People are not notified of new incidents.
    Past,
}

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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Delivery {
    /// Impact at the last notification of the opening or of growth.
    pub notified_impact: f64,
    /// Whether an end of any kind was notified.
    pub closed: bool,
    pub notifications: u32,
}

impl Seen {
    pub fn impact(self) -> f64 {
        self.whole.unwrap_or(0.0).max(self.part.map_or(0.0, |(_, impact)| impact))
    }

    /// Returns the time of the latest anomaly.
    fn moment(self, date: Date) -> Moment {
        let hour = if self.whole.is_some() { None } else { self.part.map(|(hour, _)| hour) };
        Moment { date, hour }
    }
}

impl Incident {
    pub fn impact(&self) -> f64 {
        // The sum of an empty list is -0.0.
        self.by_day.values().map(|seen| seen.impact()).sum::<f64>() + 0.0
    }

    /// Returns the due notifications for a receiver, in order. Growth is due if the impact has grown by `factor`.
    pub fn due(&self, receiver: &str, factor: f64) -> Vec<NotificationKind> {
        if self.muted {
            return Vec::new();
        }
        let told = self.deliveries.get(receiver);
        let end = match self.state {
            State::Open => None,
            State::Closed(Resolution::Over) => Some(NotificationKind::Closed),
            State::Closed(Resolution::NewLevel) => Some(NotificationKind::NewLevel),
            State::Closed(Resolution::Expected) => return Vec::new(),
            State::Retracted => Some(NotificationKind::Retracted),
        };
        let Some(told) = told else {
            // A retracted or decided incident is no news for a receiver without earlier notifications.
            let is_news = self.state != State::Retracted && self.decision.is_none();
            return if is_news { [NotificationKind::Opened].into_iter().chain(end).collect() } else { Vec::new() };
        };
        // A restatement may enlarge an incident after the notification of the end.
        let may_grow = self.state == State::Open || (self.state == State::Closed(Resolution::Over) && told.closed);
        let grown = may_grow && self.impact() > told.notified_impact && self.impact() >= told.notified_impact * factor;
        grown.then_some(NotificationKind::Grown).into_iter().chain(end.filter(|_| !told.closed)).collect()
    }

    /// Records the acceptance of a notification by a receiver.
    pub fn told(&mut self, receiver: &str, notification: NotificationKind) {
        let impact = self.impact();
        let delivery = self.deliveries.entry(receiver.to_owned()).or_default();
        delivery.notifications += 1;
        match notification {
            NotificationKind::Opened | NotificationKind::Grown => delivery.notified_impact = impact,
            NotificationKind::Closed | NotificationKind::NewLevel | NotificationKind::Retracted => {
                delivery.closed = true
            }
        }
    }

    /// Returns whether the incident is final and no notification is due.
    pub fn settled<'s>(&self, mut receivers: impl Iterator<Item = &'s str>, factor: f64) -> bool {
        self.state != State::Open && receivers.all(|receiver| self.due(receiver, factor).is_empty())
    }

    /// Ends the incident by an operator's decision.
    pub fn decide(&mut self, decision: Decision) {
        self.state = State::Closed(decision.closing);
        // An incident with an earlier end keeps the time of the end.
        self.closed_at.get_or_insert(self.last_seen);
        self.accepted_impact = self.by_day.values().map(|seen| seen.impact()).reduce(f64::max);
        self.decision = Some(decision);
    }
}

#[cfg(test)]
mod tests;
