//! The totals over all runs of a host, in a file of the state directory. A single run at a time replaces the file as a
//! whole.
//!
//! The run records in the store are no substitute: records are keyed by period, so the counts of a repeated run would
//! decrease, and the store is unreachable exactly when metrics matter.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::family::Kind;
use super::tally::{Labels, Tally};
use super::{Metric, MetricsError, textfile};

/// The totals over all runs of a host.
#[derive(Debug, PartialEq)]
pub(crate) struct Totals {
    /// Start of counting.
    pub(super) since: Timestamp,
    pub(super) values: Tally,
}

/// The JSON of the file. Values are strings, for an exact round trip: a slightly smaller value would look like a
/// counter reset.
#[derive(Serialize, Deserialize)]
struct Stored {
    since: Timestamp,
    /// Label sets and values by metric name.
    values: BTreeMap<String, Vec<(Vec<String>, String)>>,
}

/// Maximum wait for the lock of another run, held while two small files are written.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock of the totals. The lock is released on drop, or at the end of the process.
pub(super) async fn lock(state_dir: &Path) -> Result<File, MetricsError> {
    let path = state_dir.join("metrics.lock");
    let failed = |why| MetricsError::File { action: "lock", path: path.clone(), why };
    fs::create_dir_all(state_dir).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
                waited += PAUSE;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(MetricsError::Locked { path, seconds: PATIENCE.as_secs() });
            }
            Err(TryLockError::Error(why)) => return Err(failed(why)),
        }
    }
}

impl Totals {
    /// Reads the totals. An invalid file is renamed and counting starts again; Prometheus treats the reset like a
    /// restart.
    pub(super) fn read(state_dir: &Path, now: Timestamp) -> Result<Self, MetricsError> {
        let path = file(state_dir);
        let failed = |action, why| MetricsError::File { action, path: path.clone(), why };
        let text = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::new(now)),
            // Not UTF-8: handled like text that is no valid JSON.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(failed("read", error)),
        };
        let Some(totals) = text.and_then(|text| Self::parse(&text)) else {
            let aside = path.with_extension("unreadable");
            fs::rename(&path, &aside).map_err(|why| failed("set aside", why))?;
            tracing::warn!(
                "{} is invalid and was renamed to {}; metrics start at 0 again",
                path.display(),
                aside.display()
            );
            return Ok(Self::new(now));
        };
        Ok(totals)
    }

    /// Adds the counts of a run. Gauges replace the gauges of the run before, per job if the metric has a job label.
    /// Values of deleted rules and receivers are removed.
    pub(super) fn add(&mut self, run: Tally) {
        for (metric, values) in run.0 {
            let family = metric.family();
            let own = self.values.0.entry(metric).or_default();
            if family.is_by_name() {
                own.retain(|labels, _| values.contains_key(labels));
            }
            match family.kind {
                Kind::Counter => values.into_iter().for_each(|(labels, more)| *own.entry(labels).or_default() += more),
                Kind::Streak => {
                    for (labels, more) in values {
                        let value = own.entry(labels).or_default();
                        *value = if more > 0.0 { *value + more } else { 0.0 };
                    }
                }
                Kind::Gauge => {
                    let job = |labels: &Labels| {
                        let place = family.labels.iter().position(|label| *label == "job_name");
                        place.map(|place| labels[place].clone())
                    };
                    // All values of the job are replaced: a step without a run must not keep an old duration.
                    own.retain(|labels, _| values.keys().all(|new| job(new) != job(labels)));
                    own.extend(values);
                }
            }
        }
    }

    pub(super) fn write(&self, state_dir: &Path) -> Result<(), MetricsError> {
        let values = self.values.0.iter().map(|(metric, values)| {
            let value = |(labels, value): (&Labels, &f64)| {
                (labels.iter().map(ToString::to_string).collect(), value.to_string())
            };
            (metric.family().name.to_owned(), values.iter().map(value).collect())
        });
        let stored = Stored { since: self.since, values: values.collect() };
        let text = serde_json::to_string(&stored).expect("texts under texts");
        textfile::write(&file(state_dir), &text)
    }

    fn new(since: Timestamp) -> Self {
        Self { since, values: Tally::default() }
    }

    /// Parses the file. Metrics of other versions are skipped.
    fn parse(text: &str) -> Option<Self> {
        let Stored { since, values } = serde_json::from_str(text).ok()?;
        let mut tally = Tally::default();
        for (name, values) in values {
            let Some(metric) = Metric::of_name(&name) else { continue };
            for (labels, value) in values {
                let value = value.parse().ok().filter(|value: &f64| value.is_finite())?;
                // Another version may have had other labels.
                if labels.len() == metric.family().labels.len() {
                    tally.set(metric, &labels.iter().map(String::as_str).collect::<Vec<_>>(), value);
                }
            }
        }
        Some(Self { since, values: tally })
    }
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("metrics.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_397_400 + second).unwrap()
    }

    fn tally(figures: &[(Metric, &[&str], f64)]) -> Tally {
        let mut tally = Tally::default();
        figures.iter().for_each(|(metric, labels, value)| tally.add(*metric, labels, *value));
        tally
    }

    fn after(runs: &[Tally]) -> Tally {
        let mut totals = Totals::new(at(0));
        runs.iter().for_each(|run| totals.add(run.clone()));
        totals.values
    }

    #[test]
    fn counters_go_on_and_gauges_are_replaced() {
        let one = tally(&[
            (Metric::Runs, &["daily", "done"], 1.0),
            (Metric::StageSeconds, &["daily", "fetch"], 1.0),
            (Metric::StageSeconds, &["daily", "learn"], 1.0),
            (Metric::OpenIncidents, &["up", "critical"], 2.0),
            (Metric::Spooled, &[], 4.0),
        ]);
        let other = tally(&[
            (Metric::Runs, &["daily", "done"], 1.0),
            (Metric::Runs, &["hourly", "failed"], 1.0),
            (Metric::StageSeconds, &["daily", "fetch"], 0.5),
            (Metric::StageSeconds, &["hourly", "fetch"], 3.0),
            (Metric::OpenIncidents, &["down", "critical"], 1.0),
        ]);
        let expected = tally(&[
            (Metric::Runs, &["daily", "done"], 2.0),
            (Metric::Runs, &["hourly", "failed"], 1.0),
            (Metric::StageSeconds, &["daily", "fetch"], 0.5),
            (Metric::StageSeconds, &["hourly", "fetch"], 3.0),
            (Metric::OpenIncidents, &["down", "critical"], 1.0),
            (Metric::Spooled, &[], 4.0),
        ]);
        assert_eq!(after(&[one, other]), expected);
    }

    #[test]
    fn failures_add_up_until_a_run_succeeds() {
        let run = |failed| tally(&[(Metric::FailuresInARow, &["daily"], failed)]);
        assert_eq!(after(&[run(1.0), run(1.0), run(1.0)]), run(3.0));
        assert_eq!(after(&[run(1.0), run(0.0), run(1.0)]), run(1.0));
        assert_eq!(after(&[run(1.0), run(0.0)]), run(0.0));
    }

    #[test]
    fn rules_that_are_gone_are_forgotten() {
        let fuel = |rules: &[&str]| {
            let mut tally = Tally::default();
            rules.iter().for_each(|rule| tally.add(Metric::DetectorFuel, &[rule, "plugin"], 1.0));
            tally
        };
        let nothing = tally(&[(Metric::Runs, &["daily", "failed"], 1.0)]);
        let totals = after(&[fuel(&["a", "b"]), nothing.clone(), fuel(&["b", "c"])]);
        assert_eq!(totals.0[&Metric::DetectorFuel].values().collect::<Vec<_>>(), [&2.0, &1.0]);
        assert_eq!(after(&[fuel(&["a"]), nothing]).sum(Metric::DetectorFuel), 1.0, "nobody spoke of rules");
    }

    #[test]
    fn values_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut totals = Totals::read(folder.path(), at(0)).unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        for run in 0..200 {
            totals.add(tally(&[(Metric::DetectorSeconds, &["rule \"x\"\n", "p"], random.f64() / 3.0)]));
            totals.write(folder.path()).unwrap();
            assert_eq!(Totals::read(folder.path(), at(run)).unwrap(), totals);
        }
    }

    #[test]
    fn a_file_that_is_not_understood_is_set_aside() {
        for text in ["", "{", "{\"since\":1}", "\u{0}"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(file(folder.path()), text).unwrap();
            assert_eq!(Totals::read(folder.path(), at(7)).unwrap(), Totals::new(at(7)));
            assert_eq!(fs::read_to_string(folder.path().join("metrics.unreadable")).unwrap(), text);
            assert!(!file(folder.path()).exists());
        }
    }

    #[tokio::test]
    async fn runs_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).await.unwrap();
        let path = folder.path().to_owned();
        let second = tokio::spawn(async move { lock(&path).await.map(drop) });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(held);
        second.await.unwrap().unwrap();
    }
}
