//! Evaluation of finished days in order: store the day, evaluate, store the anomalies; at the end, train ([`learn`]).
//!
//! A store with key ranges is read again for each day, and the memory does not grow with the bill. With any other
//! store, the history is read once and kept in memory, and many days cost no more reads than a single day.

mod learn;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::exclude::Excluded;
use super::judge::Judgement;
use super::look::{self, Look};
use super::past::{Past, Wanted};
use super::report::Report;
use super::ruleset::ReadyRule;
use super::{Mode, Parts, RunError, measure};
use crate::metrics::Metric;
use model::history::{History, Measure, Snapshots};
use model::incident::{self, BRIDGED_DAYS, Incident, Judged, Moment, News, State};
use model::ledger::DayLedger;
use model::series::{Grain, SeriesKey};
use store::checkpoint::Checkpoint;
use store::{AnomalyKey, DateRange, IncidentWrite};

/// The ledger before a day, extended day by day.
pub(super) struct Days {
    /// The history in memory. `None` for a store with key ranges, read again for each day.
    held: Option<History>,
    measures: BTreeSet<Measure>,
    excluded: Excluded,
    /// Longest look-back of the rules and the statistics, in days.
    longest: u16,
    /// The last day with different amounts or anomalies than before the run. Later days depend on the day.
    changed: Option<Date>,
}

impl Days {
    /// Reads the history before `first`.
    pub(super) async fn open(parts: &Parts, first: Date, report: &mut Report) -> Result<Self, RunError> {
        let started = Instant::now();
        let rules = parts.ready.rules.iter().map(|ready| &ready.rule);
        let longest = rules.clone().map(|rule| rule.history_days).max().unwrap_or(0).max(parts.config.baseline_days);
        // The statistics of a baseline always use the billed cost.
        let measures: BTreeSet<Measure> = rules.map(|rule| rule.measure).chain([Measure::BilledCost]).collect();
        let range = DateRange { from: back(first, longest), to: back(first, 1) };
        let excluded = Excluded::default();
        let mut days = Self { held: None, measures, excluded, longest, changed: None };
        // A dry run stores nothing: the new days exist only in memory.
        if parts.mode == Mode::DryRun || parts.store.key_ranges()?.is_none() {
            let history = parts.store.history(range, &days.measures()).await?;
            days.excluded.add_marks(&history, first);
            days.held = Some(history);
        }
        for AnomalyKey { series, date, hour } in parts.store.anomaly_keys(range).await? {
            days.excluded.add(&series, date, hour);
        }
        days.excluded.decide(&parts.store.decided_incidents(range.from).await?);
        report.took("read_history", started);
        Ok(days)
    }

    /// Stores and evaluates a finished day, and stores the anomalies. Returns the incidents with possible
    /// notifications.
    pub(super) async fn finish(
        &mut self,
        parts: &Parts,
        ledger: &DayLedger,
        news: News,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Vec<Incident>, RunError> {
        let started = Instant::now();
        if parts.mode == Mode::Write {
            parts.store.put_day(ledger, now).await?;
        }
        report.took("write_day", started);
        parts.checkpoint(Checkpoint::Written, now).await?;
        if let Some(history) = &mut self.held {
            history.push(ledger, &self.measures);
        }
        report.count("series", ledger.entries.len() as u64);
        let incidents = self.judge_anew(parts, ledger.date, news, now, report).await?;
        // A restated older day must not move the metrics of the newest day.
        if parts.mode == Mode::Write && parts.store.newest_day().await?.is_none_or(|newest| newest <= ledger.date) {
            measure::newest_day(&parts.config, ledger.date, ledger.total_double(), &mut report.tally);
        }
        Ok(incidents)
    }

    /// Whether the evaluation of days from `from` on uses `date`.
    pub(super) fn looks_back_to(&self, date: Date, from: Date) -> bool {
        back(from, self.longest) <= date
    }

    /// Marks a day as different from before the run.
    pub(super) fn has_changed(&mut self, date: Date) {
        self.changed = self.changed.max(Some(date));
    }

    /// Whether a later day looks back to a changed day.
    pub(super) fn has_changed_for(&self, later: Date) -> bool {
        self.changed.is_some_and(|changed| self.looks_back_to(changed, later))
    }

    /// Evaluates a stored day again, because an earlier day has changed.
    pub(super) async fn revisit(
        &mut self,
        parts: &Parts,
        date: Date,
        news: News,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Vec<Incident>, RunError> {
        let range = DateRange { from: date, to: date };
        let measures = self.measures();
        if let Some(history) = &mut self.held {
            history.append(parts.store.history(range, &measures).await?);
            history.unmark(date);
        }
        report.reevaluated(date);
        self.judge_anew(parts, date, news, now, report).await
    }

    async fn judge_anew(
        &mut self,
        parts: &Parts,
        date: Date,
        news: News,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Vec<Incident>, RunError> {
        if let Some(history) = &mut self.held {
            history.forget_before(back(date, self.longest));
        }
        self.excluded.forget_day(date);
        let one_day = DateRange { from: date, to: date };
        let stood = parts.store.anomaly_keys(one_day).await?;
        // Hourly anomalies stay in the training mask: only the finished day is evaluated again.
        for AnomalyKey { series, hour, .. } in stood.iter().filter(|found| found.hour.is_some()) {
            self.excluded.add(series, date, *hour);
        }
        let stood = whole_days(stood);

        let started = Instant::now();
        let known = parts.store.incidents(back(date, BRIDGED_DAYS as u16)).await?;
        let rules: Vec<_> = parts.ready.rules.iter().filter(|ready| ready.rule.grain == Grain::Daily).collect();
        let mut judgement = self.judge(parts, date, &watched(&known), &rules, report)?;
        report.took("evaluate", started);
        let mut found: BTreeSet<SeriesKey> = judgement.anomalies.iter().map(|anomaly| anomaly.series.clone()).collect();

        let started = Instant::now();
        let moment = Moment { date, hour: None };
        let incidents = remember(parts, moment, news, known, &mut judgement, now, report).await?;
        if parts.mode == Mode::Write {
            // Earlier anomalies of a rule without a verdict now remain valid, and the mark remains too.
            found = whole_days(parts.store.anomaly_keys(one_day).await?);
            parts.store.mark_anomalous(date, &found, now).await?;
        }
        // Different marks change the training mask of later days.
        if found != stood {
            self.has_changed(date);
        }
        for key in &found {
            self.excluded.add(key, date, None);
        }
        if let Some(history) = &mut self.held {
            history.mark(date, &found);
        }
        parts.checkpoint(Checkpoint::Stored, now).await?;
        report.took("write_anomalies", started);
        report.anomalies.append(&mut judgement.anomalies);
        Ok(incidents)
    }

    /// Evaluates a day with fits on the days before.
    fn judge(
        &self,
        parts: &Parts,
        date: Date,
        watched: &HashSet<SeriesKey>,
        rules: &[&ReadyRule],
        report: &mut Report,
    ) -> Result<Judgement, RunError> {
        let nothing = Snapshots::default();
        let past = self.past(parts, date, &nothing, None)?;
        let (config, excluded) = (&parts.config, &self.excluded);
        look::over(&past, Look { config, rules, date, hour: 0, excluded, watched }, report)
    }

    /// The days up to `through`, from memory or from the store.
    fn past<'a>(
        &'a self,
        parts: &'a Parts,
        through: Date,
        snapshots: &'a Snapshots,
        range: Option<DateRange>,
    ) -> Result<Past<'a>, RunError> {
        match (&self.held, parts.store.key_ranges()?) {
            (None, Some(key_ranges)) => {
                let days = DateRange { from: back(through, self.longest), to: through };
                let hours = (0..24).collect();
                Ok(Past::stored(key_ranges, Wanted { days, measures: self.measures(), snapshots: range, hours })?)
            }
            (None, None) => unreachable!("the history is held where the store is not read in key_ranges"),
            (Some(history), _) => Ok(Past::held(history, snapshots)),
        }
    }

    fn measures(&self) -> Vec<Measure> {
        self.measures.iter().copied().collect()
    }
}

/// The series with anomalies on finished days.
fn whole_days(found: Vec<AnomalyKey>) -> BTreeSet<SeriesKey> {
    let whole = found.into_iter().filter(|found| found.hour.is_none());
    whole.map(|found| found.series).collect()
}

/// The series of the known incidents. A quiet day of a watched series counts for the incident.
pub(super) fn watched(known: &[Incident]) -> HashSet<SeriesKey> {
    known.iter().map(|incident| incident.series.clone()).collect()
}

/// Advances the incidents with the anomalies of a moment and stores both. `known` holds the incidents of the store.
/// Returns every unsettled incident.
pub(super) async fn remember(
    parts: &Parts,
    moment: Moment,
    news: News,
    known: Vec<Incident>,
    judgement: &mut Judgement,
    now: Timestamp,
    report: &mut Report,
) -> Result<Vec<Incident>, RunError> {
    let before: HashMap<String, Incident> = known.iter().map(|one| (one.id.clone(), one.clone())).collect();
    let ids = |asked: fn(&ReadyRule) -> bool| -> BTreeSet<String> {
        parts.ready.rules.iter().filter(|ready| asked(ready)).map(|ready| ready.rule.id.clone()).collect()
    };
    let (rules, asked) = (ids(|_| true), ids(|ready| ready.rule.grain == Grain::Daily));
    let judged = Judged {
        moment,
        anomalies: &judgement.anomalies,
        quiet: &judgement.quiet,
        asked: &asked,
        // A failure of a whole batch leaves the verdicts of a rule incomplete.
        ran: &judgement.rules.difference(&judgement.given_up).cloned().collect(),
        failed: &judgement.failed,
        rules: &rules,
        news,
        accept_after_days: parts.config.accept_after_days,
        factor: parts.config.renotify_factor,
    };
    let incident::Advanced { changed, ids } = incident::advance(known, &judged);
    for anomaly in &mut judgement.anomalies {
        anomaly.incident = ids.get(&(anomaly.series.clone(), anomaly.direction)).cloned();
    }
    report.count("verdicts", judgement.judged);
    report.count("anomalies", judgement.anomalies.len() as u64);
    report.count("opened", changed.iter().filter(|incident| !before.contains_key(&incident.id)).count() as u64);
    let ended = |state: fn(State) -> bool| {
        let ended = changed.iter().filter(|incident| incident.closed_at == Some(moment) && state(incident.state));
        ended.count() as u64
    };
    report.count("closed", ended(|state| matches!(state, State::Closed(_))));
    if let retracted @ 1.. = ended(|state| state == State::Retracted) {
        report.count("retracted", retracted);
    }
    if parts.mode == Mode::Write {
        // Earlier anomalies of a rule without a verdict now remain valid for the moment.
        parts.store.put_anomalies(moment, &judgement.rules, &judgement.anomalies, now).await?;
        parts.checkpoint(Checkpoint::Anomalies, now).await?;
        let receivers = || parts.receivers.iter().map(|receiver| receiver.name.as_str());
        let settled = |incident: &Incident| incident.settled(receivers(), parts.config.renotify_factor);
        let write = |incident: &Incident| IncidentWrite { incident: incident.clone(), is_settled: settled(incident) };
        let writes: Vec<IncidentWrite> = changed.iter().map(write).collect();
        parts.store.put_incidents(&writes, now).await?;
        parts.checkpoint(Checkpoint::Incidents, now).await?;
    }
    let ids =
        |of: &dyn Fn(&&Incident) -> bool| changed.iter().filter(of).map(|one| one.id.clone()).collect::<HashSet<_>>();
    let opened = ids(&|incident| !before.contains_key(&incident.id));
    let ended = ids(&|incident| incident.closed_at == Some(moment));
    let mut current = before;
    current.extend(changed.into_iter().map(|incident| (incident.id.clone(), incident)));
    let mut current: Vec<Incident> = current.into_values().collect();
    current.sort_by(|one, other| one.id.cmp(&other.id));
    let opened = current.iter().filter(|incident| opened.contains(&incident.id));
    let closed = current.iter().filter(|incident| incident.closed_at == Some(moment) && ended.contains(&incident.id));
    measure::incidents(opened, closed, &current, &mut report.tally);
    for anomaly in &judgement.anomalies {
        report.tally.add(Metric::Anomalies, &[&anomaly.rule, anomaly.severity.as_str()], 1.0);
    }
    Ok(current)
}

/// The day `days` before `date`, or the first representable day.
pub(super) fn back(date: Date, days: u16) -> Date {
    date.checked_sub(i64::from(days).days()).unwrap_or(Date::MIN)
}
