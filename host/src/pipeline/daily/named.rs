//! A run over given days. Evaluates every given day, regardless of the ledger.
//!
//! If a day was missing or the bill is a restatement, the run also evaluates later days that look back to a change.
//! People are notified of the end, the retraction and the growth of incidents, but not of new incidents on past days.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{fetch, is_changed};
use crate::pipeline::days::Days;
use crate::pipeline::report::Report;
use crate::pipeline::{Mode, Parts, RunError, completeness, intake, plan, run, tell};
use model::incident::{Incident, News};
use model::ledger::DayLedger;
use model::series::hours::days_through;
use store::checkpoint::Checkpoint;
use store::{DateRange, RunRecord};

/// The given days and the dependent later days.
pub(super) struct Named {
    range: DateRange,
    days: Days,
    /// Days in the ledger before the run, from the first given day on.
    known: Vec<Date>,
    /// Given days that an earlier run has started and not completed.
    begun: BTreeSet<Date>,
    /// Whether a bill differs from the ledger, or an earlier run was incomplete. Later days then follow.
    is_changed: bool,
    /// Records of the fetched days. The records are completed after the evaluation of all later days.
    done: Vec<(Date, RunRecord)>,
    /// Incidents to notify at the end, by id.
    incidents: BTreeMap<String, Incident>,
    /// The last evaluated day.
    last: Option<Date>,
}

impl Named {
    pub(super) async fn run(
        parts: &mut Parts,
        range: DateRange,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let DateRange { from, to } = range;
        let dates: Vec<Date> = days_through(from, to, &parts.config.zone).collect();
        if dates.is_empty() {
            return Err(parts.no_days(from, to));
        }
        run::open(parts, report);
        intake::drain_spool(parts, now, report).await;
        tell::totals_left_behind(parts, from, now, report).await?;
        let known = parts.store.days(DateRange { from, to: Date::MAX }).await?;
        let begun = plan::unfinished(parts, range).await?;
        let days = Days::open(parts, from, report).await?;
        let (is_changed, done, incidents) = (false, Vec::new(), BTreeMap::new());
        let mut named = Self { range, days, known, begun, is_changed, done, incidents, last: None };
        let result = named.work(parts, dates, now, report).await;
        let Self { days, done, last, .. } = named;
        let result = match result {
            Ok(()) => end(parts, days, last.filter(|_| !done.is_empty()), now, report).await,
            Err(error) => Err(error),
        };
        if parts.mode == Mode::Write {
            for (_, record) in done {
                run::finish(parts, record, report, &result, now).await?;
            }
        }
        result
    }

    async fn work(
        &mut self,
        parts: &mut Parts,
        dates: Vec<Date>,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let to = self.range.to;
        let mut first_error = None;
        for date in dates {
            if let Some(error) = self.day(parts, date, now, report).await? {
                report.count("missing_days", 1);
                report.problem(error.to_string());
                first_error.get_or_insert(error);
            }
        }
        for date in self.known.clone().into_iter().filter(|date| *date > to) {
            if self.is_changed && self.days.has_changed_for(date) {
                self.judge_anew(parts, date, now, report).await?;
            }
        }
        if self.done.is_empty() {
            return first_error.map_or(Ok(()), Err);
        }
        let started = Instant::now();
        let incidents = std::mem::take(&mut self.incidents).into_values().collect();
        tell::incidents(parts, incidents, now, report).await?;
        for (date, record) in &mut self.done {
            record.checkpoint = parts.course.step();
            tell::total(parts, *date, record, now, report).await?;
        }
        report.took("notify", started);
        parts.checkpoint(Checkpoint::Notified, now).await
    }

    /// Fetches and evaluates a day. Returns the cause of a missing bill if the run can continue with the remaining
    /// days.
    async fn day(
        &mut self,
        parts: &Parts,
        date: Date,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Option<RunError>, RunError> {
        let period = run::days(date, date);
        let own = parts.store.run("daily", &period).await?;
        if own.is_some_and(|run| !run::has_succeeded(&run)) || self.begun.contains(&date) {
            // The progress of the earlier run is unknown: evaluate every later day.
            self.days.has_changed(Date::MAX);
        }
        let record = run::start(parts, "daily", &period, now).await?;
        let asked = self.ask(parts, date, now, report).await;
        if let Ok(Some(ledger)) = asked {
            self.done.push((date, record));
            self.finish(parts, &ledger, now, report).await?;
            return Ok(None);
        }
        if parts.mode == Mode::Write {
            run::finish(parts, record, report, &asked, now).await?;
        }
        let DateRange { from, to } = self.range;
        let error = match asked {
            // A single given day decides the result of the run. In a range, the remaining days continue.
            Err(error) if from == to || error.interruption().is_some() => return Err(error),
            asked => asked.err(),
        };
        if self.known.contains(&date) && (self.is_changed || date < to) {
            // The ledger keeps the earlier version of the day, and later days look back to the day.
            self.judge_anew(parts, date, now, report).await?;
        }
        Ok(error)
    }

    /// The bill of a day. `None` for a withheld day.
    async fn ask(
        &self,
        parts: &Parts,
        date: Date,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Option<DayLedger>, RunError> {
        let ledger = fetch(parts, date, now, report).await?;
        let newest = self.known.last().copied().unwrap_or(date);
        let age = u64::try_from((newest - date).get_days()).unwrap_or(0);
        let short = completeness::short(parts, &ledger, age).await?;
        if let Some(short) = short {
            short.report(report);
            return Ok(None);
        }
        Ok(Some(ledger))
    }

    async fn finish(
        &mut self,
        parts: &Parts,
        ledger: &DayLedger,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let date = ledger.date;
        let is_another = is_changed(parts, ledger).await?;
        if is_another {
            self.days.has_changed(date);
            if self.known.contains(&date) {
                report.count("restated_days", 1);
            }
        }
        self.is_changed |= is_another || self.begun.contains(&date);
        // Only the newest day of the ledger is current. A repeated older day is history and notifies nobody.
        let is_now = date == self.range.to && self.known.last().is_none_or(|end| *end <= date);
        let news = if is_now { News::Live } else { News::Past };
        let total = Some(ledger.total_text());
        report.total.clone_from(&total);
        self.done.last_mut().expect("it was begun just now").1.total = total;
        let incidents = self.days.finish(parts, ledger, news, now, report).await?;
        if self.is_changed || is_now {
            self.keep(incidents);
        }
        self.last = Some(date);
        Ok(())
    }

    async fn judge_anew(
        &mut self,
        parts: &Parts,
        date: Date,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let incidents = self.days.revisit(parts, date, News::Past, now, report).await?;
        if self.is_changed {
            self.keep(incidents);
        }
        self.last = Some(date);
        Ok(())
    }

    fn keep(&mut self, incidents: Vec<Incident>) {
        self.incidents.extend(incidents.into_iter().map(|incident| (incident.id.clone(), incident)));
    }
}

/// Trains through the last day, if any.
async fn end(
    parts: &Parts,
    days: Days,
    last: Option<Date>,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), RunError> {
    if let Some(last) = last {
        days.learn(parts, last, now, report).await?;
        parts.checkpoint(Checkpoint::Trained, now).await?;
        run::close(parts, report);
    }
    Ok(())
}
