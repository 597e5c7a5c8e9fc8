//! The rebuilding: an empty database out of the archive alone.
//!
//! Every document of the archive, predecessors too, is an event of the moment at which it was fetched. Done again in that
//! order, each with that moment for its time, they lead through the same days and hours, judged by what was known then,
//! to the same documents. People hear of nothing.

use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use jiff::civil::Date;

use super::days::Days;
use super::hourly;
use super::report::Report;
use super::{Again, JobError, Mode, Parts, intake, run};
use crate::archive::{ArchiveError, Key};
use crate::episode::News;
use crate::series::day_start;
use crate::store::{DateRange, OF_RUNS};

/// Documents that are read at the same time.
const AT_A_TIME: usize = 8;

/// One document of the archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Timestamp,
    key: Key,
}

/// Rebuilds the database; `done` is called with how many documents are done, and of how many. What goes wrong is in the
/// report.
pub(crate) async fn rebuild(parts: &mut Parts, now: Timestamp, done: &dyn Fn(u64, u64)) -> Report {
    let mut report = Report::new("rebuild", "archive".to_owned());
    let work = async |parts: &mut Parts, report: &mut Report| whole_archive(parts, now, done, report).await;
    run::in_turn(parts, &mut report, Again::Redo, now, work).await;
    report
}

async fn whole_archive(
    parts: &mut Parts,
    now: Timestamp,
    done: &dyn Fn(u64, u64),
    report: &mut Report,
) -> Result<(), JobError> {
    let mut filled = parts.store.filled().await?;
    // That runs were tried, and that they failed, says nothing of any bill.
    filled.retain(|collection| !OF_RUNS.contains(collection));
    if !filled.is_empty() {
        return Err(JobError::NotEmpty { collections: filled.join(", ") });
    }
    run::open(parts, report);
    intake::drain_spool(parts, now, report).await;
    let record = run::start(parts, "rebuild", &report.period, now).await?;
    let result = every_event(parts, done, report).await;
    if parts.mode == Mode::Write {
        run::finish(parts, record, report, &result, now).await?;
    }
    result
}

async fn every_event(parts: &mut Parts, done: &dyn Fn(u64, u64), report: &mut Report) -> Result<(), JobError> {
    let started = Instant::now();
    let events = events(parts, report).await?;
    report.took("list", started);
    let Some(last) = events.last().map(|event| event.at) else {
        return Err(JobError::NothingArchived { place: parts.archive.place() });
    };
    let all = events.len() as u64;
    // The days that are done and not learned yet, with the last of them.
    let mut open: Option<(Days, Date)> = None;
    for (event, number) in events.into_iter().zip(1..) {
        let Event { at, key } = event;
        if key.hour.is_some()
            && let Some((days, through)) = open.take()
        {
            // Before the hour, as the daily run had done.
            days.learn(parts, through, at, report).await?;
        }
        let taken = match parts.archive.document(&key, at).await {
            Ok(Some(document)) => intake::Intake::archived(document),
            Ok(None) => continue,
            Err(error @ ArchiveError::Malformed { .. }) => {
                report.count("unreadable", 1);
                report.problem(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let ledger = match intake::sum(&taken, report) {
            Ok(ledger) => ledger,
            Err(error @ JobError::Unusable { .. }) => {
                report.problem(error.to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        drop(taken);
        match key.hour {
            Some(hour) => {
                hourly::judge_hour(parts, (key.date, hour), &ledger, News::Past, at, report).await?;
                report.count("hours", 1);
            }
            None => {
                let mut days = match open.take() {
                    Some((days, before)) if before < key.date => days,
                    _ => Days::open(parts, key.date, report).await?,
                };
                days.finish(parts, &ledger, News::Past, at, report).await?;
                // A correction: what came after it is judged anew.
                let later = DateRange { from: key.date.tomorrow().unwrap_or(key.date), to: Date::MAX };
                let mut through = key.date;
                for date in parts.store.days(later).await?.into_iter().filter(|date| *date > key.date) {
                    days.revisit(parts, date, News::Past, at, report).await?;
                    through = date;
                }
                open = Some((days, through));
                report.count("days", 1);
            }
        }
        done(number, all);
    }
    if let Some((days, through)) = open {
        days.learn(parts, through, last, report).await?;
    }
    run::close(parts, report);
    Ok(())
}

/// Every document of ours, in the order in which they were fetched. One that does not say when that was counts as fetched
/// when what it holds was over.
async fn events(parts: &Parts, report: &mut Report) -> Result<Vec<Event>, JobError> {
    let listing = parts.archive.list().await?;
    report.count("foreign_keys", listing.foreign);
    let moments = listing.documents.into_iter().map(async |(key, bytes)| {
        let at = match parts.archive.fetched_at(&key, bytes).await {
            Ok(at) => at,
            // It is told when it is read.
            Err(ArchiveError::Malformed { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Event { at: at.unwrap_or_else(|| over(parts, &key)), key })
    });
    let mut moments = stream::iter(moments).buffered(AT_A_TIME);
    let mut events = Vec::new();
    while let Some(event) = moments.next().await {
        events.push(event?);
    }
    events.sort_unstable();
    Ok(events)
}

/// When a day, or an hour of one, was over.
fn over(parts: &Parts, key: &Key) -> Timestamp {
    let zone = &parts.config.zone;
    let seconds = match key.hour {
        None => day_start(key.date.tomorrow().unwrap_or(key.date), zone).0,
        Some(hour) => day_start(key.date, zone).0 + (i64::from(hour) + 1) * 3_600 - 1,
    };
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
