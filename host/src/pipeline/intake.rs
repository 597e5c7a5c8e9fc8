//! Ingest: fetches the rows of a day, archives the raw document, and sums the ledger. Computes nothing before the
//! document is safe.

use std::time::Instant;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::report::Report;
use super::{Mode, Parts, RunError};
use crate::metrics::Metric;
use crate::stop;
use ingest::archive::{DrainResult, PutResult};
use ingest::document::RawDocument;
use ingest::source::{Clocks, bill_rows};
use model::count::{counted, one_or};
use model::ledger::{self, DayLedger};
use model::series::day_start;
use store::checkpoint::Checkpoint;

/// A fetched day, with the archive result of the raw document.
pub(super) struct Intake {
    pub(super) document: RawDocument,
    kept: Result<Option<PutResult>, String>,
}

impl Intake {
    /// A document read from the archive.
    pub(super) fn archived(document: RawDocument) -> Self {
        Self { document, kept: Ok(None) }
    }
}

/// Fetches a finished day, or the partial day at an hour, and archives the document. Uses the spool if the archive is
/// down.
///
/// # Errors
/// Fails if the source has no bill, or if neither the archive nor the spool accepts the document.
pub(super) async fn take(parts: &Parts, date: Date, hour: Option<u8>, now: Timestamp) -> Result<Intake, RunError> {
    // A stop signal must not wait for the retries of the source.
    let document = tokio::select! {
        document = parts.source.fetch(date, hour, now) => document?,
        () = stop::when_asked() => return Err(RunError::Stopped),
    };
    parts.checkpoint(Checkpoint::Fetched, now).await?;
    right_clock(parts, now)?;
    if hour.is_none() && !parts.by_clock {
        is_over(parts, date, now)?;
    }
    // The provider has not published an empty bill yet: nothing to archive.
    if document.rows.is_empty() {
        return Err(RunError::Empty { date });
    }
    let kept = match parts.mode {
        Mode::DryRun => Ok(None),
        Mode::Write => match parts.archive.put(&document, now).await {
            Ok(stored) => Ok(Some(stored)),
            Err(error) => {
                let archive = error.to_string();
                match parts.spool.put(&document).await {
                    Ok(_) => Err(archive),
                    Err(spool) => return Err(RunError::NotKept { date, archive, spool: spool.to_string() }),
                }
            }
        },
    };
    parts.checkpoint(Checkpoint::Archived, now).await?;
    Ok(Intake { document, kept })
}

/// Limit of the clock difference: beyond, the cause is a wrong clock and not a late cron job. Archives refuse requests
/// with the same difference.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(15);

/// Checks the clock of the host against the billing API. With a wrong clock, a partial bill could pass for a finished
/// bill, and an hour for a different hour.
fn right_clock(parts: &Parts, now: Timestamp) -> Result<(), RunError> {
    let Some(Clocks { remote: theirs, local: ours }) = parts.source.clocks(now).filter(|_| parts.by_clock) else {
        return Ok(());
    };
    if ours.duration_since(theirs).abs() < CLOCKS_APART {
        return Ok(());
    }
    Err(RunError::Clock { ours, theirs })
}

/// Checks the end of the day against the billing API. A partial day would enter the training, and the next regular run
/// would treat the day as complete.
fn is_over(parts: &Parts, date: Date, now: Timestamp) -> Result<(), RunError> {
    let Some(Clocks { remote: theirs, .. }) = parts.source.clocks(now) else { return Ok(()) };
    let zone = &parts.config.zone;
    let ends = Timestamp::from_second(day_start(date.tomorrow().unwrap_or(date), zone).0).unwrap_or(Timestamp::MAX);
    if ends <= theirs {
        return Ok(());
    }
    let zoned = |moment: Timestamp| moment.to_zoned(zone.clone());
    Err(RunError::NotOver { date, now: zoned(theirs), ends: zoned(ends) })
}

/// Sums an ingested document and reports archive problems and rejected rows.
///
/// # Errors
/// Fails if no row is usable.
pub(super) fn sum(intake: &Intake, report: &mut Report) -> Result<DayLedger, RunError> {
    let started = Instant::now();
    let Intake { document, kept } = intake;
    let ledger = ledger::sum(document.date, bill_rows(document));
    report.count("rows", ledger.rows);
    match kept {
        Ok(None) => {}
        Ok(Some(stored)) => {
            report.tally.set(Metric::ArchiveUp, &[], 1.0);
            if !matches!(stored, PutResult::Unchanged) {
                report.count("archived", 1);
            }
        }
        Err(error) => {
            report.tally.set(Metric::ArchiveUp, &[], 0.0);
            report.tally.add(Metric::Spooled, &[], 1.0);
            report.count("spooled", 1);
            report.problem(format!("{error}; the document is spooled and uploaded by the next run"));
        }
    }
    if let Some(first) = ledger.refused.first() {
        report.count("refused_rows", ledger.refused.len() as u64);
        let (date, rows) = (ledger.date, ledger.refused.len() as u64);
        let first = format!("row {}: {}", first.row, first.reason);
        if ledger.entries.is_empty() {
            return Err(RunError::Unusable { date, why: first });
        }
        let (rows, were) = (counted(rows, "row"), one_or(rows, "was", "were"));
        report.problem(format!("{rows} of the bill of {date} could not be used and {were} left out; first {first}"));
    }
    report.took("aggregate", started);
    Ok(ledger)
}

/// Uploads the spooled documents of earlier runs.
pub(super) async fn drain_spool(parts: &Parts, now: Timestamp, report: &mut Report) {
    if parts.mode == Mode::DryRun {
        return;
    }
    match parts.spool.drain(&parts.archive, now).await {
        Ok(DrainResult { uploaded, unchanged, remaining: left, unreadable, error }) => {
            report.count("unspooled", uploaded + unchanged);
            report.tally.set(Metric::Spooled, &[], left as f64);
            if let Some(error) = error {
                let (left, wait) = (counted(left, "spooled document"), one_or(left, "waits", "wait"));
                report.problem(format!("{error}; {left} {wait} for the next run"));
            }
            for path in unreadable {
                let path = path.display();
                report
                    .problem(format!("{path} is in the spool and is no spooled document: look at it and move it away"));
            }
        }
        Err(error) => report.problem(error.to_string()),
    }
}
