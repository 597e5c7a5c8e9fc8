//! Findings to incidents: one per series and direction, whichever rules saw it.
//!
//! Pure: what is open goes in with what was found, what is open or closed now comes out. Telling people is the
//! business of [`crate::sink`].
//!
//! A finished day may be judged again once its bill was corrected: what was seen of it is then replaced, and an incident
//! of which nothing is left is retracted. What hours saw stands: it was so when they looked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::finding::{Direction, Finding, Severity};
use crate::series::{Names, SeriesKey};

/// An unfinished day says that an incident of an earlier day is over once so many of its hours have passed quietly.
const QUIET_HOURS: u8 = 6;

/// A finding so shortly before an incident was opened is of that incident.
const EARLIER_DAYS: i32 = 3;

/// Anomalous days that are so close belong to one change.
pub(crate) const BRIDGED_DAYS: i32 = 3;

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

/// What one run over one moment found, and what it found to be as expected.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) moment: Moment,
    pub(crate) findings: &'a [Finding],
    /// The rules that judged a series and found it as expected, by series. A part of a day that proves nothing is not
    /// in it.
    pub(crate) quiet: &'a HashMap<SeriesKey, BTreeSet<String>>,
    /// The rules that were asked.
    pub(crate) asked: &'a BTreeSet<String>,
    /// Those of them that came to any verdict.
    pub(crate) ran: &'a BTreeSet<String>,
    /// The rules that came to none over a series that they were shown, by series.
    pub(crate) failed: &'a HashMap<SeriesKey, BTreeSet<String>>,
    /// Every rule of the set, so that an incident of a rule that is gone can end.
    pub(crate) rules: &'a BTreeSet<String>,
    pub(crate) news: News,
    /// A change that has lasted so many days is the new level.
    pub(crate) accept_after_days: u16,
    /// Up to so many times what was accepted is nothing new.
    pub(crate) factor: f64,
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

    fn opened(finding: &Finding, moment: Moment, news: News) -> Self {
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
            accepted_impact: None,
            decision: None,
            rules: BTreeSet::new(),
            peak_score: 0.0,
            by_day: BTreeMap::new(),
            observed: finding.observed,
            expected: finding.expected,
            reason: finding.reason.clone(),
            muted: news == News::Past,
            deliveries: BTreeMap::new(),
        }
    }

    /// Whether what is found at a moment is of this incident. Also of a day shortly before it, which may be judged again
    /// once it has been corrected.
    fn covers(&self, findings: &[&Finding], judged: &Judged<'_>) -> bool {
        let moment = judged.moment;
        let early = (self.opened_at.date - moment.date).get_days();
        let began = early <= EARLIER_DAYS;
        match self.state {
            State::Open => began,
            State::Closed(Closing::Over) => began && self.closed_at.is_none_or(|closed| moment < closed),
            State::Closed(Closing::NewLevel | Closing::Expected) => {
                let since = (moment.date - self.last_seen.date).get_days();
                let impact = findings.iter().map(|finding| finding.impact).fold(0.0, f64::max);
                let known = self.accepted_impact.is_some_and(|accepted| impact <= accepted * judged.factor);
                began && (since <= 0 || (since <= BRIDGED_DAYS && known))
            }
            State::Retracted => id(&self.series, self.direction, moment) == self.id,
        }
    }

    /// Takes what all rules found of this series at one moment; `findings` is not empty.
    fn see(&mut self, findings: &[&Finding], judged: &Judged<'_>) {
        let moment = judged.moment;
        let mut impact = 0.0_f64;
        for finding in findings {
            self.severity = self.severity.max(finding.severity);
            self.peak_score = self.peak_score.max(finding.score);
            impact = impact.max(finding.impact);
        }
        let all_judged = self.is_refuted(judged);
        self.rules.extend(findings.iter().map(|finding| finding.rule.clone()));
        let seen = self.by_day.entry(moment.date).or_default();
        match moment.hour {
            // What a rule found that could not judge now still stands.
            None if all_judged => seen.whole = Some(impact),
            None => seen.whole = Some(impact.max(seen.whole.unwrap_or(0.0))),
            Some(hour) => {
                let (newest, largest) = seen.part.unwrap_or((hour, 0.0));
                seen.part = Some((newest.max(hour), largest.max(impact)));
            }
        }
        if self.state == State::Retracted {
            // It is news once more to whoever heard that it was taken back.
            self.deliveries.retain(|_, delivery| !delivery.closed);
            (self.state, self.closed_at) = (State::Open, None);
            (self.first_seen, self.last_seen) = (moment, moment);
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

    /// Whether all rules that saw it, and are asked now, have judged the moment.
    fn is_refuted(&self, judged: &Judged<'_>) -> bool {
        let nobody = BTreeSet::new();
        let failed = judged.failed.get(&self.series).unwrap_or(&nobody);
        let mut asked = self.rules.intersection(judged.asked).peekable();
        asked.peek().is_some() && asked.all(|rule| judged.ran.contains(rule) && !failed.contains(rule))
    }

    /// Takes back what was seen of a finished day in which nothing is found any more.
    fn take_back(&mut self, judged: &Judged<'_>) -> bool {
        let Moment { date, hour: None } = judged.moment else { return false };
        let Some(seen) = self.by_day.get_mut(&date).filter(|seen| seen.whole.is_some()) else { return false };
        seen.whole = None;
        if seen.part.is_none() {
            self.by_day.remove(&date);
        }
        let (first, last) = (self.by_day.first_key_value(), self.by_day.last_key_value());
        if let (Some((first, earliest)), Some((last, newest))) = (first, last) {
            if *first != self.first_seen.date {
                self.first_seen = earliest.moment(*first);
            }
            self.last_seen = self.last_seen.min(newest.moment(*last));
        } else if self.decision.is_none() {
            (self.state, self.closed_at) = (State::Retracted, Some(judged.moment));
            // Whoever heard that it is over has still heard of it.
            self.deliveries.values_mut().for_each(|delivery| delivery.closed = false);
        }
        true
    }

    fn is_over(&self, judged: &Judged<'_>) -> bool {
        let Moment { date, hour } = judged.moment;
        let late_enough = date > self.last_seen.date && hour.is_none_or(|hour| hour >= QUIET_HOURS);
        let orphaned = self.rules.is_disjoint(judged.rules);
        let quiet = judged.quiet.get(&self.series).is_some_and(|rules| orphaned || !self.rules.is_disjoint(rules));
        self.state == State::Open && late_enough && quiet
    }

    /// Whether the finished day makes it last so long that it is the new level.
    fn is_accepted(&self, judged: &Judged<'_>) -> bool {
        let Moment { date, hour: None } = judged.moment else { return false };
        let days = self.by_day.iter().filter(|(_, seen)| seen.whole.is_some()).map(|(day, _)| *day).collect();
        let newest = self.by_day.last_key_value().is_some_and(|(last, _)| *last == date);
        let lasts = !short_runs(&days, judged.accept_after_days).contains(&date);
        self.state == State::Open && newest && days.contains(&date) && lasts
    }

    fn close(&mut self, closing: Closing, moment: Moment) {
        (self.state, self.closed_at) = (State::Closed(closing), Some(moment));
        if closing == Closing::NewLevel {
            self.accepted_impact = self.by_day.values().map(|seen| seen.impact()).reduce(f64::max);
        }
    }

    /// Brings it up to what one run found of its series and direction.
    fn advance(&mut self, findings: Option<&[&Finding]>, judged: &Judged<'_>) {
        // What ended at this very moment is asked anew.
        let before = self.state;
        let ended = matches!(before, State::Closed(Closing::Over | Closing::NewLevel))
            && self.decision.is_none()
            && judged.moment.hour.is_none()
            && self.closed_at == Some(judged.moment);
        if ended {
            (self.state, self.closed_at, self.accepted_impact) = (State::Open, None, None);
        }
        if let Some(findings) = findings {
            self.see(findings, judged);
        } else if self.is_refuted(judged) {
            self.take_back(judged);
        }
        if self.is_accepted(judged) {
            self.close(Closing::NewLevel, judged.moment);
        } else if findings.is_none() && self.is_over(judged) {
            self.close(Closing::Over, judged.moment);
        }
        if findings.is_some() && self.state == State::Open && judged.news == News::Live {
            // What was loaded as history and goes on now is news.
            self.muted = false;
        }
        if ended && self.state != before {
            // Whoever heard of its end hears of it again, or of the other end that it has now.
            self.deliveries.values_mut().for_each(|delivery| delivery.closed = false);
        }
    }
}

/// Brings the incidents that are open, or cover the moment, up to what one run found. Gives back those that changed or
/// are new, and which incident each series and direction belongs to.
pub(crate) fn advance(known: Vec<Episode>, judged: &Judged<'_>) -> Advanced {
    let mut by_series: BTreeMap<(SeriesKey, Direction), Vec<&Finding>> = BTreeMap::new();
    for finding in judged.findings {
        by_series.entry((finding.series.clone(), finding.direction)).or_default().push(finding);
    }
    let mut changed = Vec::new();
    let mut ids = BTreeMap::new();
    for mut episode in known {
        let key = (episode.series.clone(), episode.direction);
        let before = episode.clone();
        let reopens = episode.closed_at == Some(judged.moment) && episode.state == State::Closed(Closing::Over);
        let found = by_series.get(&key).filter(|findings| reopens || episode.covers(findings, judged)).cloned();
        episode.advance(found.as_deref(), judged);
        if found.is_some() {
            by_series.remove(&key);
            ids.insert(key, episode.id.clone());
        }
        if found.is_some() || episode != before {
            changed.push(episode);
        }
    }
    for (key, findings) in by_series {
        let mut episode = Episode::opened(findings[0], judged.moment, judged.news);
        episode.advance(Some(&findings), judged);
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

/// The days of runs that last less than `accept_after` days from their first to their last. A run bridges a few days
/// between: a lasting change that is missed on a weekend is one change.
pub(crate) fn short_runs(days: &BTreeSet<Date>, accept_after: u16) -> BTreeSet<Date> {
    let apart = |one: Date, other: Date| (other - one).get_days();
    let mut runs: Vec<Vec<Date>> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| apart(*last, *day) <= BRIDGED_DAYS) => run.push(*day),
            _ => runs.push(vec![*day]),
        }
    }
    let lasts = |run: &Vec<Date>| apart(run[0], run[run.len() - 1]) + 1;
    runs.into_iter().filter(|run| lasts(run) < i32::from(accept_after)).flatten().collect()
}

fn id(series: &SeriesKey, direction: Direction, opened: Moment) -> String {
    let hour = opened.hour.map_or_else(|| "day".to_owned(), |hour| hour.to_string());
    let text = format!("{series} {} {} {hour}", direction.as_str(), opened.date);
    format!("{}-{}", opened.date.strftime("%Y%m%d"), hex::encode(&Sha256::digest(text)[..6]))
}

#[cfg(test)]
mod tests;
