//! `[lease]`: how hosts that share a database take turns.

use std::time::Duration;

use crate::toml::Section;

/// How long a turn lasts without being renewed, and how long one is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseConfig {
    /// Renewed every third of it; a host that died is succeeded after it.
    pub(crate) length: Duration,
    pub(crate) patience: Duration,
}

impl Default for LeaseConfig {
    /// A minute outlasts the election of a new primary, and is far below the minutes that the cron jobs of two hosts are
    /// apart.
    fn default() -> Self {
        Self { length: Duration::from_mins(1), patience: Duration::from_mins(15) }
    }
}

pub(super) fn lease(mut section: Section<'_, '_>) -> LeaseConfig {
    let default = LeaseConfig::default();
    let seconds = |seconds: i64| Duration::from_secs(seconds as u64);
    let length = section.whole("seconds", 1..=3_600).map_or(default.length, seconds);
    let patience = section.whole("wait_seconds", 0..=86_400).map_or(default.patience, seconds);
    section.finish();
    LeaseConfig { length, patience }
}
