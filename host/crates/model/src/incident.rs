//! Incidents from anomalies: one incident per series and direction, independent of the number of rules.
//!
//! The module is pure: known incidents and anomalies go in, changed incidents come out. The crate `notify` notifies
//! people.
//!
//! A finished day may be evaluated again after a restatement. The new evaluation replaces the anomalies of the day, and
//! an incident without remaining anomalies is retracted. Anomalies of hourly runs stay, because the bill showed them at
//! the hour.

mod delivery;
mod streak;
mod update;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

pub use self::delivery::{Delivery, NotificationKind};
pub use self::streak::{MAX_GAP_DAYS, days_in_short_streaks};
pub use self::update::{EvaluationResults, UpdatedIncidents, update};
use crate::anomaly::{Direction, Severity};
pub use crate::moment::Moment;
use crate::series::{Names, SeriesKey};

/// Default number of days before a lasting deviation becomes the new level.
pub const ACCEPT_AFTER_DAYS: u16 = 14;

/// The state of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentState {
    Open,
    Closed(Resolution),
    /// Restatements removed all anomalies of the incident.
    Retracted,
}

/// The reason for the end of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The series returned to the expected values.
    Returned,
    /// The change is the new normal level, and fits use the days.
    NewLevel,
    /// An operator knows the cause. Fits ignore the days, and no further notification is sent.
    Expected,
}

/// An operator's decision about an incident. Later evaluations do not change the decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub resolution: Resolution,
    pub note: Option<String>,
    pub at: Timestamp,
}

/// The impacts of one day, in money beyond the expected value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DayImpact {
    /// Largest impact of any rule on the finished day.
    pub finished_day: Option<f64>,
    /// Newest hour with an anomaly, and the largest impact of any rule at any hour.
    pub partial_day: Option<(u8, f64)>,
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
    pub state: IncidentState,
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
    pub by_day: BTreeMap<Date, DayImpact>,
    /// Value of the newest anomaly, like `expected` and `reason`, for the next notification.
    pub observed: f64,
    pub expected: f64,
    pub reason: String,
    /// Loaded from history, without notifications.
    pub muted: bool,
    /// Deliveries by receiver name.
    pub deliveries: BTreeMap<String, Delivery>,
}

/// The age of the evaluated data, which decides on notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recency {
    /// The newest evaluation. People are notified of new incidents, and of continued incidents from loaded history.
    Live,
    /// An earlier day, late or restated. People are notified of new incidents.
    Late,
    /// Loaded or replayed history. People are not notified of new incidents.
    Past,
}

impl DayImpact {
    pub fn impact(self) -> f64 {
        self.finished_day.unwrap_or(0.0).max(self.partial_day.map_or(0.0, |(_, impact)| impact))
    }

    /// Returns the time of the latest anomaly.
    fn moment(self, date: Date) -> Moment {
        let hour = if self.finished_day.is_some() { None } else { self.partial_day.map(|(hour, _)| hour) };
        Moment { date, hour }
    }
}

impl Incident {
    pub fn impact(&self) -> f64 {
        // The sum of an empty list is -0.0.
        self.by_day.values().map(|day| day.impact()).sum::<f64>() + 0.0
    }

    /// Ends the incident by an operator's decision.
    pub fn decide(&mut self, decision: Decision) {
        self.state = IncidentState::Closed(decision.resolution);
        // An incident with an earlier end keeps the time of the end.
        self.closed_at.get_or_insert(self.last_seen);
        self.accepted_impact = self.largest_daily_impact();
        self.decision = Some(decision);
    }

    fn largest_daily_impact(&self) -> Option<f64> {
        self.by_day.values().map(|day| day.impact()).reduce(f64::max)
    }
}

#[cfg(test)]
mod tests;
