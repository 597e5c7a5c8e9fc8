//! The table `[lease]`: the write lease of hosts with a shared database.

use std::time::Duration;

use config_file::toml::Section;

/// The length of the write lease, and the patience of a waiting host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseOptions {
    /// Lifetime of a lease without a renewal. The owner renews every third of the length; after the length another host
    /// takes over.
    pub(crate) length: Duration,
    pub(crate) patience: Duration,
}

impl Default for LeaseOptions {
    /// A minute is longer than the election of a new MongoDB primary, and shorter than the minutes between the cron
    /// jobs of two hosts.
    fn default() -> Self {
        Self { length: Duration::from_mins(1), patience: Duration::from_mins(15) }
    }
}

pub(crate) fn read(mut section: Section<'_, '_>) -> LeaseOptions {
    let default = LeaseOptions::default();
    let length = section
        .key("seconds", "The time without a renewal after which another host takes over, in seconds.")
        .whole_or(1..=3_600, default.length.as_secs() as i64);
    let patience = section
        .key("wait_seconds", "The longest wait of a run for the write lease, in seconds.")
        .whole_or(0..=86_400, default.patience.as_secs() as i64);
    section.finish();
    LeaseOptions { length: Duration::from_secs(length as u64), patience: Duration::from_secs(patience as u64) }
}
