//! The daily job: fetches, evaluates and reports finished days, then trains every series.
//!
//! A run over given days belongs to [`named`]. A planned run closes gaps, fetches yesterday, and fetches recent bills
//! again. After a restatement, the restated day and every later day are evaluated again.

mod named;

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;

use self::named::Named;
use super::completeness::{Held, Kind};
use super::days::Days;
use super::plan::{self, Plan, Task};
use super::report::Report;
use super::{Again, Mode, Parts, RunError, completeness, gap, intake, run, tell};
use model::incident::{Incident, News};
use model::ledger::DayLedger;
use store::checkpoint::Checkpoint;
use store::{DateRange, RunRecord};

/// Consecutive days without an answer after which the run requests no older days.
const TOO_MANY_FAILURES: usize = 2;

/// The days of a daily run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Daily {
    /// The newest expected day, missing days before, and restatements.
    Through(Date),
    /// The given days, and later ledger days that look back to a change.
    These { from: Date, to: Date },
}

/// Runs the daily job. The report contains the failures.
pub(crate) async fn daily(parts: &mut Parts, days: Daily, again: Again, now: Timestamp) -> Report {
    let period = match days {
        Daily::Through(newest) => run::days(newest, newest),
        Daily::These { from, to } => run::days(from, to),
    };
    let mut report = Report::new("daily", period);
    let work = async |parts: &mut Parts, report: &mut Report| match days {
        Daily::Through(newest) => Planned::of(newest).run(parts, now, report).await,
        Daily::These { from, to } => Named::run(parts, DateRange { from, to }, now, report).await,
    };
    run::in_turn(parts, &mut report, again, now, work).await;
    report
}

async fn fetch(parts: &Parts, date: Date, now: Timestamp, report: &mut Report) -> Result<DayLedger, RunError> {
    let started = Instant::now();
    let taken = intake::take(parts, date, None, now).await?;
    report.took("fetch", started);
    intake::sum(&taken, report)
}

/// A run over days chosen by the plan.
struct Planned {
    newest: Date,
    /// Whether the ledger held `newest` or a later day before the run.
    newest_known: bool,
    /// The ledger from the first changed day on.
    sweep: Option<Days>,
    /// The changed days. The records are completed after the evaluation of all later days.
    changed: Vec<(Date, RunRecord)>,
    /// Incidents to notify at the end, by id.
    incidents: BTreeMap<String, Incident>,
    last_done: Option<Date>,
    /// Consecutive days without an answer.
    failures: usize,
    /// Withheld and overdue days.
    held: Vec<Held>,
}

impl Planned {
    fn of(newest: Date) -> Self {
        let (changed, incidents, held) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { newest, newest_known: false, sweep: None, changed, incidents, last_done: None, failures: 0, held }
    }

    async fn run(mut self, parts: &mut Parts, now: Timestamp, report: &mut Report) -> Result<(), RunError> {
        run::open(parts, report);
        intake::drain_spool(parts, now, report).await;
        tell::totals_left_behind(parts, self.newest, now, report).await?;
        let Plan { days, newest_known, beyond } = plan::plan(parts, self.newest).await?;
        self.newest_known = newest_known;
        gap::tell(parts, beyond, now, report).await?;
        let result = self.work(parts, days, now, report).await;
        if parts.mode == Mode::Write {
            for (_, record) in std::mem::take(&mut self.changed) {
                run::finish(parts, record, report, &result, now).await?;
            }
        }
        result
    }

    async fn work(
        &mut self,
        parts: &mut Parts,
        days: Vec<(Date, Task)>,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        for (date, task) in days {
            self.day(parts, date, task, now, report).await?;
        }
        completeness::tell(parts, &self.held, &[Kind::Late, Kind::Short], now, report).await?;
        let started = Instant::now();
        let incidents = std::mem::take(&mut self.incidents).into_values().collect();
        tell::incidents(parts, incidents, now, report).await?;
        for (date, record) in &mut self.changed {
            record.checkpoint = parts.course.step();
            tell::total(parts, *date, record, now, report).await?;
        }
        report.took("notify", started);
        parts.checkpoint(Checkpoint::Notified, now).await?;
        if let (Some(sweep), Some(last)) = (self.sweep.take(), self.last_done) {
            sweep.learn(parts, last, now, report).await?;
            parts.checkpoint(Checkpoint::Trained, now).await?;
            run::close(parts, report);
        }
        Ok(())
    }

    async fn day(
        &mut self,
        parts: &Parts,
        date: Date,
        task: Task,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let (known, asks) = match task {
            Task::Without => return Ok(()),
            Task::Newest => (self.newest_known, true),
            Task::Missing => (false, self.failures < TOO_MANY_FAILURES),
            Task::Restate | Task::Finish => (true, self.failures < TOO_MANY_FAILURES),
            Task::Keep => (true, false),
        };
        let fetched = match asks {
            true => self.ask(parts, date, task, now, report).await?,
            false => None,
        };
        match fetched {
            // An unchanged bill needs no evaluation while no earlier day has changed.
            Some(ledger) if task == Task::Restate && self.sweep.is_none() && !is_changed(parts, &ledger).await? => {
                report.count("unchanged_days", 1);
            }
            Some(ledger) => self.finish(parts, &ledger, task, now, report).await?,
            None if known && (self.sweep.is_some() || task == Task::Finish) => {
                let changed = self.begin(parts, date, task, now).await?;
                let sweep = sweep(&mut self.sweep, parts, date, report).await?;
                let incidents = sweep.revisit(parts, date, News::Late, now, report).await?;
                self.done(date, incidents);
                self.changed.extend(changed);
            }
            None => {}
        }
        Ok(())
    }

    /// Requests the bill of a day. `None` if no bill is available and the run can continue.
    async fn ask(
        &mut self,
        parts: &Parts,
        date: Date,
        task: Task,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Option<DayLedger>, RunError> {
        let age = u64::try_from((self.newest - date).get_days()).unwrap_or(0);
        match fetch(parts, date, now, report).await {
            Ok(ledger) => {
                self.failures = 0;
                let Some(short) = completeness::short(parts, &ledger, age).await? else { return Ok(Some(ledger)) };
                short.report(report);
                self.held.push(Held::Short(short));
                Ok(None)
            }
            Err(error) if error.is_missing_day() => {
                report.count("missing_days", 1);
                // The provider has no bill for an old day. The record suffices: a nightly problem would be noise.
                if task == Task::Missing && age > u64::from(parts.config.restate_days) {
                    report.count("days_without_bill", 1);
                } else {
                    report.problem(error.to_string());
                }
                if task == Task::Newest && completeness::is_due(parts, date, now) {
                    let late = Held::Late { date };
                    late.report(report);
                    self.held.push(late);
                }
                if parts.mode == Mode::Write && task != Task::Restate {
                    let record = run::start(parts, "daily", &run::days(date, date), now).await?;
                    let mut of_day = Report::new("daily", run::days(date, date));
                    of_day.count(plan::NO_BILL, age);
                    of_day.problem(error.to_string());
                    run::finish(parts, record, &of_day, &Ok(()), now).await?;
                }
                Ok(None)
            }
            // Without the newest bill, the run fails. An older day can wait for the next run.
            Err(error) if task == Task::Newest => Err(error),
            Err(error) => {
                self.failures += 1;
                report.count("missing_days", 1);
                report.problem(error.to_string());
                if self.failures == TOO_MANY_FAILURES {
                    report.problem("no more earlier days are asked for in this run; the next run asks for them again");
                }
                Ok(None)
            }
        }
    }

    async fn finish(
        &mut self,
        parts: &Parts,
        ledger: &DayLedger,
        task: Task,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let date = ledger.date;
        // The record precedes the first write: the next run completes a killed run.
        let mut record = run::start(parts, "daily", &run::days(date, date), now).await?;
        record.total = Some(ledger.total_text());
        match task {
            Task::Newest => report.total.clone_from(&record.total),
            Task::Missing => report.count("closed_gap_days", 1),
            _ => report.count("restated_days", u64::from(is_changed(parts, ledger).await?)),
        }
        self.changed.push((date, record));
        let news = if task == Task::Newest { News::Live } else { News::Late };
        let sweep = sweep(&mut self.sweep, parts, date, report).await?;
        let incidents = sweep.finish(parts, ledger, news, now, report).await?;
        self.done(date, incidents);
        Ok(())
    }

    /// Records the start of a day that an earlier run did not complete.
    async fn begin(
        &self,
        parts: &Parts,
        date: Date,
        task: Task,
        now: Timestamp,
    ) -> Result<Option<(Date, RunRecord)>, RunError> {
        match task {
            Task::Finish => Ok(Some((date, run::start(parts, "daily", &run::days(date, date), now).await?))),
            _ => Ok(None),
        }
    }

    fn done(&mut self, date: Date, incidents: Vec<Incident>) {
        self.incidents.extend(incidents.into_iter().map(|incident| (incident.id.clone(), incident)));
        self.last_done = Some(date);
    }
}

/// Whether the bill differs from the ledger before the run.
async fn is_changed(parts: &Parts, ledger: &DayLedger) -> Result<bool, RunError> {
    Ok(!parts.store.has_day(ledger).await?)
}

/// Opens the ledger from the first changed day on, at the first call.
async fn sweep<'s>(
    sweep: &'s mut Option<Days>,
    parts: &Parts,
    first: Date,
    report: &mut Report,
) -> Result<&'s mut Days, RunError> {
    if sweep.is_none() {
        *sweep = Some(Days::open(parts, first, report).await?);
    }
    Ok(sweep.as_mut().expect("it was opened just now"))
}
