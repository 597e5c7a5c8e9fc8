//! The backfill: loads a span of past days. Several days are fetched at a time and evaluated in order.
//!
//! An interrupted backfill is resumed. Nobody is notified of history, except on request.

use std::time::Instant;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::days::Days;
use super::report::Report;
use super::{Again, Mode, Parts, RunError, intake, run, tell};
use model::count::{counted, one_or};
use model::incident::News;
use model::series::hours::days_through;
use store::RunRecord;
use store::checkpoint::Checkpoint;

/// Number of concurrent fetches.
const AT_A_TIME: usize = 8;

/// The span of days, and the notification mode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backfill {
    pub(crate) from: Date,
    pub(crate) to: Date,
    /// Whether the end is open. A resumed backfill keeps the end day of the first run, even on a later date.
    pub(crate) open_ended: bool,
    pub(crate) alert: bool,
}

/// Runs the backfill. Calls `done` for each finished day. The report contains the failures.
pub(crate) async fn backfill(parts: &mut Parts, span: Backfill, now: Timestamp, done: &dyn Fn(Date)) -> Report {
    let period = if span.open_ended { run::since(span.from) } else { run::days(span.from, span.to) };
    let mut report = Report::new("backfill", period);
    let work = async |parts: &mut Parts, report: &mut Report| whole_span(parts, span, now, done, report).await;
    run::in_turn(parts, &mut report, Again::Redo, now, work).await;
    report
}

async fn whole_span(
    parts: &mut Parts,
    span: Backfill,
    now: Timestamp,
    done: &dyn Fn(Date),
    report: &mut Report,
) -> Result<(), RunError> {
    let Backfill { from, to, .. } = span;
    if days_through(from, to, &parts.config.zone).next().is_none() {
        return Err(parts.no_days(from, to));
    }
    run::open(parts, report);
    intake::drain_spool(parts, now, report).await;
    let mut record = run::start(parts, "backfill", &report.period, now).await?;
    let result = async {
        let to = if span.open_ended { end(parts, to, &mut record, now).await? } else { to };
        report.period = run::days(from, to);
        days(parts, Backfill { to, ..span }, now, done, &mut record, report).await
    }
    .await;
    if parts.mode == Mode::Write {
        run::finish(parts, record, report, &result, now).await?;
    }
    result
}

/// The last day of an open-ended backfill: the recorded day if the backfill is resumed, else `newest`.
async fn end(parts: &Parts, newest: Date, record: &mut RunRecord, now: Timestamp) -> Result<Date, RunError> {
    let until = record.until.unwrap_or(newest);
    record.until = Some(until);
    if parts.mode == Mode::Write {
        parts.store.put_run(record, now).await?;
    }
    Ok(until)
}

async fn days(
    parts: &mut Parts,
    span: Backfill,
    now: Timestamp,
    done: &dyn Fn(Date),
    record: &mut RunRecord,
    report: &mut Report,
) -> Result<(), RunError> {
    let Backfill { from, to, alert, .. } = span;
    let news = if alert { News::Live } else { News::Past };
    let through = record.through;
    let first = match through {
        Some(through) => {
            report.count("resumed_after_days", (through - from).get_days() as u64 + 1);
            for day in from.series(1.day()).take_while(|day| *day <= through) {
                done(day);
            }
            through.checked_add(1.day()).unwrap_or(through)
        }
        None => from,
    };
    let mut finished = Days::open(parts, first, report).await?;
    let mut newest = through;
    let mut missing = Vec::new();
    let dates: Vec<Date> = days_through(first, to, &parts.config.zone).collect();
    for chunk in dates.chunks(AT_A_TIME) {
        let started = Instant::now();
        let shared: &Parts = parts;
        let fetches = chunk.iter().map(|date| intake::take(shared, *date, None, now));
        let taken: Vec<_> = futures_util::stream::iter(fetches).buffered(AT_A_TIME).collect().await;
        report.took("fetch", started);
        // The slow fetches need no write lease.
        run::take_turn(parts).await?;
        for (date, taken) in chunk.iter().zip(taken) {
            match taken {
                Ok(taken) => {
                    let ledger = intake::sum(&taken, report)?;
                    let incidents = finished.finish(parts, &ledger, news, now, report).await?;
                    if news == News::Live {
                        tell::incidents(parts, incidents, now, report).await?;
                    }
                    parts.checkpoint(Checkpoint::Notified, now).await?;
                    newest = Some(*date);
                }
                Err(error) if error.is_missing_day() => missing.push(*date),
                Err(error) => return Err(error),
            }
            done(*date);
        }
        record.through = chunk.last().copied();
        record.checkpoint = Checkpoint::Notified;
        if parts.mode == Mode::Write {
            parts.store.put_run(record, now).await?;
        }
        // Waiting runs write between chunks, for example an hourly run.
        run::give_turn(parts).await;
    }
    match newest {
        Some(newest) => {
            run::take_turn(parts).await?;
            finished.learn(parts, newest, now, report).await?;
            parts.checkpoint(Checkpoint::Trained, now).await?;
        }
        None => return Err(RunError::Empty { date: to }),
    }
    report.count("days", dates.len() as u64 - missing.len() as u64);
    if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
        let count = missing.len() as u64;
        report.count("missing_days", count);
        let (days, have) = (counted(count, "day"), one_or(count, "has", "have"));
        let they_count = one_or(count, "it counts", "they count");
        report.problem(format!("{days} {have} no bill, the first {first}, the last {last}; {they_count} as not known"));
    }
    if dates.is_empty() {
        // The interrupted run had evaluated every day: a run without verdicts is no problem here.
        run::asked(parts, report);
    } else {
        run::close(parts, report);
    }
    Ok(())
}
