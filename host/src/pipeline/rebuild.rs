//! Rebuild of an empty database from the archive alone.
//!
//! Every archived document, including replaced versions, is an event at the fetch time. The events are replayed in
//! fetch order, with the fetch time as the current time. The evaluation therefore has the same knowledge as the
//! original runs and leads to the same documents. A withheld day waits as long as before. Nobody is notified.
//!
//! The progress is recorded after each document, and an interrupted rebuild is resumed. Until the end, no other job
//! writes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use jiff::civil::Date;

use super::days::Days;
use super::report::Report;
use super::{Again, Mode, Parts, RunError, completeness, hourly, intake, run};
use ingest::archive::{ArchiveError, Key};
use model::incident::News;
use model::ledger::DayLedger;
use model::series::day_start;
use model::series::hours::{Hours, day_before};
use store::checkpoint::Checkpoint;
use store::{DateRange, RUN_COLLECTIONS, RunRecord};

/// Number of concurrent reads of documents.
const AT_A_TIME: usize = 8;

/// A document of the archive with the fetch time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Timestamp,
    key: Key,
}

/// Rebuilds the database. Calls `done` with the number of completed documents and the total. The report contains the
/// failures.
pub(crate) async fn rebuild(parts: &mut Parts, now: Timestamp, done: &dyn Fn(u64, u64)) -> Report {
    let mut report = Report::new("rebuild", run::REBUILT.to_owned());
    let work = async |parts: &mut Parts, report: &mut Report| whole_archive(parts, now, done, report).await;
    run::in_turn(parts, &mut report, Again::Redo, now, work).await;
    report
}

async fn whole_archive(
    parts: &mut Parts,
    now: Timestamp,
    done: &dyn Fn(u64, u64),
    report: &mut Report,
) -> Result<(), RunError> {
    let mut filled = parts.store.nonempty_collections().await?;
    // Run records and failure counts say nothing about a bill.
    filled.retain(|collection| !RUN_COLLECTIONS.contains(collection));
    let earlier = parts.store.run(report.job, &report.period).await?;
    if !filled.is_empty() && !earlier.is_some_and(|run| run::is_half_built(&run)) {
        return Err(RunError::NotEmpty { collections: filled.join(", ") });
    }
    run::open(parts, report);
    intake::drain_spool(parts, now, report).await;
    let mut record = run::start(parts, "rebuild", &report.period, now).await?;
    if filled.is_empty() {
        record.replayed_through = None;
    }
    let result = every_event(parts, &mut record, done, now, report).await;
    if parts.mode == Mode::Write {
        run::finish(parts, record, report, &result, now).await?;
    }
    result
}

async fn every_event(
    parts: &mut Parts,
    record: &mut RunRecord,
    done: &dyn Fn(u64, u64),
    now: Timestamp,
    report: &mut Report,
) -> Result<(), RunError> {
    let started = Instant::now();
    let events = events(parts, report).await?;
    report.took("list", started);
    let Some(last) = events.last().map(|event| event.at) else {
        return Err(RunError::NothingArchived { place: parts.archive.place() });
    };
    let reached = record.replayed_through.as_deref().and_then(Event::parse);
    let first = reached.map_or(0, |reached| events.partition_point(|event| *event <= reached));
    let mut rebuilding = Rebuilding::after(parts, &events[..first], report).await?;
    if first > 0 {
        report.count("resumed_after_documents", first as u64);
        done(first as u64, events.len() as u64);
    }
    // Marks the database as partly rebuilt before the first write.
    record.replayed_through.get_or_insert_default();
    parts.store.put_run(record, now).await?;
    for (event, number) in events[first..].iter().zip(first as u64 + 1..) {
        rebuilding.event(parts, event, report).await?;
        parts.checkpoint(Checkpoint::Notified, event.at).await?;
        record.replayed_through = Some(event.to_string());
        parts.store.put_run(record, now).await?;
        done(number, events.len() as u64);
    }
    rebuilding.learn(parts, last, report).await?;
    rebuilding.report_held(parts, last, report).await?;
    run::close(parts, report);
    Ok(())
}

/// State between events.
struct Rebuilding {
    /// The completed but untrained days, with the last day.
    open: Option<(Days, Date)>,
    /// Withheld days with the newest document. The document is accepted after the wait for a restatement.
    held: BTreeMap<Date, Key>,
}

impl Rebuilding {
    /// Restores the state after the `done` events.
    async fn after(parts: &Parts, done: &[Event], report: &mut Report) -> Result<Self, RunError> {
        let mut rebuilding = Self { open: None, held: BTreeMap::new() };
        let Some(last) = done.last() else { return Ok(rebuilding) };
        let known = parts.store.days(DateRange { from: Date::MIN, to: Date::MAX }).await?;
        for event in done.iter().filter(|event| event.key.hour.is_none()) {
            if known.binary_search(&event.key.date).is_err() {
                rebuilding.held.insert(event.key.date, event.key.clone());
            }
        }
        // Training precedes every hourly document. After a daily document, the training is outstanding.
        if let (None, Some(newest)) = (last.key.hour, known.last()) {
            rebuilding.open = Some((Days::open(parts, newest.tomorrow().unwrap_or(*newest), report).await?, *newest));
        }
        Ok(rebuilding)
    }

    async fn event(&mut self, parts: &Parts, Event { at, key }: &Event, report: &mut Report) -> Result<(), RunError> {
        if key.hour.is_some() {
            // The daily job trained before the hour.
            self.learn(parts, *at, report).await?;
        } else {
            self.take_held(parts, *at, report).await?;
        }
        let Some(ledger) = read(parts, key, *at, report).await? else { return Ok(()) };
        match key.hour {
            Some(hour) => {
                hourly::judge_hour(parts, (key.date, hour), &ledger, News::Past, *at, report).await?;
                report.count("hours", 1);
            }
            None if completeness::short(parts, &ledger, age(parts, key.date, *at)).await?.is_some() => {
                self.held.insert(key.date, key.clone());
            }
            None => self.day(parts, &ledger, *at, report).await?,
        }
        Ok(())
    }

    /// Completes a day and evaluates all later days again, because the day is restated or late.
    async fn day(
        &mut self,
        parts: &Parts,
        ledger: &DayLedger,
        at: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let date = ledger.date;
        self.held.remove(&date);
        let mut days = match self.open.take() {
            // A newer day continues the open days. A restated or late day starts again.
            Some((days, before)) if before < date => days,
            _ => Days::open(parts, date, report).await?,
        };
        days.finish(parts, ledger, News::Past, at, report).await?;
        let later = DateRange { from: date.tomorrow().unwrap_or(date), to: Date::MAX };
        let mut through = date;
        for later in parts.store.days(later).await?.into_iter().filter(|later| *later > date) {
            days.revisit(parts, later, News::Past, at, report).await?;
            through = later;
        }
        self.open = Some((days, through));
        report.count("days", 1);
        Ok(())
    }

    /// Accepts withheld days after the wait for a restatement, like the daily job.
    async fn take_held(&mut self, parts: &Parts, at: Timestamp, report: &mut Report) -> Result<(), RunError> {
        let restate = u64::from(parts.config.restate_days);
        let due = self.held.iter().filter(|(date, _)| age(parts, **date, at) >= restate);
        for key in due.map(|(_, key)| key.clone()).collect::<Vec<_>>() {
            match read(parts, &key, at, report).await? {
                Some(ledger) => self.day(parts, &ledger, at, report).await?,
                None => drop(self.held.remove(&key.date)),
            }
        }
        Ok(())
    }

    async fn learn(&mut self, parts: &Parts, at: Timestamp, report: &mut Report) -> Result<(), RunError> {
        match self.open.take() {
            Some((days, through)) => days.learn(parts, through, at, report).await,
            None => Ok(()),
        }
    }

    /// Reports the days still withheld at the end.
    async fn report_held(&self, parts: &Parts, at: Timestamp, report: &mut Report) -> Result<(), RunError> {
        for key in self.held.values() {
            let Some(ledger) = read(parts, key, at, report).await? else { continue };
            if let Some(short) = completeness::short(parts, &ledger, age(parts, key.date, at)).await? {
                short.report(report);
            }
        }
        Ok(())
    }
}

/// Age of a day at a moment, in days before the newest finished day.
fn age(parts: &Parts, date: Date, at: Timestamp) -> u64 {
    let newest = day_before(parts.billing_time(at).0, &parts.config.zone);
    u64::try_from((newest - date).get_days()).unwrap_or(0)
}

/// Reads and sums a document. `None`, with a report, for an unusable document.
async fn read(parts: &Parts, key: &Key, at: Timestamp, report: &mut Report) -> Result<Option<DayLedger>, RunError> {
    let taken = match parts.archive.document(key, at).await {
        Ok(Some(document)) => intake::Intake::archived(document),
        Ok(None) => return Ok(None),
        Err(error @ ArchiveError::Malformed { .. }) => {
            report.count("unreadable", 1);
            report.problem(error.to_string());
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    match intake::sum(&taken, report) {
        Ok(ledger) => Ok(Some(ledger)),
        Err(error @ RunError::Unusable { .. }) => {
            report.problem(error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Event {
    fn parse(text: &str) -> Option<Self> {
        let (at, key) = text.split_once(' ')?;
        Some(Self { at: at.parse().ok()?, key: Key::parse(key)? })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.key)
    }
}

/// Lists all costwarden documents in fetch order. A document without a fetch time counts as fetched at the end of the
/// day or hour.
async fn events(parts: &Parts, report: &mut Report) -> Result<Vec<Event>, RunError> {
    let listing = parts.archive.list().await?;
    report.count("foreign_keys", listing.foreign);
    let moments = listing.documents.into_iter().map(async |(key, bytes)| {
        let at = match parts.archive.fetched_at(&key, bytes).await {
            Ok(at) => at,
            // `read` reports the malformed document.
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

/// The end of the day or hour of a document.
fn over(parts: &Parts, key: &Key) -> Timestamp {
    let zone = &parts.config.zone;
    let seconds = match key.hour {
        None => day_start(key.date.tomorrow().unwrap_or(key.date), zone).0,
        Some(hour) => {
            day_start(key.date, zone).0 + Hours::of(key.date, zone).map_or(0, |hours| hours.seconds(hour)) - 1
        }
    };
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
