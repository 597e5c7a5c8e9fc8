//! What monitoring sees of runs that are over before it looks: figures of the last run, and totals that go on from run to
//! run, as a textfile for the node exporter and as a push to an OpenTelemetry collector.
//!
//! A run counts into a [`Tally`]; the totals are kept in the state directory. How a job counts is not known here.

mod export;
mod family;
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
use crate::http::Authority;

/// Where figures go; nowhere by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetricsOptions {
    /// In the folder that the node exporter's textfile collector reads.
    pub(crate) textfile: Option<PathBuf>,
    pub(crate) otlp: Option<OtlpOptions>,
}

/// A collector that takes OTLP over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct OtlpOptions {
    /// Without `/v1/metrics`.
    pub(crate) endpoint: Url,
    pub(crate) authority: Option<Authority>,
    pub(crate) timeout: Duration,
}

/// Adds what a run came to to the totals, and writes the textfile. Where the state directory takes no totals, the textfile
/// has the run's own figures all the same, and counters as they were: what is not kept must not be counted, or they would go
/// backwards at the next run.
///
/// # Errors
/// What could not be read or written. What the run counted is lost then, the totals are not.
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
        Err(error @ MetricsError::Locked { .. }) => return Err(error),
        Err(error) => (None, Some(error)),
    };
    let mut totals = Totals::read(state_dir, now)?;
    totals.add(run.clone());
    let unkept = unlocked.or_else(|| totals.write(state_dir).err());
    if unkept.is_some() {
        totals = Totals::read(state_dir, now)?;
        totals.add(run.without_counters());
    }
    if let Some(path) = &options.textfile {
        // Under the lock: a run that ended earlier must not replace what a later one wrote.
        textfile::write(path, &export::text(&totals.values))?;
    }
    drop(lock);
    Ok(Kept { totals: options.otlp.is_some().then_some(totals), unkept })
}

/// What came of a run's figures.
pub(crate) struct Kept {
    /// What is to be pushed, if anything is.
    totals: Option<Totals>,
    /// Why what the run counted is not in the totals.
    pub(crate) unkept: Option<MetricsError>,
}

impl Kept {
    /// Pushes the totals.
    ///
    /// # Errors
    /// The collector did not take them. They are cumulative: the next push makes up for it.
    pub(crate) async fn push(&self, options: &MetricsOptions, host: &str, now: Timestamp) -> Result<(), MetricsError> {
        match (&self.totals, &options.otlp) {
            (Some(totals), Some(options)) => otlp::push(options, &otlp::body(totals, host, now)).await,
            _ => Ok(()),
        }
    }
}

/// Why figures did not reach whom they are for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetricsError {
    #[error("{path}: another run has held it for {seconds} s: metrics are not written; look for a run that hangs", path = path.display())]
    Locked { path: PathBuf, seconds: u64 },
    #[error("cannot {action} {path} ({why}): not all metrics of this run are kept; check that the folder exists, is writable and has space", path = path.display())]
    File { action: &'static str, path: PathBuf, why: std::io::Error },
    #[error("the collector at {url} did not take the metrics: {why}; check metrics.otlp_endpoint")]
    Push { url: Url, why: String },
}
