//! Findings to incidents: one per series and direction, whichever rules saw it.
//!
//! Pure: what is open goes in with what was found, what is open or closed now comes out. Telling people is the
//! business of [`crate::sink`].
//!
//! A finished day may be judged again once its bill was corrected: what was seen of it is then replaced, and an incident
//! of which nothing is left is retracted. What hours saw stands: it was so when they looked.

mod advance;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub(crate) use self::advance::{Advanced, BRIDGED_DAYS, Judged, advance, short_runs};
use crate::finding::{Direction, Severity};
use crate::series::{Names, SeriesKey};

/// When something was seen, in billing time: a day as it stood at an hour, or, later than all of these, the finished
/// day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) date: Date,
    pub(crate) hour: Option<u8>,
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Closed(Closing),
    /// The bills that it was seen in were corrected, and nothing is left of it.
    Retracted,
}

/// Why an incident is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// The series was found to be as expected again.
    Over,
    /// It is how things are now, and is learned from.
    NewLevel,
    /// Somebody knows of it: it is not learned from, and nobody hears of it again.
    Expected,
}

/// What an operator said of an incident. It stands whatever is judged later.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) closing: Closing,
    pub(crate) note: Option<String>,
    pub(crate) at: Timestamp,
}

/// What was seen of one day, in money beyond what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Seen {
    /// The largest impact that any rule saw on the finished day.
    pub(crate) whole: Option<f64>,
    /// The largest that any rule saw at its hours, and the newest of these.
    pub(crate) part: Option<(u8, f64)>,
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
    /// The largest impact of a day that was accepted with it.
    pub(crate) accepted_impact: Option<f64>,
    pub(crate) decision: Option<Decision>,
    pub(crate) rules: BTreeSet<String>,
    pub(crate) peak_score: f64,
    /// The sum of their impacts is the incident's.
    pub(crate) by_day: BTreeMap<Date, Seen>,
    /// What the newest finding said, for whoever is told next.
    pub(crate) observed: f64,
    pub(crate) expected: f64,
    pub(crate) reason: String,
    /// Loaded as history: people are never told of it.
    pub(crate) muted: bool,
    /// By sink name.
    pub(crate) deliveries: BTreeMap<String, Delivery>,
}

/// Whether what is judged is news to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// The newest there is: people are told of what opens, and of what was loaded as history and goes on.
    Live,
    /// A day before that one, which came late or was corrected: people are told of what opens.
    Late,
    /// History that is loaded, or played again: people are not told of what opens.
    Past,
}

/// What there is to tell of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    Opened,
    Grown,
    Closed,
    NewLevel,
    Retracted,
}

/// What one sink has accepted of one incident.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// The incident's impact when it was last told.
    pub(crate) told_impact: f64,
    /// Its end was told, whichever it was.
    pub(crate) closed: bool,
    pub(crate) notices: u32,
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let order = |moment: &Self| (moment.date, moment.hour.map_or(24, u8::from));
        order(self).cmp(&order(other))
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Seen {
    pub(crate) fn impact(self) -> f64 {
        self.whole.unwrap_or(0.0).max(self.part.map_or(0.0, |(_, impact)| impact))
    }

    /// When it was seen last.
    fn moment(self, date: Date) -> Moment {
        let hour = if self.whole.is_some() { None } else { self.part.map(|(hour, _)| hour) };
        Moment { date, hour }
    }
}

impl Episode {
    pub(crate) fn impact(&self) -> f64 {
        // A sum of no numbers is -0.0.
        self.by_day.values().map(|seen| seen.impact()).sum::<f64>() + 0.0
    }

    /// What a sink has to be told now, in order. People are told again when the impact has grown by `factor`.
    pub(crate) fn due(&self, sink: &str, factor: f64) -> Vec<Notice> {
        if self.muted {
            return Vec::new();
        }
        let told = self.deliveries.get(sink);
        let end = match self.state {
            State::Open => None,
            State::Closed(Closing::Over) => Some(Notice::Closed),
            State::Closed(Closing::NewLevel) => Some(Notice::NewLevel),
            State::Closed(Closing::Expected) => return Vec::new(),
            State::Retracted => Some(Notice::Retracted),
        };
        let Some(told) = told else {
            // Of what was taken back, or settled by somebody, before a sink heard of it, it need not hear.
            let is_news = self.state != State::Retracted && self.decision.is_none();
            return if is_news { [Notice::Opened].into_iter().chain(end).collect() } else { Vec::new() };
        };
        // A correction may make an incident grow whose end was told already.
        let may_grow = self.state == State::Open || (self.state == State::Closed(Closing::Over) && told.closed);
        let grown = may_grow && self.impact() > told.told_impact && self.impact() >= told.told_impact * factor;
        grown.then_some(Notice::Grown).into_iter().chain(end.filter(|_| !told.closed)).collect()
    }

    /// Remembers that a sink has accepted a notice.
    pub(crate) fn told(&mut self, sink: &str, notice: Notice) {
        let impact = self.impact();
        let delivery = self.deliveries.entry(sink.to_owned()).or_default();
        delivery.notices += 1;
        match notice {
            Notice::Opened | Notice::Grown => delivery.told_impact = impact,
            Notice::Closed | Notice::NewLevel | Notice::Retracted => delivery.closed = true,
        }
    }

    /// Nothing will change and nothing is left to tell.
    pub(crate) fn settled<'s>(&self, mut sinks: impl Iterator<Item = &'s str>, factor: f64) -> bool {
        self.state != State::Open && sinks.all(|sink| self.due(sink, factor).is_empty())
    }

    /// Ends it by somebody's decision.
    pub(crate) fn decide(&mut self, decision: Decision) {
        self.state = State::Closed(decision.closing);
        self.closed_at.get_or_insert(self.last_seen);
        self.accepted_impact = self.by_day.values().map(|seen| seen.impact()).reduce(f64::max);
        self.decision = Some(decision);
    }
}

#[cfg(test)]
mod tests;
