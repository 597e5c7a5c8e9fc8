//! Finished days, in order: remember, judge, remember what was found; and at the end, [`learn`].
//!
//! The history is read once and goes on in memory, so that many days cost no more reading than one.

mod learn;

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::assemble::{self, Frame};
use super::exclude::Excluded;
use super::judge::{At, Extent, Judge, Judgement, Question};
use super::report::Report;
use super::{JobError, Mode, Parts};
use crate::detector::Fitted;
use crate::episode::{self, Episode, Judged, Moment};
use crate::history::{History, Measure};
use crate::ledger::DayLedger;
use crate::series::{Grain, SeriesKey};
use crate::store::{DateRange, Found};

/// The ledger as it stood before a day, and on from there.
pub(super) struct Days {
    history: History,
    measures: BTreeSet<Measure>,
    excluded: Excluded,
    /// Days that the longest rule, or the statistics, look back.
    longest: u16,
}

/// Whether people hear of what opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alert {
    Tell,
    Mute,
}

impl Days {
    /// Reads what lies before `first`.
    pub(super) async fn open(parts: &Parts, first: Date, report: &mut Report) -> Result<Self, JobError> {
        let started = Instant::now();
        let rules = parts.ready.rules.iter().map(|ready| &ready.rule);
        let longest = rules.clone().map(|rule| rule.history_days).max().unwrap_or(0).max(parts.config.baseline_days);
        let measures: BTreeSet<Measure> = rules.map(|rule| rule.measure).chain([Measure::Expect]).collect();
        let range = DateRange { from: back(first, longest), to: back(first, 1) };
        let history = parts.store.history(range, &measures.iter().copied().collect::<Vec<_>>()).await?;
        let mut excluded = Excluded::default();
        for (key, row) in &history.rows {
            for (day, _) in history.days.iter().zip(&row.anomalous).filter(|(_, anomalous)| **anomalous) {
                excluded.add(key, *day, None);
            }
        }
        for Found { series, date, hour } in parts.store.found(range).await? {
            excluded.add(&series, date, hour);
        }
        report.took("read_history", started);
        Ok(Self { history, measures, excluded, longest })
    }

    /// Remembers one finished day, judges it, and remembers what was found. Gives back the incidents that people may
    /// have to be told of.
    pub(super) async fn finish(
        &mut self,
        parts: &Parts,
        ledger: &DayLedger,
        alert: Alert,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Vec<Episode>, JobError> {
        let date = ledger.date;
        let started = Instant::now();
        if parts.mode == Mode::Write {
            parts.store.put_day(ledger, now).await?;
        }
        report.took("write_day", started);
        self.history.push(ledger, &self.measures);
        self.history.forget_before(back(date, self.longest));
        self.excluded.forget_day(date);

        let started = Instant::now();
        let mut judgement = self.judge(parts, date, report);
        report.count("series", ledger.entries.len() as u64);
        report.took("judge", started);
        let found: BTreeSet<SeriesKey> = judgement.findings.iter().map(|finding| finding.series.clone()).collect();
        for key in &found {
            self.excluded.add(key, date, None);
        }
        self.history.mark(date, &found);

        let started = Instant::now();
        let moment = Moment { date, hour: None };
        let episodes = remember(parts, moment, alert, &mut judgement, now, report).await?;
        if parts.mode == Mode::Write {
            parts.store.mark_anomalous(date, &found, now).await?;
        }
        report.took("write_findings", started);
        report.findings.append(&mut judgement.findings);
        Ok(episodes)
    }

    /// Judges a day by what was learned before it.
    fn judge(&self, parts: &Parts, date: Date, report: &mut Report) -> Judgement {
        let mut judgement = Judgement::default();
        let mut judge = Judge::new(&parts.config, report, "learning");
        let at = At { date, hour: None, extent: Extent::Whole };
        let frame = self.frame(parts, date);
        for ready in parts.ready.rules.iter().filter(|ready| ready.rule.grain == Grain::Daily) {
            let (mut asked, mut history) = (Vec::new(), Vec::new());
            // What is learned from, and the day itself.
            let days = ready.rule.history_days + 1;
            for mut sample in assemble::daily(&self.history, &ready.rule, days, frame) {
                let newest = sample.series.values.pop().unwrap_or(f64::NAN);
                if newest.is_nan() {
                    continue;
                }
                if sample.series.values.is_empty() {
                    judge.report.count("learning", 1);
                    continue;
                }
                let learned_from = sample.series.values.len() as u32;
                sample.series.excluded.retain(|index| *index < learned_from);
                let mut question = sample.clone();
                question.series.start += i64::from(learned_from) * i64::from(question.series.step);
                question.series.values = vec![newest];
                question.series.excluded.clear();
                asked.push(question);
                history.push(sample.series);
            }
            let fits = judge.fit(ready, &history);
            let questions = asked.into_iter().zip(fits).filter_map(|(sample, fit)| {
                let Fitted { state, figures } = fit?;
                Some(Question { sample, state, figures: figures.into_iter().collect(), judge_from: 0 })
            });
            judge.judge(ready, questions.collect(), at, &mut judgement);
        }
        judgement
    }

    fn frame<'a>(&'a self, parts: &'a Parts, through: Date) -> Frame<'a> {
        let (zone, accept_after_days) = (&parts.config.zone, parts.config.accept_after_days);
        Frame { zone, excluded: &self.excluded, accept_after_days, through }
    }
}

/// Brings incidents up to what was found at a moment, and remembers both. Gives back every incident that is not
/// settled.
pub(super) async fn remember(
    parts: &Parts,
    moment: Moment,
    alert: Alert,
    judgement: &mut Judgement,
    now: Timestamp,
    report: &mut Report,
) -> Result<Vec<Episode>, JobError> {
    let known = parts.store.episodes(moment.date).await?;
    let before: HashMap<String, Episode> = known.iter().map(|one| (one.id.clone(), one.clone())).collect();
    let rules: BTreeSet<String> = parts.ready.rules.iter().map(|ready| ready.rule.id.clone()).collect();
    let judged = Judged {
        moment,
        findings: &judgement.findings,
        quiet: &judgement.quiet,
        rules: &rules,
        muted: alert == Alert::Mute,
    };
    let episode::Advanced { changed, ids } = episode::advance(known, &judged);
    for finding in &mut judgement.findings {
        finding.episode = ids.get(&(finding.series.clone(), finding.direction)).cloned();
    }
    report.count("judged", judgement.judged);
    report.count("findings", judgement.findings.len() as u64);
    report.count("opened", changed.iter().filter(|episode| !before.contains_key(&episode.id)).count() as u64);
    report.count("closed", changed.iter().filter(|episode| episode.closed_at == Some(moment)).count() as u64);
    if parts.mode == Mode::Write {
        // Of a rule that could not judge now, what it found of this moment before still stands.
        parts.store.put_findings(moment.date, moment.hour, &judgement.rules, &judgement.findings, now).await?;
        let sinks = || parts.sinks.iter().map(|sink| sink.name.as_str());
        let settled = |episode: &Episode| episode.settled(sinks());
        let writes: Vec<_> = changed.iter().map(|episode| (episode.clone(), settled(episode))).collect();
        parts.store.put_episodes(&writes, now).await?;
    }
    let mut current = before;
    current.extend(changed.into_iter().map(|episode| (episode.id.clone(), episode)));
    let mut current: Vec<Episode> = current.into_values().collect();
    current.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(current)
}

/// A day some days before another; the first of all days where there is none.
pub(super) fn back(date: Date, days: u16) -> Date {
    date.checked_sub(i64::from(days).days()).unwrap_or(Date::MIN)
}
