//! The daily job: finished days are fetched, judged and told, and everything is learned anew.
//!
//! A run over days that somebody named is [`named`]'s. Any other closes gaps, does yesterday, and asks for the bills of
//! the days before it again: where one was corrected, that day and all after it are judged anew.

mod named;

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;

use self::named::Named;
use super::days::Days;
use super::feed::{Held, Kind};
use super::plan::{self, Plan, Task};
use super::report::Report;
use super::{Again, JobError, Mode, Parts, feed, gap, intake, run, tell};
use crate::episode::{Episode, News};
use crate::ledger::DayLedger;
use crate::step::Step;
use crate::store::{DateRange, JobRun};

/// Days in a row that could not be had, after which no more old ones are asked for.
const TOO_MANY_FAILURES: usize = 2;

/// Which days.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Daily {
    /// The newest day that there should be, what is missing before it, and corrections.
    Through(Date),
    /// These, and later ones of the ledger that look back to what has changed.
    These { from: Date, to: Date },
}

/// Does the daily job. What goes wrong is in the report.
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

async fn fetch(parts: &Parts, date: Date, now: Timestamp, report: &mut Report) -> Result<DayLedger, JobError> {
    let started = Instant::now();
    let taken = intake::take(parts, date, None, now).await?;
    report.took("fetch", started);
    intake::sum(&taken, report)
}

/// A run over days that it chooses itself.
struct Planned {
    newest: Date,
    /// Whether the ledger had it, or a later one, before.
    newest_known: bool,
    /// From the first day that has changed on.
    sweep: Option<Days>,
    /// The days that have changed. They are on record as done once all that follows from them is.
    changed: Vec<(Date, JobRun)>,
    /// What is to be told at the end, by id.
    episodes: BTreeMap<String, Episode>,
    last_done: Option<Date>,
    /// Days in a row that could not be had.
    failures: usize,
    /// What was not taken for the whole.
    held: Vec<Held>,
}

impl Planned {
    fn of(newest: Date) -> Self {
        let (changed, episodes, held) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { newest, newest_known: false, sweep: None, changed, episodes, last_done: None, failures: 0, held }
    }

    async fn run(mut self, parts: &mut Parts, now: Timestamp, report: &mut Report) -> Result<(), JobError> {
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
    ) -> Result<(), JobError> {
        for (date, task) in days {
            self.day(parts, date, task, now, report).await?;
        }
        feed::tell(parts, &self.held, &[Kind::Late, Kind::Short], now, report).await?;
        let started = Instant::now();
        let episodes = std::mem::take(&mut self.episodes).into_values().collect();
        tell::episodes(parts, episodes, now, report).await?;
        for (date, record) in &mut self.changed {
            record.step = parts.course.step();
            tell::total(parts, *date, record, now, report).await?;
        }
        report.took("tell", started);
        parts.reach(Step::Told, now).await?;
        if let (Some(sweep), Some(last)) = (self.sweep.take(), self.last_done) {
            sweep.learn(parts, last, now, report).await?;
            parts.reach(Step::Learned, now).await?;
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
    ) -> Result<(), JobError> {
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
            Some(ledger) if task == Task::Restate && self.sweep.is_none() && !is_changed(parts, &ledger).await? => {
                report.count("unchanged_days", 1);
            }
            Some(ledger) => self.finish(parts, &ledger, task, now, report).await?,
            None if known && (self.sweep.is_some() || task == Task::Finish) => {
                let changed = self.begin(parts, date, task, now).await?;
                let sweep = sweep(&mut self.sweep, parts, date, report).await?;
                let episodes = sweep.revisit(parts, date, News::Late, now, report).await?;
                self.done(date, episodes);
                self.changed.extend(changed);
            }
            None => {}
        }
        Ok(())
    }

    /// Asks for the bill of a day; none where it cannot be had and that is no reason to stop.
    async fn ask(
        &mut self,
        parts: &Parts,
        date: Date,
        task: Task,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Option<DayLedger>, JobError> {
        let age = u64::try_from((self.newest - date).get_days()).unwrap_or(0);
        match fetch(parts, date, now, report).await {
            Ok(ledger) => {
                self.failures = 0;
                let Some(short) = feed::short(parts, &ledger, age).await? else { return Ok(Some(ledger)) };
                short.report(report);
                self.held.push(Held::Short(short));
                Ok(None)
            }
            Err(error) if error.is_missing_day() => {
                report.count("missing_days", 1);
                // Where it is old, the provider has none: it is on record, and no news every night.
                if task == Task::Missing && age > u64::from(parts.config.restate_days) {
                    report.count("days_without_bill", 1);
                } else {
                    report.problem(error.to_string());
                }
                if task == Task::Newest && feed::is_due(parts, date, now) {
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
    ) -> Result<(), JobError> {
        let date = ledger.date;
        // On record as begun before anything is written: a run that is killed here is made good by the next.
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
        let episodes = sweep.finish(parts, ledger, news, now, report).await?;
        self.done(date, episodes);
        Ok(())
    }

    /// Puts a day on record as begun that an earlier run did not finish.
    async fn begin(
        &self,
        parts: &Parts,
        date: Date,
        task: Task,
        now: Timestamp,
    ) -> Result<Option<(Date, JobRun)>, JobError> {
        match task {
            Task::Finish => Ok(Some((date, run::start(parts, "daily", &run::days(date, date), now).await?))),
            _ => Ok(None),
        }
    }

    fn done(&mut self, date: Date, episodes: Vec<Episode>) {
        self.episodes.extend(episodes.into_iter().map(|episode| (episode.id.clone(), episode)));
        self.last_done = Some(date);
    }
}

/// Whether the bill of a day is another than the ledger had before this run.
async fn is_changed(parts: &Parts, ledger: &DayLedger) -> Result<bool, JobError> {
    Ok(!parts.store.holds_day(ledger).await?)
}

/// The days from the first that has changed on.
async fn sweep<'s>(
    sweep: &'s mut Option<Days>,
    parts: &Parts,
    first: Date,
    report: &mut Report,
) -> Result<&'s mut Days, JobError> {
    if sweep.is_none() {
        *sweep = Some(Days::open(parts, first, report).await?);
    }
    Ok(sweep.as_mut().expect("it was opened just now"))
}
