//! Raw documents: fetches the rows of a day, archives the raw document, and sums the ledger. Computes nothing before
//! the document is safe.

use std::time::Instant;

use ingest::archive::PutResult;
use ingest::document::{DocumentProblem, RawDocument, repeated_rows};
use ingest::source::{Clocks, bill_rows};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use model::count::{counted, one_or};
use model::language::Language;
use model::ledger::{self, DayLedger, RefusedRow, RowDefect};
use model::moment::{BillingHour, Moment};
use model::series::day_start;
use store::checkpoint::Checkpoint;

use crate::metrics::Metric;
use crate::pipeline::run::{Count, Mode, Remark, Run, RunError, Stage};
use crate::stop;

/// Limit of the clock difference: beyond, the cause is a wrong clock and not a late cron job. Archives refuse requests
/// with the same difference.
const MAX_CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_mins(15);

/// A fetched document, with the archive result.
pub(crate) struct FetchedDocument {
    document: RawDocument,
    archived: ArchiveResult,
}

/// The archive result of a fetched document.
enum ArchiveResult {
    /// A dry run, or a document read from the archive.
    NotNeeded,
    Archived(PutResult),
    /// The archive failed for a reason, and the spool has the document.
    Spooled(String),
}

impl FetchedDocument {
    /// A document read from the archive.
    pub(crate) fn from_archive(mut document: RawDocument) -> Self {
        // The archive keeps the rows and no problems.
        document.problems.extend(repeated_rows(&document.rows));
        Self { document, archived: ArchiveResult::NotNeeded }
    }
}

impl Run<'_> {
    /// Fetches, archives and sums a finished day, or the partial day at an hour.
    ///
    /// # Errors
    /// Fails like [`Run::fetch`] and [`Run::aggregate`].
    pub(crate) async fn ingest(&mut self, moment: Moment) -> Result<DayLedger, RunError> {
        let started = Instant::now();
        let fetched = self.fetch(moment).await?;
        self.report.add_time_since(Stage::Fetch, started);
        let result = self.aggregate(&fetched);
        if let (Err(RunError::UnusableBill { date, currency: Some(currency), .. }), None) = (&result, moment.hour) {
            self.notify_other_currency(*date, currency).await?;
        }
        result
    }

    /// Fetches a finished day, or the partial day at an hour, and archives the document. Uses the spool if the archive
    /// is down.
    ///
    /// # Errors
    /// Fails if the source has no bill, or if neither the archive nor the spool accepts the document.
    pub(crate) async fn fetch(&self, moment: Moment) -> Result<FetchedDocument, RunError> {
        let Moment { date, hour } = moment;
        // A stop signal must not wait for the retries of the source.
        let document = tokio::select! {
            document = self.services.source.fetch(date, hour, self.now) => document?,
            () = stop::when_asked() => return Err(RunError::Stopped),
        };
        self.checkpoint(Checkpoint::Fetched).await?;
        if self.services.is_period_by_clock {
            self.check_clock()?;
        } else {
            match hour {
                Some(hour) => self.check_hour_is_current(BillingHour { date, hour })?,
                None => self.check_day_is_over(date)?,
            }
        }
        // The provider has not published an empty bill yet: nothing to archive.
        if document.rows.is_empty() {
            return Err(RunError::EmptyBill { date });
        }
        let archived = self.archive(&document).await?;
        self.checkpoint(Checkpoint::Archived).await?;
        Ok(FetchedDocument { document, archived })
    }

    /// Sums a document and reports archive problems and refused rows.
    ///
    /// # Errors
    /// Fails if no row is usable.
    pub(crate) fn aggregate(&mut self, fetched: &FetchedDocument) -> Result<DayLedger, RunError> {
        let started = Instant::now();
        let report = &mut self.report;
        let mut ledger =
            ledger::sum(fetched.document.date, bill_rows(&fetched.document, &self.services.config.currency));
        report.add(Count::Rows, ledger.rows);
        match &fetched.archived {
            ArchiveResult::NotNeeded => {}
            ArchiveResult::Archived(stored) => {
                report.tally.set(Metric::ArchiveUp, &[], 1.0);
                if !matches!(stored, PutResult::Unchanged) {
                    report.add(Count::Archived, 1);
                }
            }
            ArchiveResult::Spooled(error) => {
                report.tally.set(Metric::ArchiveUp, &[], 0.0);
                report.tally.add(Metric::Spooled, &[], 1.0);
                report.add(Count::Spooled, 1);
                report.add_problem(Remark::new(
                    format!("{error}. 원본을 임시 보관했고 다음 실행이 보관소에 올립니다"),
                    format!("{error}; the document is in the spool, and the next run uploads it"),
                ));
            }
        }
        for problem in &fetched.document.problems {
            let date = ledger.date;
            let english = format!("the bill of {date}: {problem}");
            match problem {
                DocumentProblem::WrongTotal { reported, received } => {
                    report.add(Count::WrongRowTotals, 1);
                    let korean = format!(
                        "{date} 청구 내역: 빌링 API가 알린 행은 {reported}개인데 받은 행은 {received}개입니다. 다음에 이날을 받을 때 다시 요청합니다"
                    );
                    report.add_problem(Remark::new(korean, english));
                }
                // A provider may repeat some rows on every day.
                DocumentProblem::RepeatedRows { rows, first } => {
                    ledger.repeated_rows = *rows;
                    let korean = format!(
                        "{date} 청구 내역: 앞의 행과 똑같은 행이 {rows}개 있습니다(처음 {first}행). 모두 합계에 넣었으니 그날 합계를 제공자의 콘솔과 비교해 보세요"
                    );
                    report.notes.push(Remark::new(korean, english));
                }
            }
        }
        if let Some(first) = ledger.refused.first() {
            let refused = ledger.refused.len() as u64;
            let date = ledger.date;
            let korean_first = format!("{}행: {}", first.row, first.defect.text(Language::Korean));
            let first = format!("row {}: {}", first.row, first.defect);
            report.add(Count::RefusedRows, refused);
            if ledger.rows == 0 {
                return Err(RunError::UnusableBill { date, reason: first, currency: other_currency(&ledger.refused) });
            }
            let are = one_or(refused, "is", "are");
            let rows = counted(refused, "row");
            report.add_problem(Remark::new(
                format!("{date} 청구 내역에서 읽을 수 없는 행 {refused}개를 뺐습니다. 처음 {korean_first}"),
                format!("{rows} of the bill of {date} {are} not usable and {are} left out; first {first}"),
            ));
        }
        if fetched.document.hour.is_some() {
            // An hour without a value is not known.
            ledger.entries.retain(|entry| !entry.is_incomplete);
        }
        report.add_time_since(Stage::Aggregate, started);
        Ok(ledger)
    }

    async fn archive(&self, document: &RawDocument) -> Result<ArchiveResult, RunError> {
        if self.services.mode == Mode::DryRun {
            return Ok(ArchiveResult::NotNeeded);
        }
        let archive = match self.services.archive.put(document, self.now).await {
            Ok(stored) => return Ok(ArchiveResult::Archived(stored)),
            Err(error) => error.to_string(),
        };
        match self.services.spool.put(document).await {
            Ok(_) => Ok(ArchiveResult::Spooled(archive)),
            Err(spool) => Err(RunError::NotArchived { date: document.date, archive, spool: spool.to_string() }),
        }
    }

    /// Checks the clock of the host against the billing API. With a wrong clock, a partial bill could pass for a
    /// finished bill, and an hour for a different hour.
    fn check_clock(&self) -> Result<(), RunError> {
        let Some(Clocks { remote: api, local: host }) = self.services.source.clocks(self.now) else { return Ok(()) };
        if host.duration_since(api).abs() < MAX_CLOCK_DIFFERENCE {
            return Ok(());
        }
        Err(RunError::Clock { host, api })
    }

    /// Checks the hour against the billing API. The API reports the total of the current hour only, and another hour
    /// would get a wrong total.
    fn check_hour_is_current(&self, asked: BillingHour) -> Result<(), RunError> {
        let Some(Clocks { remote: api, .. }) = self.services.source.clocks(self.now) else { return Ok(()) };
        if self.services.billing_hour(api) == asked {
            return Ok(());
        }
        let now = api.to_zoned(self.services.config.zone.clone());
        Err(RunError::HourPassed { date: asked.date, hour: asked.hour, now })
    }

    /// Checks the end of the day against the billing API. A partial day would enter the training, and the next regular
    /// run would treat the day as complete.
    fn check_day_is_over(&self, date: Date) -> Result<(), RunError> {
        let Some(Clocks { remote: api, .. }) = self.services.source.clocks(self.now) else { return Ok(()) };
        let zone = &self.services.config.zone;
        let end = day_start(date.tomorrow().unwrap_or(date), zone).0;
        let ends = Timestamp::from_second(end).unwrap_or(Timestamp::MAX);
        if ends <= api {
            return Ok(());
        }
        let zoned = |at: Timestamp| at.to_zoned(zone.clone());
        Err(RunError::DayNotOver { date, now: zoned(api), ends: zoned(ends) })
    }
}

/// The currency of refused rows that all have the same other currency than the config.
fn other_currency(refused: &[RefusedRow]) -> Option<String> {
    let currency = |row: &RefusedRow| match &row.defect {
        RowDefect::OtherCurrency { found, .. } => Some(found.clone()),
        _ => None,
    };
    let first = currency(refused.first()?)?;
    refused.iter().all(|row| currency(row).as_ref() == Some(&first)).then_some(first)
}
