//! Findings to incidents: one per series and direction, whichever rules saw it.
//!
//! Pure: what is open goes in with what was found, what is open or closed now comes out. Telling people is the
//! business of [`crate::sink`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::finding::{Direction, Finding, Severity};
use crate::series::{Names, SeriesKey};

/// An unfinished day says that an incident of an earlier day is over once so many of its hours have passed quietly.
const QUIET_HOURS: u8 = 6;

/// A finding so shortly before an incident was opened is of that incident.
const EARLIER_DAYS: i32 = 3;

/// When something was seen, in billing time: a day as it stood at an hour, or, later than all of these, the finished
/// day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// What one run over one moment found, and what it found to be as expected.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) moment: Moment,
    pub(crate) findings: &'a [Finding],
    /// The rules that judged a series and found it as expected, by series. A part of a day that proves nothing is not
    /// in it.
    pub(crate) quiet: &'a HashMap<SeriesKey, BTreeSet<String>>,
    /// Every rule of the set, so that an incident of a rule that is gone can end.
    pub(crate) rules: &'a BTreeSet<String>,
    /// History is loaded: people are not told of what opens now.
    pub(crate) muted: bool,
}

/// What there is to tell of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    Opened,
    Grown,
    Closed,
}

/// What one sink has accepted of one incident.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// The incident's impact when it was last told.
    pub(crate) told_impact: f64,
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

impl Episode {
    pub(crate) fn impact(&self) -> f64 {
        self.impact_by_day.values().sum()
    }

    /// What a sink has to be told now, in order. People are told again when the impact has grown by `factor`.
    pub(crate) fn due(&self, sink: &str, factor: f64) -> Vec<Notice> {
        if self.muted {
            return Vec::new();
        }
        let told = self.deliveries.get(sink);
        let news = match told {
            None => Some(Notice::Opened),
            Some(told) if self.state == State::Open && self.impact() >= told.told_impact * factor => {
                (self.impact() > told.told_impact).then_some(Notice::Grown)
            }
            Some(_) => None,
        };
        let end = (self.state == State::Closed && !told.is_some_and(|told| told.closed)).then_some(Notice::Closed);
        news.into_iter().chain(end).collect()
    }

    /// Remembers that a sink has accepted a notice.
    pub(crate) fn told(&mut self, sink: &str, notice: Notice) {
        let impact = self.impact();
        let delivery = self.deliveries.entry(sink.to_owned()).or_default();
        delivery.notices += 1;
        match notice {
            Notice::Opened | Notice::Grown => delivery.told_impact = impact,
            Notice::Closed => delivery.closed = true,
        }
    }

    /// Nothing will change and nothing is left to tell.
    pub(crate) fn settled<'s>(&self, mut sinks: impl Iterator<Item = &'s str>) -> bool {
        self.state == State::Closed && sinks.all(|sink| self.due(sink, f64::INFINITY).is_empty())
    }

    fn opened(finding: &Finding, moment: Moment, muted: bool) -> Self {
        Self {
            id: id(&finding.series, finding.direction, moment),
            series: finding.series.clone(),
            names: finding.names.clone(),
            direction: finding.direction,
            severity: finding.severity,
            state: State::Open,
            opened_at: moment,
            first_seen: moment,
            last_seen: moment,
            closed_at: None,
            rules: BTreeSet::new(),
            peak_score: 0.0,
            impact_by_day: BTreeMap::new(),
            observed: finding.observed,
            expected: finding.expected,
            reason: finding.reason.clone(),
            muted,
            deliveries: BTreeMap::new(),
        }
    }

    /// Also of a day shortly before it, which may be judged again once it has been corrected.
    fn covers(&self, moment: Moment) -> bool {
        let early = (self.opened_at.date - moment.date).get_days();
        early <= EARLIER_DAYS && self.closed_at.is_none_or(|closed| moment < closed)
    }

    /// Takes what all rules found of this series at one moment; `findings` is not empty.
    fn see(&mut self, findings: &[&Finding], moment: Moment) {
        for finding in findings {
            self.rules.insert(finding.rule.clone());
            self.severity = self.severity.max(finding.severity);
            self.peak_score = self.peak_score.max(finding.score);
            let impact = self.impact_by_day.entry(moment.date).or_insert(0.0);
            *impact = impact.max(finding.impact);
        }
        self.first_seen = self.first_seen.min(moment);
        // The same moment again, or an earlier one, brings no news.
        let worst = findings
            .iter()
            .max_by(|one, other| one.impact.total_cmp(&other.impact).then_with(|| other.rule.cmp(&one.rule)));
        if let Some(worst) = worst
            && moment >= self.last_seen
        {
            self.last_seen = moment;
            self.names = worst.names.clone();
            (self.observed, self.expected) = (worst.observed, worst.expected);
            self.reason.clone_from(&worst.reason);
        }
    }

    fn is_over(&self, judged: &Judged<'_>) -> bool {
        let Moment { date, hour } = judged.moment;
        let late_enough = date > self.last_seen.date && hour.is_none_or(|hour| hour >= QUIET_HOURS);
        let orphaned = self.rules.is_disjoint(judged.rules);
        let quiet = judged.quiet.get(&self.series).is_some_and(|rules| orphaned || !self.rules.is_disjoint(rules));
        self.state == State::Open && late_enough && quiet
    }
}

/// Brings the incidents that are open, or cover the moment, up to what one run found. Gives back those that changed or
/// are new, and writes into each finding which incident it belongs to.
pub(crate) fn advance(known: Vec<Episode>, judged: &Judged<'_>) -> Advanced {
    let mut by_series: BTreeMap<(SeriesKey, Direction), Vec<&Finding>> = BTreeMap::new();
    for finding in judged.findings {
        by_series.entry((finding.series.clone(), finding.direction)).or_default().push(finding);
    }
    let mut changed = Vec::new();
    let mut ids = BTreeMap::new();
    for mut episode in known {
        let key = (episode.series.clone(), episode.direction);
        if episode.covers(judged.moment)
            && let Some(findings) = by_series.remove(&key)
        {
            episode.see(&findings, judged.moment);
            // What was loaded as history and goes on now is news.
            episode.muted &= judged.muted;
            ids.insert(key, episode.id.clone());
            changed.push(episode);
        } else if episode.is_over(judged) {
            episode.state = State::Closed;
            episode.closed_at = Some(judged.moment);
            changed.push(episode);
        }
    }
    for (key, findings) in by_series {
        let mut episode = Episode::opened(findings[0], judged.moment, judged.muted);
        episode.see(&findings, judged.moment);
        ids.insert(key, episode.id.clone());
        changed.push(episode);
    }
    Advanced { changed, ids }
}

/// What [`advance`] did.
#[derive(Debug)]
pub(crate) struct Advanced {
    pub(crate) changed: Vec<Episode>,
    /// The incident of each series and direction that was found.
    pub(crate) ids: BTreeMap<(SeriesKey, Direction), String>,
}

fn id(series: &SeriesKey, direction: Direction, opened: Moment) -> String {
    let hour = opened.hour.map_or_else(|| "day".to_owned(), |hour| hour.to_string());
    let text = format!("{series} {} {} {hour}", direction.as_str(), opened.date);
    format!("{}-{}", opened.date.strftime("%Y%m%d"), hex::encode(&Sha256::digest(text)[..6]))
}

#[cfg(test)]
mod tests;
