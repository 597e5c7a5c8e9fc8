//! The daily job: finished days are fetched, judged and told, and everything is learned anew.

use std::time::Instant;

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::days::{Alert, Days};
use super::report::Report;
use super::{Again, JobError, Mode, Parts, intake, run, tell};
use crate::step::Step;

/// Which days.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Daily {
    pub(crate) from: Date,
    pub(crate) to: Date,
    pub(crate) again: Again,
}

/// Does the daily job. What goes wrong is in the report.
pub(crate) async fn daily(parts: &mut Parts, days: Daily, now: Timestamp) -> Report {
    let Daily { from, to, again } = days;
    let mut report = Report::new("daily", run::days(from, to));
    let work = async |parts: &mut Parts, report: &mut Report| every_day(parts, days, now, report).await;
    run::in_turn(parts, &mut report, again, now, work).await;
    report
}

async fn every_day(parts: &mut Parts, days: Daily, now: Timestamp, report: &mut Report) -> Result<(), JobError> {
    let Daily { from, to, .. } = days;
    if from > to {
        return Err(JobError::NoDays { from, to });
    }
    run::open(parts, report);
    intake::drain_spool(parts, now, report).await;
    tell::totals_left_behind(parts, from, now, report).await?;
    let mut finished = Days::open(parts, from, report).await?;
    let mut newest = None;
    let mut first_error = None;
    for date in from.series(1.day()).take_while(|date| *date <= to) {
        match one_day(parts, &mut finished, date, now, report).await {
            Ok(()) => newest = Some(date),
            Err(error) if from < to => {
                report.count("missing_days", 1);
                report.problem(error.to_string());
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match (newest, first_error) {
        (Some(newest), _) => {
            finished.learn(parts, newest, now, report).await?;
            parts.reach(Step::Learned, now).await?;
        }
        (None, Some(error)) => return Err(error),
        (None, None) => {}
    }
    run::close(parts, report);
    Ok(())
}

async fn one_day(
    parts: &mut Parts,
    finished: &mut Days,
    date: Date,
    now: Timestamp,
    report: &mut Report,
) -> Result<(), JobError> {
    let mut record = run::start(parts, "daily", &run::days(date, date), now).await?;
    let result = async {
        let started = Instant::now();
        let taken = intake::take(parts, date, None, now).await?;
        report.took("fetch", started);
        let ledger = intake::sum(&taken, report)?;
        drop(taken);
        let episodes = finished.finish(parts, &ledger, Alert::Tell, now, report).await?;
        let started = Instant::now();
        tell::episodes(parts, episodes, now, report).await?;
        record.total = Some(ledger.total_text());
        report.total.clone_from(&record.total);
        tell::total(parts, date, &mut record, now, report);
        if parts.mode == Mode::Write {
            // Right after it was told, as with incidents.
            record.step = parts.course.step();
            parts.store.put_run(&record, now).await?;
        }
        report.took("tell", started);
        parts.reach(Step::Told, now).await
    }
    .await;
    if parts.mode == Mode::Write {
        run::finish(parts, record, report, &result, now).await?;
    }
    result
}
