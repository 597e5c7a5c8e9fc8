//! When the jobs run: the lines of a crontab, or the units of systemd.
//!
//! It writes what starts costwarden and nothing of what costwarden does. Cron and systemd do the waiting.

mod clock;
mod crontab;
mod folder;
mod systemd;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::clock::LocalTime;
pub(crate) use self::crontab::{Crontab, block, installed, log_file};
pub(crate) use self::folder::make;
pub(crate) use self::systemd::{remove, timer_name, units, write, written};

/// What is started, where it may write, and at which minute.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// This binary; absolute, as all paths here.
    pub(crate) program: PathBuf,
    pub(crate) config: PathBuf,
    /// `NAME=value` lines that the jobs find in their environment.
    pub(crate) env_file: Option<PathBuf>,
    /// Where the lock is that keeps two jobs of one host from running at once.
    pub(crate) state_dir: PathBuf,
    /// Where cron's output goes; systemd has its journal.
    pub(crate) log_dir: PathBuf,
    /// Folders that the jobs write to, besides.
    pub(crate) writable: Vec<PathBuf>,
    /// The account that units run under.
    pub(crate) user: String,
    /// Of the bill's clock, past each hour.
    pub(crate) minute: u8,
    /// When the bill's days begin.
    pub(crate) zone: TimeZone,
    /// What cron counts in.
    pub(crate) local: TimeZone,
}

/// What became of a table, or of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Written,
    Unchanged,
}

/// What is started on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Daily,
    Hourly,
    Health,
}

impl Task {
    pub(crate) const ALL: [Self; 3] = [Self::Daily, Self::Hourly, Self::Health];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Hourly => "hourly",
            Self::Health => "health",
        }
    }
}

/// Seconds that a job waits for another one of the same host before it gives up: less than until its own next start.
const LOCK_SECONDS: u32 = 3_000;

impl Plan {
    fn lock(&self) -> PathBuf {
        self.state_dir.join("schedule.lock")
    }

    /// When a daily job and an hourly one are due on this machine's clock, in the year after a moment.
    fn local_times(&self, now: Timestamp) -> Vec<LocalTime> {
        clock::local_times(self.minute, &self.zone, &self.local, now)
    }
}

/// The zone's name, for people.
fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("an unnamed time zone")
}

fn text(path: &Path) -> Option<&str> {
    // What starts jobs has lines; a path that ends one could start anything.
    path.to_str().filter(|text| !text.contains(char::is_control))
}
