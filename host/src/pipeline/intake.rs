//! Source to archive to ledger: one day's rows, kept before anything is computed from them.

use std::time::Instant;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::report::Report;
use super::{JobError, Mode, Parts};
use ingest::archive::{Drained, Stored};
use model::count::{counted, one_or};
use model::ledger::{self, DayLedger};
use crate::metrics::Metric;
use model::series::day_start;
use ingest::source::{Clocks, RawDocument};
use store::checkpoint::Step;
use crate::stop;

/// A day that was fetched, and what became of its raw document.
pub(super) struct Intake {
    pub(super) document: RawDocument,
    kept: Result<Option<Stored>, String>,
}

impl Intake {
    /// A document that came out of the archive.
    pub(super) fn archived(document: RawDocument) -> Self {
        Self { document, kept: Ok(None) }
    }
}

/// Fetches a day, or today as it stands at an hour, and archives it; into the spool where the archive is down.
///
/// # Errors
/// The source has nothing, or neither archive nor spool takes the document.
pub(super) async fn take(parts: &Parts, date: Date, hour: Option<u8>, now: Timestamp) -> Result<Intake, JobError> {
    // Between two steps, however often the source is asked again.
    let document = tokio::select! {
        document = parts.source.fetch(date, hour, now) => document?,
        () = stop::when_asked() => return Err(JobError::Stopped),
    };
    parts.reach(Step::Fetched, now).await?;
    right_clock(parts, now)?;
    if hour.is_none() && !parts.by_clock {
        is_over(parts, date, now)?;
    }
    if document.rows.is_empty() {
        return Err(JobError::Empty { date });
    }
    let kept = match parts.mode {
        Mode::DryRun => Ok(None),
        Mode::Write => match parts.archive.put(&document, now).await {
            Ok(stored) => Ok(Some(stored)),
            Err(error) => {
                let archive = error.to_string();
                match parts.spool.keep(&document).await {
                    Ok(_) => Err(archive),
                    Err(spool) => return Err(JobError::NotKept { date, archive, spool: spool.to_string() }),
                }
            }
        },
    };
    parts.reach(Step::Archived, now).await?;
    Ok(Intake { document, kept })
}

/// From here on a clock that is off is more than a late cron job. Requests to an archive are refused from there on, too.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(15);

/// A bill that is not whole yet must not be taken for yesterday's, nor one hour's for another's.
fn right_clock(parts: &Parts, now: Timestamp) -> Result<(), JobError> {
    let Some(Clocks { theirs, ours }) = parts.source.clocks(now).filter(|_| parts.by_clock) else { return Ok(()) };
    if ours.duration_since(theirs).abs() < CLOCKS_APART {
        return Ok(());
    }
    Err(JobError::Clock { ours, theirs })
}

/// A part of a day would be learned from, and be taken for the whole by the run that is due when the day is over.
fn is_over(parts: &Parts, date: Date, now: Timestamp) -> Result<(), JobError> {
    let Some(Clocks { theirs, .. }) = parts.source.clocks(now) else { return Ok(()) };
    let zone = &parts.config.zone;
    let ends = Timestamp::from_second(day_start(date.tomorrow().unwrap_or(date), zone).0).unwrap_or(Timestamp::MAX);
    if ends <= theirs {
        return Ok(());
    }
    let zoned = |moment: Timestamp| moment.to_zoned(zone.clone());
    Err(JobError::NotOver { date, now: zoned(theirs), ends: zoned(ends) })
}

/// Sums what was taken in, and reports what there is to report of it.
///
/// # Errors
/// No row can be used.
pub(super) fn sum(intake: &Intake, report: &mut Report) -> Result<DayLedger, JobError> {
    let started = Instant::now();
    let Intake { document, kept } = intake;
    let ledger = ledger::sum(document.date, document.bill_rows());
    report.count("rows", ledger.rows);
    match kept {
        Ok(None) => {}
        Ok(Some(stored)) => {
            report.tally.set(Metric::ArchiveUp, &[], 1.0);
            if !matches!(stored, Stored::Unchanged) {
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
        report.count("rejected_rows", ledger.refused.len() as u64);
        let (date, rows) = (ledger.date, ledger.refused.len() as u64);
        let first = format!("row {}: {}", first.row, first.reason);
        if ledger.entries.is_empty() {
            return Err(JobError::Unusable { date, why: first });
        }
        let (rows, were) = (counted(rows, "row"), one_or(rows, "was", "were"));
        report.problem(format!("{rows} of the bill of {date} could not be used and {were} left out; first {first}"));
    }
    report.took("sum", started);
    Ok(ledger)
}

/// Uploads what earlier runs could not.
pub(super) async fn drain_spool(parts: &Parts, now: Timestamp, report: &mut Report) {
    if parts.mode == Mode::DryRun {
        return;
    }
    match parts.spool.drain(&parts.archive, now).await {
        Ok(Drained { uploaded, unchanged, left, unreadable, error }) => {
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
