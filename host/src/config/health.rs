//! The table `[health]`: the thresholds of `costwarden health`.

use config_file::toml::{Key, Section};

/// Thresholds. A value equal to a threshold reaches the threshold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HealthOptions {
    /// The jobs scheduled for the installation.
    pub(crate) jobs: Vec<&'static str>,
    /// Hours since the start of the last daily job.
    pub(crate) daily_hours: Levels,
    /// Minutes since the start of the last hourly job.
    pub(crate) hourly_minutes: Levels,
    /// Consecutive failed runs of a job.
    pub(crate) failures: Levels,
    /// Duration of a run in seconds, for a warning.
    pub(crate) run_seconds: u64,
    /// Age of an unfinished run in minutes, for a warning.
    pub(crate) running_minutes: u64,
    /// Mean duration of a request to the billing API, in seconds.
    pub(crate) api_seconds: Levels,
    /// Failed requests to the billing API, in percent.
    pub(crate) api_errors_percent: Levels,
    /// Used space of the file system with the state directory, in percent.
    pub(crate) disk_percent: Levels,
    /// Documents in the spool, not yet in the archive.
    pub(crate) spool: Levels,
    /// Notifications not accepted by a receiver.
    pub(crate) undelivered: Levels,
    /// Days from the newest day of the ledger to today.
    pub(crate) freshness_days: Levels,
    /// Factor over the usual number of anomalous series per day, for a warning.
    pub(crate) surge_factor: f64,
    /// Minimum number of anomalous series for a surge.
    pub(crate) surge_min: u64,
}

/// The thresholds of a warning and of a critical state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Levels {
    pub(crate) warning: u64,
    pub(crate) critical: u64,
}

impl Default for HealthOptions {
    fn default() -> Self {
        let levels = |warning, critical| Levels { warning, critical };
        Self {
            jobs: vec!["daily", "hourly"],
            daily_hours: levels(26, 50),
            hourly_minutes: levels(90, 180),
            failures: levels(1, 3),
            run_seconds: 300,
            running_minutes: 120,
            api_seconds: levels(10, 40),
            api_errors_percent: levels(25, 75),
            disk_percent: levels(80, 90),
            spool: levels(1, 48),
            undelivered: levels(1, 10),
            freshness_days: levels(3, 5),
            surge_factor: 3.0,
            surge_min: 10,
        }
    }
}

pub(crate) fn read(mut section: Section<'_, '_>) -> HealthOptions {
    let default = HealthOptions::default();
    let config = HealthOptions {
        jobs: jobs(&mut section).unwrap_or(default.jobs),
        daily_hours: levels(
            section.key("daily_hours", "The age of the last daily run, in hours."),
            default.daily_hours,
        ),
        hourly_minutes: levels(
            section.key("hourly_minutes", "The age of the last hourly run, in minutes."),
            default.hourly_minutes,
        ),
        failures: levels(section.key("failures", "The number of failed runs of a job in a row."), default.failures),
        run_seconds: count(
            section.key("run_seconds", "The duration of one run, in seconds: a warning."),
            default.run_seconds,
        ),
        running_minutes: count(
            section.key(
                "running_minutes",
                "The duration of a run that continues and holds its lease, in minutes: a warning.",
            ),
            default.running_minutes,
        ),
        api_seconds: levels(
            section.key("api_seconds", "The mean duration of a request to the billing API over 5 runs, in seconds."),
            default.api_seconds,
        ),
        api_errors_percent: levels(
            section.key(
                "api_errors_percent",
                "The failed requests to the billing API, in percent. costwarden retries them.",
            ),
            default.api_errors_percent,
        ),
        disk_percent: levels(
            section.key("disk_percent", "The usage of the file system of state_dir, in percent."),
            default.disk_percent,
        ),
        spool: levels(section.key("spool", "The number of documents that the archive did not accept."), default.spool),
        undelivered: levels(
            section.key("undelivered", "The number of notifications that a receiver did not accept."),
            default.undelivered,
        ),
        freshness_days: levels(
            section.key("freshness_days", "The age of the newest day in the ledger, in days."),
            default.freshness_days,
        ),
        surge_factor: section
            .key("surge_factor", "The multiple of the usual number of anomalous series per day: a warning.")
            .amount_or(default.surge_factor),
        surge_min: count(
            section.key("surge_min", "The smallest number of anomalous series in a surge."),
            default.surge_min,
        ),
    };
    section.finish();
    config
}

fn jobs(section: &mut Section<'_, '_>) -> Option<Vec<&'static str>> {
    let choices = [("daily", "daily"), ("hourly", "hourly")];
    let key = section.key("jobs", "The jobs that the schedule of this installation starts.");
    let jobs = key.default(vec!["daily", "hourly"]).choices(&choices)?;
    Some(jobs.into_iter().map(|job| job.choice).collect())
}

fn count(key: Key<'_, '_, '_>, default: u64) -> u64 {
    key.whole_or(1..=1_000_000, default as i64) as u64
}

fn levels(key: Key<'_, '_, '_>, default: Levels) -> Levels {
    let Some(mut inner) = key.section() else { return default };
    let levels = Levels {
        warning: count(inner.key("warning", "The threshold of a warning."), default.warning),
        critical: count(
            inner.key("critical", "The threshold of a critical state; at least the warning."),
            default.critical,
        ),
    };
    if levels.critical < levels.warning {
        inner
            .fail("critical", format!("expected at least the warning's {}, found {}", levels.warning, levels.critical));
    }
    inner.finish();
    levels
}
