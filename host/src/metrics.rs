//! Metrics for Prometheus and OpenTelemetry: gauges of the last run and counters over all runs, in a textfile for the
//! node exporter and in a push to a collector.
//!
//! A run is over before a scrape, so totals are stored in the state directory. A run counts into a [`Tally`]; the jobs
//! decide the counts.

mod export;
mod family;
pub(crate) mod options;
mod otlp;
mod tally;
mod textfile;
mod totals;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;

pub(crate) use self::family::Metric;
pub(crate) use self::tally::Tally;
use self::totals::Totals;
use transport::http::Authority;

/// The destinations of metrics; none by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetricsOptions {
    /// Textfile in the folder of the node exporter's textfile collector.
    pub(crate) textfile: Option<PathBuf>,
    pub(crate) otlp: Option<OtlpOptions>,
}

/// An OpenTelemetry collector with OTLP over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct OtlpOptions {
    /// Base address, without `/v1/metrics`.
    pub(crate) endpoint: Url,
    pub(crate) authority: Option<Authority>,
    pub(crate) timeout: Duration,
}

/// Adds the counts of a run to the totals, and writes the textfile. If the state directory is not writable, the
/// textfile has the gauges of the run and unchanged counters: a counter that is not stored would decrease at the next
/// run.
///
/// # Errors
/// A file could not be read or written. The counts of the run are lost; the totals are not.
pub(crate) async fn keep(
    options: &MetricsOptions,
    state_dir: &Path,
    run: Tally,
    now: Timestamp,
) -> Result<Kept, MetricsError> {
    if options.textfile.is_none() && options.otlp.is_none() {
        return Ok(Kept { totals: None, unkept: None });
    }
    let (lock, unlocked) = match totals::lock(state_dir).await {
        Ok(lock) => (Some(lock), None),
        // Another run is writing: without the lock the textfile must not be replaced either.
        Err(error @ MetricsError::Locked { .. }) => return Err(error),
        Err(error) => (None, Some(error)),
    };
    let mut totals = Totals::read(state_dir, now)?;
    totals.add(run.clone());
    let unkept = unlocked.or_else(|| totals.write(state_dir).err());
    if unkept.is_some() {
        // Read again, because the totals in memory contain counts missing in the file.
        totals = Totals::read(state_dir, now)?;
        totals.add(run.without_counters());
    }
    if let Some(path) = &options.textfile {
        // Under the lock: an earlier run must not replace the textfile of a later run.
        textfile::write(path, &export::text(&totals.values))?;
    }
    // Released before the push: a slow collector must not block other runs.
    drop(lock);
    Ok(Kept { totals: options.otlp.is_some().then_some(totals), unkept })
}

/// The result of [`keep`].
pub(crate) struct Kept {
    /// The totals to push; `None` without a collector.
    totals: Option<Totals>,
    /// The reason for missing counts of the run in the totals.
    pub(crate) unkept: Option<MetricsError>,
}

impl Kept {
    /// Pushes the totals.
    ///
    /// # Errors
    /// The collector did not accept the totals. Totals are cumulative, so the next push contains the missing counts.
    pub(crate) async fn push(&self, options: &MetricsOptions, host: &str, now: Timestamp) -> Result<(), MetricsError> {
        match (&self.totals, &options.otlp) {
            (Some(totals), Some(options)) => otlp::push(options, &otlp::body(totals, host, now)).await,
            _ => Ok(()),
        }
    }
}

/// An error of storing or pushing metrics.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetricsError {
    #[error("{path}: locked by another run for {seconds} s: metrics are not written; check for a hanging run", path = path.display())]
    Locked { path: PathBuf, seconds: u64 },
    #[error("cannot {action} {path} ({why}): some metrics of this run are lost; check that the folder exists, is writable and has space", path = path.display())]
    File { action: &'static str, path: PathBuf, why: std::io::Error },
    #[error("the collector at {url} rejected the metrics: {why}; check metrics.otlp_endpoint")]
    Push { url: Url, why: String },
}
