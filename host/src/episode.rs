//! Findings to incidents: one per series and direction, whichever rules saw it.
//!
//! Pure: what is open goes in with what was found, what is open or closed now comes out. Telling people is the
//! business of [`crate::sink`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::finding::{Direction, Severity};
use crate::series::{Names, SeriesKey};

/// When something was seen, in billing time: a finished day, or a day as it stood at an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) date: Date,
    pub(crate) hour: Option<u8>,
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Open,
    Closed,
}

/// One incident of one series in one direction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Episode {
    /// Made of series, direction and the opening date: the same input gives the same id.
    pub(crate) id: String,
    pub(crate) series: SeriesKey,
    pub(crate) names: Names,
    pub(crate) direction: Direction,
    pub(crate) severity: Severity,
    pub(crate) state: State,
    pub(crate) opened_at: Moment,
    pub(crate) first_seen: Moment,
    pub(crate) last_seen: Moment,
    pub(crate) closed_at: Option<Moment>,
    pub(crate) rules: BTreeSet<String>,
    pub(crate) peak_score: f64,
    /// The largest impact that any rule saw on each day; their sum is the incident's.
    pub(crate) impact_by_day: BTreeMap<Date, f64>,
    /// What the newest finding said, for whoever is told next.
    pub(crate) observed: f64,
    pub(crate) expected: f64,
    pub(crate) reason: String,
    /// Loaded as history: people are never told of it.
    pub(crate) muted: bool,
    /// By sink name.
    pub(crate) deliveries: BTreeMap<String, Delivery>,
}

/// What one sink has accepted of one incident.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// The incident's impact when it was last told.
    pub(crate) told_impact: f64,
    pub(crate) closed: bool,
    pub(crate) notices: u32,
}
