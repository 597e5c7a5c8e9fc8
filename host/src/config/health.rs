//! The table `[health]`: the thresholds of `costwarden health`.

use config_file::toml::Section;

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
        daily_hours: levels(&mut section, "daily_hours", default.daily_hours),
        hourly_minutes: levels(&mut section, "hourly_minutes", default.hourly_minutes),
        failures: levels(&mut section, "failures", default.failures),
        run_seconds: count(&mut section, "run_seconds", default.run_seconds),
        running_minutes: count(&mut section, "running_minutes", default.running_minutes),
        api_seconds: levels(&mut section, "api_seconds", default.api_seconds),
        api_errors_percent: levels(&mut section, "api_errors_percent", default.api_errors_percent),
        disk_percent: levels(&mut section, "disk_percent", default.disk_percent),
        spool: levels(&mut section, "spool", default.spool),
        undelivered: levels(&mut section, "undelivered", default.undelivered),
        freshness_days: levels(&mut section, "freshness_days", default.freshness_days),
        surge_factor: section.amount("surge_factor").unwrap_or(default.surge_factor),
        surge_min: count(&mut section, "surge_min", default.surge_min),
    };
    section.finish();
    config
}

fn jobs(section: &mut Section<'_, '_>) -> Option<Vec<&'static str>> {
    let mut jobs = Vec::new();
    for (name, place) in section.texts("jobs")? {
        match ["daily", "hourly"].into_iter().find(|job| *job == name) {
            Some(job) => jobs.push(job),
            None => section.fail_at("jobs", place, format!("expected \"daily\" or \"hourly\", found {name:?}")),
        }
    }
    Some(jobs)
}

fn count(section: &mut Section<'_, '_>, key: &'static str, default: u64) -> u64 {
    section.whole(key, 1..=1_000_000).map_or(default, |number| number as u64)
}

fn levels(section: &mut Section<'_, '_>, key: &'static str, default: Levels) -> Levels {
    let Some(mut inner) = section.section(key) else { return default };
    let levels = Levels {
        warning: count(&mut inner, "warning", default.warning),
        critical: count(&mut inner, "critical", default.critical),
    };
    if levels.critical < levels.warning {
        inner
            .fail("critical", format!("expected at least the warning's {}, found {}", levels.warning, levels.critical));
    }
    inner.finish();
    levels
}
