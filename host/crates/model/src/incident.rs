//! Incidents from anomalies: one incident per series and direction, independent of the number of rules.
//!
//! The module is pure: known incidents and anomalies go in, changed incidents come out. The crate `notify` notifies
//! people.
//!
//! A finished day inside the opening band resolves an incident: the band is the fit from before the incident began. A day
//! inside the band that keeps more than a quarter of the change does not resolve the incident.
//! Without any rule over finished days, a normal verdict of a later hour resolves the incident.
//!
//! A finished day may be evaluated again after a restatement. The new evaluation replaces the anomalies of the day, and
//! an incident without remaining anomalies is retracted. Anomalies of hourly runs stay, because the bill showed them at
//! the hour.

mod band;
mod delivery;
mod history;
mod inconclusive;
mod later_impact;
mod new_level;
mod streak;
mod update;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::language::Language;

pub use self::band::OpeningBand;
pub use self::delivery::{Delivery, DeliveryFailure, NotificationKind};
pub use self::history::{Action, DecisionCount, HistoryEntry};
use self::later_impact::weekly_impact;
pub use self::new_level::Levels;
pub use self::streak::{MAX_GAP_DAYS, days_in_short_streaks};
pub use self::update::{EvaluationResults, NormalVerdicts, UpdatedIncidents, update};
use crate::anomaly::{Direction, Severity};
use crate::moment::Moment;
use crate::series::{Names, SeriesKey};

/// Default number of days before a lasting deviation becomes the new level.
pub const ACCEPT_AFTER_DAYS: u16 = 7;

/// Number of days after its end for which an incident may continue or explain incidents of sums: the changed cost of a
/// service stays in the history of the sum, and detectors notice the sum later.
pub const CURRENT_DAYS: u16 = 35;

/// Largest deviation that people read as the usual cost, as a share of the expected cost and of the largest daily impact. A
/// wide opening band contains larger deviations.
const USUAL_SHARE: f64 = 0.2;
const USUAL_IMPACT_SHARE: f64 = 0.1;

/// Share of an impact that finer incidents must explain.
const EXPLAINED_SHARE: f64 = 0.7;

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
    /// A finished day lies inside the opening band.
    Returned,
    /// The change is the new normal level, and fits use the days.
    NewLevel,
    /// A person knows the cause, which does not last. Fits ignore the days, and no further notification is sent.
    Expected,
    /// A person calls the incident a false alarm. Fits use the days, and no further notification is sent.
    Dismissed,
    /// The detector or the settings of the opening band are gone, so no later day can be compared.
    NotVerifiable,
}

impl Resolution {
    pub const ALL: [Self; 5] = [Self::Returned, Self::NewLevel, Self::Expected, Self::Dismissed, Self::NotVerifiable];

    /// Returns the name in documents and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Returned => "over",
            Self::NewLevel => "new-level",
            Self::Expected => "expected",
            Self::Dismissed => "dismissed",
            Self::NotVerifiable => "not-verifiable",
        }
    }

    /// Returns the resolution with the given name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resolution| resolution.as_str() == name)
    }
}

impl IncidentState {
    /// Returns the words for people.
    pub fn text(self, language: Language) -> &'static str {
        match self {
            Self::Open => language.choose("진행 중", "open"),
            Self::Closed(Resolution::Returned) => language.choose("평소 범위로 돌아옴", "over"),
            Self::Closed(Resolution::NewLevel) => language.choose("새 수준", "new level"),
            Self::Closed(Resolution::Expected) => language.choose("예정된 변경", "expected"),
            Self::Closed(Resolution::Dismissed) => language.choose("오탐", "dismissed"),
            Self::Closed(Resolution::NotVerifiable) => language.choose("확인할 수 없음", "not verifiable"),
            Self::Retracted => language.choose("취소", "retracted"),
        }
    }
}

/// The reason for an incident without notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suppression {
    /// Id of the silence.
    Silence(String),
    /// Id of the planned event.
    PlannedEvent(String),
}

/// The impacts of one day, in money beyond the expected value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DayImpact {
    pub finished_day: Option<FinishedDayImpact>,
    pub partial_day: Option<PartialDayImpact>,
}

/// The impact of a finished day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FinishedDayImpact {
    /// Largest impact of any rule; 0 on a day inside the opening band or beyond the opposite bound.
    pub impact: f64,
    /// Observed and expected value of the rule with the largest impact.
    pub observed: f64,
    pub expected: f64,
}

/// A finished day inside the opening band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormalDay {
    pub observed: f64,
    /// `None` without an expected value of the detector.
    pub expected: Option<f64>,
}

/// The impact of a part of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartialDayImpact {
    /// Newest hour with an anomaly.
    pub hour: u8,
    /// Largest impact of any rule at any hour.
    pub impact: f64,
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
    /// The entries of people, oldest first.
    pub history: Vec<HistoryEntry>,
    pub rules: BTreeSet<String>,
    /// The fits from before the incident began, by rule id. Empty without a rule over finished days.
    pub bands: BTreeMap<String, OpeningBand>,
    pub peak_score: f64,
    /// Impacts by day. The sum of the impacts is the incident's impact.
    pub by_day: BTreeMap<Date, DayImpact>,
    /// Value of the newest anomaly, like `expected` and `reason`, for the next notification.
    pub observed: f64,
    pub expected: f64,
    pub reason: String,
    /// The finished day that resolved the incident.
    pub resolved_by: Option<NormalDay>,
    /// Loaded from history, without notifications.
    pub muted: bool,
    /// Whether notified incidents of finer series explain the incident, so that nobody is notified of it.
    pub is_explained: bool,
    /// The reason for which people are not notified at present.
    pub suppressed_by: Option<Suppression>,
    /// Deliveries by receiver name.
    pub deliveries: BTreeMap<String, Delivery>,
    /// The last failed attempt by receiver name, until a notification is accepted.
    pub failures: BTreeMap<String, DeliveryFailure>,
}

/// The age of the evaluated data, which decides on notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recency {
    /// The newest evaluation. People are notified of new incidents, and of continued incidents from loaded history.
    Live,
    /// An earlier day, late or restated. People are notified of new incidents.
    Late,
    /// Loaded or rebuilt history. People are not notified of new incidents.
    Past,
}

impl DayImpact {
    pub fn impact(self) -> f64 {
        let finished_day = self.finished_day.map_or(0.0, |day| day.impact);
        finished_day.max(self.partial_day.map_or(0.0, |part| part.impact))
    }

    /// Returns the time of the latest anomaly.
    fn moment(self, date: Date) -> Moment {
        let hour = if self.finished_day.is_some() { None } else { self.partial_day.map(|part| part.hour) };
        Moment { date, hour }
    }
}

impl Incident {
    pub fn impact(&self) -> f64 {
        // The sum of an empty list is -0.0.
        self.by_day.values().map(|day| day.impact()).sum::<f64>() + 0.0
    }

    /// Returns the expected cost of the day that resolved the incident, if the day lies inside the opening band with a cost
    /// far from the expected cost.
    pub fn distant_usual_cost(&self) -> Option<f64> {
        let day = self.resolved_by?;
        let expected = day.expected?;
        let by_impact = USUAL_IMPACT_SHARE * self.largest_daily_impact().unwrap_or(0.0);
        let is_distant = (day.observed - expected).abs() > by_impact.max(USUAL_SHARE * expected.abs());
        is_distant.then_some(expected)
    }

    /// Returns whether notified incidents of finer series explain most of the newest anomalous day: the services, the projects or
    /// the accounts of the series.
    pub fn is_explained_by<I: Borrow<Self>>(&self, notified: &[I]) -> bool {
        let Some((date, day)) = self.newest_anomalous_day() else { return false };
        let layer = self.series.layer();
        let notified = || notified.iter().map(Borrow::borrow);
        // A new level lasts until the series changes in the other direction.
        let is_reversed = |part: &Self| {
            notified().any(|other| {
                let is_opposite = other.series == part.series && other.direction != part.direction;
                is_opposite && other.first_seen > part.last_seen && other.first_seen.date <= *date
            })
        };
        let explained = |finer: u8| {
            let mut parts: BTreeMap<&SeriesKey, Vec<&Self>> = BTreeMap::new();
            let is_part = |part: &&Self| {
                part.series.layer() == finer && self.series.covers(&part.series) && part.direction == self.direction
            };
            for part in notified().filter(is_part).filter(|part| !is_reversed(part)) {
                parts.entry(&part.series).or_default().push(part);
            }
            let impact = |incidents: Vec<&Self>| {
                let impact: f64 = incidents.iter().map(|part| part.impact_on(*date)).sum();
                if impact > 0.0 { impact } else { weekly_impact(&incidents, *date) }
            };
            parts.into_values().map(impact).sum::<f64>()
        };
        (0..layer).any(|finer| explained(finer) >= EXPLAINED_SHARE * day.impact().max(f64::MIN_POSITIVE))
    }

    /// Returns whether another incident is of the same series and direction and shares a day.
    pub fn is_same_change(&self, other: &Self) -> bool {
        self.series == other.series
            && self.direction == other.direction
            && self.first_seen.date <= other.last_seen.date
            && other.first_seen.date <= self.last_seen.date
    }

    /// Returns the impact on a day. A new level of a cost on each day goes on after the last anomaly.
    fn impact_on(&self, date: Date) -> f64 {
        let is_new_level = self.state == IncidentState::Closed(Resolution::NewLevel) && date > self.last_seen.date;
        let levels = self.levels();
        let after = if is_new_level && levels.interval_days == 1 { levels.difference().abs() } else { 0.0 };
        self.by_day.get(&date).map_or(after, |day| day.impact())
    }

    /// Returns the impact of the newest anomalous day.
    pub fn newest_impact(&self) -> f64 {
        self.newest_anomalous_day().map_or(0.0, |(_, day)| day.impact())
    }

    /// Returns the newest day with an impact. A day that proves nothing has no impact.
    fn newest_anomalous_day(&self) -> Option<(&Date, &DayImpact)> {
        self.by_day.iter().rev().find(|(_, day)| day.impact() > 0.0)
    }

    /// Returns the largest impact of a day; `None` without a day.
    pub fn largest_daily_impact(&self) -> Option<f64> {
        self.by_day.values().map(|day| day.impact()).reduce(f64::max)
    }
}

#[cfg(test)]
mod tests;
