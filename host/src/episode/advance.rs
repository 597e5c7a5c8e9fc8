//! What one run found, put to the incidents that are known: which go on, which end, which begin.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::{Closing, Episode, Moment, News, State};
use crate::finding::{Direction, Finding};
use crate::series::SeriesKey;

/// An unfinished day says that an incident of an earlier day is over once so many of its hours have passed quietly.
const QUIET_HOURS: u8 = 6;

/// A finding so shortly before an incident was opened is of that incident.
const EARLIER_DAYS: i32 = 3;

/// Anomalous days that are so close belong to one change.
pub(crate) const BRIDGED_DAYS: i32 = 3;

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

impl Episode {
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
