//! The schedule of the jobs: crontab lines or systemd units.
//!
//! Only the entries are written here. cron and systemd do the waiting, and the jobs are not known here.

mod clock;
mod crontab;
mod folder;
mod systemd;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(crate) use self::crontab::{Crontab, block, installed, log_file};
pub(crate) use self::folder::make;
pub(crate) use self::systemd::{UnitKind, remove, unit_name, units, write, written};

/// The program, the paths and the minute of a schedule.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The billing account of the config. Each account has entries of its own.
    pub(crate) account: String,
    /// Path of the costwarden binary. All paths are absolute.
    pub(crate) program: PathBuf,
    pub(crate) config: PathBuf,
    /// Folder of the lock against two simultaneous jobs on a host.
    pub(crate) state_dir: PathBuf,
    /// Folder of the output of cron jobs; systemd uses the journal.
    pub(crate) log_dir: PathBuf,
    /// More folders that the jobs write to.
    pub(crate) writable: Vec<PathBuf>,
    /// User of the systemd units.
    pub(crate) user: String,
    pub(crate) weekly_report: WeeklyReport,
    /// Minute of the hour, in the bill's time zone.
    pub(crate) minute: u8,
    /// Time zone of the bill.
    pub(crate) zone: TimeZone,
    /// Time zone of cron.
    pub(crate) local: TimeZone,
}

/// The weekly report of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WeeklyReport {
    None,
    Archived,
}

/// The effect of an installation or removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Written,
    Unchanged,
}

/// A scheduled command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Daily,
    Hourly,
    Health,
    /// The weekly report, in the archive.
    Report,
}

impl Task {
    pub(crate) const ALL: [Self; 4] = [Self::Daily, Self::Hourly, Self::Health, Self::Report];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Hourly => "hourly",
            Self::Health => "health",
            Self::Report => "report",
        }
    }
}

/// Maximum wait in seconds for another job of the host: shorter than the hour between two starts.
const LOCK_SECONDS: u32 = 3_000;

/// Hour of the weekly report on Mondays: people read the report at the start of the week.
const REPORT_HOUR: u8 = 8;

impl Plan {
    /// Returns the tasks of the schedule.
    fn tasks(&self) -> impl Iterator<Item = Task> {
        let has_report = self.weekly_report == WeeklyReport::Archived;
        Task::ALL.into_iter().filter(move |task| has_report || *task != Task::Report)
    }

    fn lock(&self) -> PathBuf {
        self.state_dir.join("schedule.lock")
    }

    /// Returns the minutes of the jobs on the clock of the host, in the year after `now`.
    fn local_minutes(&self, now: Timestamp) -> Vec<i8> {
        clock::local_minutes(self.minute, &self.zone, &self.local, now)
    }
}

/// Returns the name of a time zone, for people.
fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("an unnamed time zone")
}

fn text(path: &Path) -> Option<&str> {
    // A line break in a path would start a new line, and a new line could run any command.
    path.to_str().filter(|text| !text.contains(char::is_control))
}
