//! The options of trials: the parameters of an evaluation, the grant of reference data, and the cache of compiled plugins.

use std::num::NonZero;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use model::series::SeriesKey;
use sandbox::{Isolation, Limits, Sandbox};

use super::variable;
use crate::cli::args;

/// The series of a trial.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct InputArgs {
    /// Series: a CSV file with the columns timestamp and value, at any step, or a folder of CSV files.
    ///
    /// Timestamps are days, local times of the bill, times with an offset, or Unix seconds. An empty value, NaN or a
    /// missing row means "not known". With a column label, the verdicts are scored: 0 is a usual row, a number is the
    /// number of the event that the row belongs to.
    #[arg(long, value_name = "CSV|DIR")]
    pub(super) input: Option<PathBuf>,
    /// Series of the store in the config: domainId/projectId/serviceId. The incidents are the labels.
    #[arg(long, value_name = "KEY", value_parser = args::series)]
    pub(super) series: Option<SeriesKey>,
}

/// The options of a trial over a series.
#[derive(Debug, Args)]
pub(super) struct TrialArgs {
    /// Settings of the rule: JSON, or @FILE.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    pub(super) settings: String,
    /// First point to judge: a timestamp, or a row number from 0. The fit sees the points before. Default: the last
    /// tenth of the series.
    #[arg(long, value_name = "POINT", conflicts_with = "walk")]
    pub(super) judge_from: Option<String>,
    /// Points per step of a simulated production run: fit on the past, judge the next N points, fit again, until the
    /// end.
    ///
    /// The detector sees no points after the judged point. Later fits exclude anomalous points as known incidents.
    /// With a step of a day or longer, a deviation over accept_after_days of the config, with gaps of at most three
    /// days, becomes the new level, and later fits include the points again, as in a run.
    #[arg(long, value_name = "N", value_parser = points)]
    pub(super) walk: Option<NonZero<usize>>,
    /// Use of anomalous points in later fits of a walk.
    #[arg(long, value_enum, default_value_t = IncidentPolicy::Exclude)]
    pub(super) incidents: IncidentPolicy,
    /// Days of history per fit. Default: 90 points; for steps shorter than a day, 28 days and at most 4032 points.
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub(super) history_days: Option<NonZero<u16>>,
    /// Unit of the values. Default: the currency of the config, or KRW without a config.
    #[arg(long)]
    pub(super) unit: Option<String>,
    /// Language of reasons, like ko or en.
    #[arg(long, default_value = "en")]
    pub(super) locale: String,
}

fn points(text: &str) -> Result<NonZero<usize>, String> {
    text.parse().map_err(|_| "expected a whole number of points from 1".to_owned())
}

fn days(text: &str) -> Result<NonZero<u16>, String> {
    text.parse().map_err(|_| format!("expected a whole number of days from 1 to {}", u16::MAX))
}

/// The options for loading a plugin for a trial.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// Folder of reference data to grant. Default: the grant in the config.
    #[arg(long, value_name = "DIR")]
    pub(super) reference: Option<PathBuf>,
    #[command(flatten)]
    pub(super) cache: CacheArgs,
}

/// The options of the cache of compiled plugins.
#[derive(Debug, Args)]
pub(super) struct CacheArgs {
    /// Compile the plugin again, and store nothing in the user's cache folder.
    #[arg(long)]
    pub(super) no_cache: bool,
}

/// The use of anomalous points in later fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum IncidentPolicy {
    Exclude,
    Include,
}

impl CacheArgs {
    /// Creates a sandbox with a cache of compiled plugins in the user's cache folder, or without a cache for
    /// `--no-cache`.
    pub(super) fn sandbox(&self, limits: Limits) -> anyhow::Result<Sandbox> {
        let cache = if self.no_cache { None } else { cache_folder(variable) };
        Ok(Sandbox::new(limits, cache, Isolation::processes(false))?)
    }
}

/// The cache folder of compiled plugins by the XDG Base Directory Specification; `None` for a user without a home.
fn cache_folder(read_variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    // The specification ignores relative paths.
    let absolute = |name| read_variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("costwarden/compiled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_in_the_cache_folder_of_the_user() {
        let folder = |variables: &[(&str, &str)]| {
            let of =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            cache_folder(of).map(|folder| folder.display().to_string())
        };
        let home = ("HOME", "/home/ada");
        let cache = Some("/home/ada/.cache/costwarden/compiled".to_owned());
        assert_eq!(folder(&[home]), cache);
        assert_eq!(folder(&[("XDG_CACHE_HOME", "/var/ada"), home]), Some("/var/ada/costwarden/compiled".to_owned()));
        for ignored in ["", "relative"] {
            assert_eq!(folder(&[("XDG_CACHE_HOME", ignored), home]), cache, "{ignored:?} counts as not set");
        }
        assert_eq!((folder(&[]), folder(&[("HOME", "")])), (None, None));
    }
}
