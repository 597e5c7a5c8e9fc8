//! Rebuild of an empty database from the archive alone.
//!
//! Every archived document, including replaced versions, is an event at the fetch time. The events are replayed in
//! fetch order, with the fetch time as the current time. The evaluation therefore has the same knowledge as the
//! original runs and leads to the same documents. A withheld day waits as long as before. Archived history entries, silences
//! and planned events of people are applied at their time. Nobody is notified.
//!
//! The progress is recorded after each document, and an interrupted rebuild is resumed. Until the end, no other job
//! writes.

mod event;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use ingest::archive::{ArchiveError, ArchivedEntry, ArchivedPlans, DocumentKey};
use jiff::Timestamp;
use jiff::civil::Date;
use model::incident::Recency;
use model::ledger::DayLedger;
use model::moment::BillingHour;
use model::planned_event::PlannedEvent;
use model::series::hours::day_before;
use model::silence::Silence;
use store::checkpoint::Checkpoint;
use store::{COLLECTIONS_WITHOUT_BILLS, DateRange, RunRecord};

use self::event::{ArchiveEvent, list_events};
use super::run_job;
use crate::pipeline::evaluate::{EvaluatedHour, FinishedDays};
use crate::pipeline::ingest::{FEW_SERIES_DAYS, FetchedDocument};
use crate::pipeline::run::{
    Count, REBUILD, REBUILD_PERIOD, Remark, Repeat, Report, Run, RunError, Services, Stage, is_partly_rebuilt,
};

/// Rebuilds the database. Calls `on_document` with the number of completed documents and the total. The report contains
/// the failures.
pub(crate) async fn rebuild(services: &mut Services, now: Timestamp, on_document: &dyn Fn(u64, u64)) -> Report {
    let run = Run::new(services, Report::new(REBUILD, REBUILD_PERIOD.to_owned()), now);
    run_job(run, Repeat::Redo, async |run: &mut Run<'_>| process(run, on_document).await).await
}

async fn process(run: &mut Run<'_>, on_document: &dyn Fn(u64, u64)) -> Result<(), RunError> {
    let mut collections = run.services.store.nonempty_collections().await?;
    // Run records and failure counts say nothing about a bill.
    collections.retain(|collection| !COLLECTIONS_WITHOUT_BILLS.contains(collection));
    let earlier = run.services.store.run(REBUILD, REBUILD_PERIOD).await?;
    if !collections.is_empty() && !earlier.is_some_and(|record| is_partly_rebuilt(&record)) {
        return Err(RunError::DatabaseNotEmpty { collections: collections.join(", ") });
    }
    run.report_rules();
    run.drain_spool().await;
    let mut record = run.start_record(REBUILD, REBUILD_PERIOD).await?;
    if collections.is_empty() {
        record.replayed_through = None;
    }
    let now = run.now;
    let result = rebuild_run(run, &mut record, on_document).await;
    run.now = now;
    run.finish_record(record, &run.report, &result).await?;
    result
}

async fn rebuild_run(
    run: &mut Run<'_>,
    record: &mut RunRecord,
    on_document: &dyn Fn(u64, u64),
) -> Result<(), RunError> {
    let started = Instant::now();
    let events = list_events(run).await?;
    run.report.add_time_since(Stage::ListArchive, started);
    let Some(last) = events.last().map(|event| event.fetched_at) else {
        return Err(RunError::EmptyArchive { place: run.services.archive.location() });
    };
    let total = events.len() as u64;
    let reached = record.replayed_through.as_deref().and_then(ArchiveEvent::parse);
    let first = reached.map_or(0, |reached| events.partition_point(|event| *event <= reached));
    let history = run.services.archive.history().await?;
    let ArchivedPlans { silences, events: planned_events } = run.services.archive.plans().await?;
    let last_day = run.services.billing_hour(last).date;
    let mut rebuild_run = RebuildRun::resume(run, &events[..first]).await?;
    rebuild_run.history = history.into();
    rebuild_run.silences = silences.into();
    rebuild_run.planned_events = planned_events.into();
    rebuild_run.last_day = last_day;
    if first > 0 {
        rebuild_run.run.report.add(Count::ResumedAfterDocuments, first as u64);
        on_document(first as u64, total);
    }
    // Marks the database as partly rebuilt before the first write.
    record.replayed_through.get_or_insert_default();
    let now = rebuild_run.run.now;
    rebuild_run.run.services.store.put_run(record, now).await?;
    for (event, number) in events[first..].iter().zip(first as u64 + 1..) {
        rebuild_run.restore_history(event.fetched_at).await?;
        rebuild_run.run.now = event.fetched_at;
        rebuild_run.add_event(event).await?;
        rebuild_run.run.checkpoint(Checkpoint::Notified).await?;
        record.replayed_through = Some(event.to_string());
        rebuild_run.run.services.store.put_run(record, now).await?;
        on_document(number, total);
    }
    rebuild_run.run.now = last;
    rebuild_run.restore_history(Timestamp::MAX).await?;
    rebuild_run.train().await?;
    rebuild_run.report_withheld_days().await?;
    rebuild_run.run.complete_report();
    Ok(())
}

/// State between events. The time of the run is the fetch time of the event.
struct RebuildRun<'r, 's> {
    run: &'r mut Run<'s>,
    /// The completed but untrained days.
    untrained: Option<UntrainedDays>,
    /// Withheld days with the newest document. The document is accepted after the wait for a restatement.
    withheld: BTreeMap<Date, DocumentKey>,
    /// The entries of people that are not restored yet, oldest first.
    history: VecDeque<ArchivedEntry>,
    /// The silences that are not stored yet, oldest first.
    silences: VecDeque<Silence>,
    /// The planned events that are not stored yet, oldest first.
    planned_events: VecDeque<PlannedEvent>,
    /// The day of the last document.
    last_day: Date,
}

/// Completed but untrained days.
struct UntrainedDays {
    days: FinishedDays,
    last: Date,
}

impl<'r, 's> RebuildRun<'r, 's> {
    /// Restores the state after the `done` events.
    async fn resume(run: &'r mut Run<'s>, done: &[ArchiveEvent]) -> Result<Self, RunError> {
        let mut rebuild_run = Self {
            run,
            untrained: None,
            withheld: BTreeMap::new(),
            history: VecDeque::new(),
            silences: VecDeque::new(),
            planned_events: VecDeque::new(),
            last_day: Date::MIN,
        };
        let Some(last) = done.last() else { return Ok(rebuild_run) };
        let known = rebuild_run.run.services.store.days(DateRange { from: Date::MIN, to: Date::MAX }).await?;
        for event in done.iter().filter(|event| event.key.hour.is_none()) {
            if known.binary_search(&event.key.date).is_err() {
                rebuild_run.withheld.insert(event.key.date, event.key.clone());
            }
        }
        // Training precedes every hourly document. After a daily document, the training is outstanding.
        if let (None, Some(newest)) = (last.key.hour, known.last()) {
            let days = FinishedDays::open(rebuild_run.run, newest.tomorrow().unwrap_or(*newest)).await?;
            rebuild_run.untrained = Some(UntrainedDays { days, last: *newest });
        }
        Ok(rebuild_run)
    }

    /// Adds the entries of people before a time, and stores the silences and the planned events.
    async fn restore_history(&mut self, before: Timestamp) -> Result<(), RunError> {
        while let Some(silence) = self.silences.pop_front_if(|next| next.created_at < before) {
            self.run.services.store.put_silence(&silence, silence.created_at).await?;
        }
        while let Some(event) = self.planned_events.pop_front_if(|next| next.created_at < before) {
            self.put_planned_event(event).await?;
        }
        while let Some(next) = self.history.pop_front_if(|next| next.entry.at < before) {
            self.run.restore_history_entry(next).await?;
        }
        Ok(())
    }

    /// Stores a planned event. People know the result of an event that has ended, so no later run sends the result again.
    async fn put_planned_event(&mut self, mut event: PlannedEvent) -> Result<(), RunError> {
        let services = &self.run.services;
        if event.plan.to < self.last_day {
            event.delivered = services.receiver_names().map(str::to_owned).collect();
        }
        Ok(services.store.put_planned_event(&event, event.created_at).await?)
    }

    async fn add_event(&mut self, event: &ArchiveEvent) -> Result<(), RunError> {
        let key = &event.key;
        if key.hour.is_some() {
            // The daily job trained before the hour.
            self.train().await?;
        } else {
            self.accept_withheld_days().await?;
        }
        let Some(ledger) = self.read(key).await? else { return Ok(()) };
        match key.hour {
            Some(hour) => {
                let hour = BillingHour { date: key.date, hour };
                EvaluatedHour { hour, ledger: &ledger, recency: Recency::Past }.evaluate(self.run).await?;
                self.run.report.add(Count::Hours, 1);
            }
            None => match self.run.check_day(&ledger, self.age(key.date)).await? {
                Some(problem) => {
                    self.withheld.insert(key.date, key.clone());
                    self.train().await?;
                    self.run.evaluate_withheld_day(&ledger, problem, Recency::Past).await?;
                }
                None => self.add_day(&ledger).await?,
            },
        }
        Ok(())
    }

    /// Completes a day and evaluates all later days again, because the day is restated or late.
    async fn add_day(&mut self, ledger: &DayLedger) -> Result<(), RunError> {
        let date = ledger.date;
        self.withheld.remove(&date);
        let mut days = match self.untrained.take() {
            // A newer day continues the open days. A restated or late day starts again.
            Some(UntrainedDays { days, last }) if last < date => days,
            _ => FinishedDays::open(self.run, date).await?,
        };
        days.add(self.run, ledger, Recency::Past).await?;
        let later = DateRange { from: date.tomorrow().unwrap_or(date), to: Date::MAX };
        let mut last = date;
        let later_days = self.run.services.store.days(later).await?;
        for later in later_days.into_iter().filter(|later| *later > date) {
            days.reevaluate(self.run, later, Recency::Past).await?;
            last = later;
        }
        self.untrained = Some(UntrainedDays { days, last });
        self.run.report.add(Count::Days, 1);
        Ok(())
    }

    /// Accepts withheld days after their wait, like the daily job.
    async fn accept_withheld_days(&mut self) -> Result<(), RunError> {
        let least = FEW_SERIES_DAYS.min(u64::from(self.run.services.config.restate_days));
        let due = self.withheld.iter().filter(|(date, _)| self.age(**date) >= least);
        for key in due.map(|(_, key)| key.clone()).collect::<Vec<_>>() {
            let Some(ledger) = self.read(&key).await? else {
                self.withheld.remove(&key.date);
                continue;
            };
            if self.run.check_day(&ledger, self.age(key.date)).await?.is_none() {
                self.add_day(&ledger).await?;
            }
        }
        Ok(())
    }

    async fn train(&mut self) -> Result<(), RunError> {
        match self.untrained.take() {
            Some(UntrainedDays { days, last }) => days.train(self.run, last).await,
            None => Ok(()),
        }
    }

    /// Reports the days still withheld at the end.
    async fn report_withheld_days(&mut self) -> Result<(), RunError> {
        for key in std::mem::take(&mut self.withheld).into_values() {
            let Some(ledger) = self.read(&key).await? else { continue };
            if let Some(problem) = self.run.check_day(&ledger, self.age(key.date)).await? {
                problem.report(&mut self.run.report);
            }
        }
        Ok(())
    }

    /// Age of a day at the time of the run, in days before the newest finished day.
    fn age(&self, date: Date) -> u64 {
        let services = &self.run.services;
        let newest = day_before(services.billing_hour(self.run.now).date, &services.config.zone);
        u64::try_from((newest - date).get_days()).unwrap_or(0)
    }

    /// Reads and sums a document. `None`, with a report, for an unusable document.
    async fn read(&mut self, key: &DocumentKey) -> Result<Option<DayLedger>, RunError> {
        let fetched = match self.run.services.archive.document(key, self.run.now).await {
            Ok(Some(document)) => FetchedDocument::from_archive(document),
            Ok(None) => return Ok(None),
            Err(error @ ArchiveError::Malformed { .. }) => {
                self.run.report.add(Count::UnreadableDocuments, 1);
                self.run.report.add_problem(Remark::of(&error));
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        match self.run.aggregate(&fetched) {
            Ok(ledger) => Ok(Some(ledger)),
            Err(error @ RunError::UnusableBill { .. }) => {
                self.run.report.add_problem(Remark::of(&error));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
