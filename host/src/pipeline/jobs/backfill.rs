//! The backfill: loads a range of past days. Several days are fetched at a time and evaluated in order.
//!
//! An interrupted backfill is resumed. Nobody is notified of history, except on request.

use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use model::count::{counted, one_or};
use model::incident::Recency;
use model::moment::Moment;
use model::series::hours::days_through;
use store::checkpoint::Checkpoint;
use store::{DateRange, RunRecord};

use super::run_job;
use crate::pipeline::evaluate::FinishedDays;
use crate::pipeline::ingest::FetchedDocument;
use crate::pipeline::run::{
    BACKFILL, Count, Remark, Repeat, Report, Run, RunError, Services, Stage, open_period, range_period,
};

/// Number of concurrent fetches.
const CONCURRENT_FETCHES: usize = 8;

/// The range of days, and the notification mode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backfill {
    pub(crate) range: DateRange,
    /// Whether the end is open. A resumed backfill keeps the end day of the first run, even on a later date.
    pub(crate) is_open_ended: bool,
    /// Relevance of the days for people.
    pub(crate) recency: Recency,
}

/// Runs the backfill. Calls `on_day` for each finished day. The report contains the failures.
pub(crate) async fn backfill(
    services: &mut Services,
    options: Backfill,
    now: Timestamp,
    on_day: &dyn Fn(Date),
) -> Report {
    let period = if options.is_open_ended { open_period(options.range.from) } else { range_period(options.range) };
    let run = Run::new(services, Report::new(BACKFILL, period), now);
    run_job(run, Repeat::Redo, async |run: &mut Run<'_>| process(run, options, on_day).await).await
}

async fn process(run: &mut Run<'_>, options: Backfill, on_day: &dyn Fn(Date)) -> Result<(), RunError> {
    let DateRange { from, to } = options.range;
    if days_through(from, to, &run.services.config.zone).next().is_none() {
        return Err(run.services.range_error(options.range));
    }
    run.report_rules();
    run.drain_spool().await;
    run.archive_history().await?;
    let period = run.report.period.clone();
    let mut record = run.start_record(BACKFILL, &period).await?;
    let result = load(run, options, on_day, &mut record).await;
    run.finish_record(record, &run.report, &result).await?;
    result
}

async fn load(
    run: &mut Run<'_>,
    options: Backfill,
    on_day: &dyn Fn(Date),
    record: &mut RunRecord,
) -> Result<(), RunError> {
    let DateRange { from, mut to } = options.range;
    if options.is_open_ended {
        // A resumed backfill keeps the recorded end.
        to = *record.until.get_or_insert(to);
        run.put_record(record).await?;
    }
    run.report.period = range_period(DateRange { from, to });
    let first = resume(run, from, record, on_day);
    let finished = FinishedDays::open(run, first).await?;
    let loading = Loading {
        run,
        recency: options.recency,
        on_day,
        newest: record.through,
        missing: Vec::new(),
        newest_gap: None,
        finished,
    };
    loading.load(DateRange { from: first, to }, record).await
}

/// Returns the first day to load. Counts the days of the interrupted run.
fn resume(run: &mut Run<'_>, from: Date, record: &RunRecord, on_day: &dyn Fn(Date)) -> Date {
    let Some(through) = record.through else { return from };
    run.report.add(Count::ResumedAfterDays, (through - from).get_days() as u64 + 1);
    from.series(1.day()).take_while(|day| *day <= through).for_each(on_day);
    through.checked_add(1.day()).unwrap_or(through)
}

/// The load of a range of days.
struct Loading<'r, 's> {
    run: &'r mut Run<'s>,
    finished: FinishedDays,
    recency: Recency,
    on_day: &'r dyn Fn(Date),
    /// The last evaluated day.
    newest: Option<Date>,
    /// Days without a bill.
    missing: Vec<Date>,
    /// The reason for the newest day without a bill.
    newest_gap: Option<RunError>,
}

impl Loading<'_, '_> {
    async fn load(mut self, range: DateRange, record: &mut RunRecord) -> Result<(), RunError> {
        let dates: Vec<Date> = days_through(range.from, range.to, &self.run.services.config.zone).collect();
        for chunk in dates.chunks(CONCURRENT_FETCHES) {
            let started = Instant::now();
            let run = &*self.run;
            let fetches = chunk.iter().map(|date| run.fetch(Moment::finished_day(*date)));
            let fetched: Vec<_> = stream::iter(fetches).buffered(CONCURRENT_FETCHES).collect().await;
            self.run.report.add_time_since(Stage::Fetch, started);
            // The slow fetches need no write lease.
            self.run.take_write_lease().await?;
            for (date, fetched) in chunk.iter().zip(fetched) {
                self.add_day(*date, fetched).await?;
            }
            record.through = chunk.last().copied();
            record.checkpoint = Checkpoint::Notified;
            self.run.put_record(record).await?;
            // Waiting runs write between chunks, for example an hourly run.
            self.run.release_write_lease().await;
        }
        let Some(newest) = self.newest else {
            return Err(self.newest_gap.unwrap_or(RunError::EmptyBill { date: range.to }));
        };
        self.run.take_write_lease().await?;
        self.finished.train(self.run, newest).await?;
        self.run.checkpoint(Checkpoint::Trained).await?;
        self.run.report.add(Count::Days, dates.len() as u64 - self.missing.len() as u64);
        report_missing_days(&self.missing, &mut self.run.report);
        if dates.is_empty() {
            // The interrupted run had evaluated every day: a run without verdicts is no problem here.
            self.run.count_api_requests();
        } else {
            self.run.complete_report();
        }
        Ok(())
    }

    async fn add_day(&mut self, date: Date, fetched: Result<FetchedDocument, RunError>) -> Result<(), RunError> {
        match fetched {
            Ok(fetched) => {
                let ledger = self.run.aggregate(&fetched)?;
                let incidents = self.finished.add(self.run, &ledger, self.recency).await?;
                if self.recency == Recency::Live {
                    self.run.notify_incidents(incidents).await?;
                }
                self.run.checkpoint(Checkpoint::Notified).await?;
                self.newest = Some(date);
            }
            Err(error) if error.is_missing_day() => {
                self.missing.push(date);
                self.newest_gap = Some(error);
            }
            Err(error) => return Err(error),
        }
        (self.on_day)(date);
        Ok(())
    }
}

fn report_missing_days(missing: &[Date], report: &mut Report) {
    let (Some(first), Some(last)) = (missing.first(), missing.last()) else { return };
    let count = missing.len() as u64;
    report.add(Count::MissingDays, count);
    let days = counted(count, "day");
    let have = one_or(count, "has", "have");
    report.add_problem(Remark::new(
        format!("청구 내역이 없는 날이 {count}일 있어 비용을 알 수 없습니다(처음 {first}, 마지막 {last})"),
        format!("{days} {have} no bill, the first {first}, the last {last}: the cost is not known"),
    ));
}
