//! The causes of a failed or interrupted job.

use std::sync::Arc;

use ingest::archive::ArchiveError;
use ingest::source::SourceError;
use jiff::civil::Date;
use jiff::{Timestamp, Zoned};
use store::StoreError;

/// The cause of a failed or interrupted job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("stopped by a signal; the next run resumes the job")]
    Stopped,
    #[error(
        "the write lease was not free within {seconds} s, {owner} holds it: run the job again, or raise lease.wait_seconds if runs take that long"
    )]
    Busy { owner: String, seconds: u64 },
    #[error(
        "another host took over the lease of {job} {period}, because this host did not renew it in time; the other host resumes the job"
    )]
    TakenOver { job: String, period: String },
    #[error(
        "lost the lease of {job} {period} ({cause}); another host may hold it. The next run resumes the job once the store answers"
    )]
    LeaseLost { job: String, period: String, cause: Box<StoreError> },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(
        "the clock of this host ({host}) and the clock of the billing API ({api}) differ by {} s: the day or hour of the run is uncertain, and nothing was archived; set the clock by NTP, or name the day (--date) or the hour (--at)",
        host.duration_since(*api).abs().as_secs()
    )]
    Clock { host: Timestamp, api: Timestamp },
    #[error(
        "the bill of {date} was not evaluated, because its raw document could not be stored; archive: {archive}; spool: {spool}"
    )]
    NotArchived { date: Date, archive: String, spool: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}; the bill is archived and stored, and the next run evaluates the bill")]
    Sandbox(String),
    #[error(
        "the bill of {date} has no row yet: nothing was evaluated; run the job again after the provider has published the bill"
    )]
    EmptyBill { date: Date },
    #[error("no row of the bill of {date} is usable ({reason}): nothing was evaluated")]
    UnusableBill {
        date: Date,
        reason: String,
        /// The currency of all rows, if each row has another currency than the config.
        currency: Option<String>,
    },
    #[error("the range from {from} to {to} has no day: --from must not be after --to")]
    EmptyRange { from: Date, to: Date },
    #[error("{date} does not exist in {zone}, because a clock change skipped the day: name another day")]
    SkippedDay { date: Date, zone: String },
    #[error(
        "{date} is not over: the clock of the billing API says {now}, and the day of the bill ends at {ends}; nothing was archived. costwarden hourly evaluates the current day"
    )]
    DayNotOver { date: Date, now: Zoned, ends: Zoned },
    #[error(
        "the billing API no longer has the total of {date} at {hour:02}:00: the clock of the billing API says {now}, and the API reports the current total only; nothing was archived. An archived hour can be evaluated with [source] kind = \"archive\""
    )]
    HourPassed { date: Date, hour: u8, now: Zoned },
    #[error(
        "the total of {date} at {hour:02}:00 is {total}, and the stored total at {later:02}:00 is {later_total}: a total cannot fall within a day, so the document has another hour; nothing was stored"
    )]
    ExceedsLaterHour { date: Date, hour: u8, total: String, later: u8, later_total: String },
    #[error(
        "the database is not empty (it holds {collections}), and a rebuild needs an empty database: name an empty one in [store], or drop this one first"
    )]
    DatabaseNotEmpty { collections: String },
    #[error(
        "the database is only partly rebuilt, because costwarden archive rebuild was interrupted: run costwarden archive rebuild again, or drop the database"
    )]
    PartlyRebuilt,
    #[error("the archive {place} holds no raw document: a rebuild needs at least one")]
    EmptyArchive { place: Arc<str> },
    #[error("the store holds no finished day: load days with costwarden backfill first")]
    EmptyStore,
    #[error(
        "the store does not hold {date}, its newest day is {newest}: name a stored day, or load {date} with costwarden backfill"
    )]
    DayNotStored { date: Date, newest: Date },
    #[error(
        "the store holds no finished day from {from} to {to}: its first day is {first} and its newest day is {newest}; name stored days with --from and --to"
    )]
    NoStoredDay { from: Date, to: Date, first: Date, newest: Date },
}

impl RunError {
    /// Whether the next run or another host resumes the job.
    pub(crate) fn is_interruption(&self) -> bool {
        matches!(self, Self::Stopped | Self::TakenOver { .. })
    }

    /// Whether the person named a day or an hour without a possible run. Such an error says nothing about the job.
    pub(crate) fn is_usage_error(&self) -> bool {
        matches!(
            self,
            Self::EmptyRange { .. } | Self::SkippedDay { .. } | Self::DayNotOver { .. } | Self::HourPassed { .. }
        )
    }

    /// Whether the provider has no bill for the day, in contrast to a failed request.
    pub(crate) fn is_missing_day(&self) -> bool {
        matches!(
            self,
            Self::EmptyBill { .. } | Self::Source(SourceError::NoDocument { .. } | SourceError::NotInArchive { .. })
        )
    }
}
