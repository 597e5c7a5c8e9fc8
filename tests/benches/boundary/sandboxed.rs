//! The sandboxed side: a plugin with the default limits on one thread, and its series.

use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use model::series::{Series, Window};
use sandbox::{Artifact, CallContext, Detector, Fitted, Grants, Isolation, Limits, Sandbox, Verdict};

/// A loaded plugin with its daily series.
pub(crate) struct Sandboxed {
    detector: Detector,
    history: Vec<Series>,
    windows: Vec<Window>,
    verdicts: Vec<Vec<Verdict>>,
}

const CONTEXT: CallContext<'static> = CallContext { rule: "bench", settings: "{}", unit: "KRW", locale: "en" };

/// Returns the CPU time of this process. Unlike the wall clock, CPU time ignores the work of other processes.
pub(crate) fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("a process has run for some time")
}

impl Sandboxed {
    /// Loads a plugin file for batches of `batch` series. A series is an id, the Unix seconds of the first point, and
    /// values.
    ///
    /// # Errors
    /// The file is unreadable or not a plugin.
    pub(crate) fn load(path: &Path, batch: usize, series: Vec<(String, i64, Vec<f64>)>) -> Result<Self, String> {
        let artifact = Artifact::read(path, u64::MAX).map_err(|error| error.to_string())?;
        let sandbox = Sandbox::new(Limits::default(), None, Isolation::InProcess).map_err(|error| error.to_string())?;
        let mut detector = sandbox.load_any(&artifact, &Grants::default()).map_err(|error| error.to_string())?;
        let history = series.into_iter().map(|(id, start, values)| Series {
            id,
            start,
            utc_offset: 0,
            step: 86_400,
            values,
            excluded: Vec::new(),
        });
        detector.set_batch_size(batch);
        Ok(Self { detector, history: history.collect(), windows: Vec::new(), verdicts: Vec::new() })
    }

    /// Fits each series.
    ///
    /// # Errors
    /// The first failure.
    pub(crate) fn fit(&mut self) -> Result<Duration, String> {
        let started = cpu_time();
        let outcome = self.detector.fit(&CONTEXT, &self.history);
        let took = cpu_time() - started;
        self.windows.clear();
        for (series, fitted) in self.history.iter().zip(outcome.results) {
            let Fitted { state, .. } = fitted.map_err(|failure| failure.to_string())?;
            let judge_from = series.values.len() as u32 - 1;
            self.windows.push(Window { series: series.clone(), state, judge_from });
        }
        Ok(took)
    }

    /// Judges the last point of each series with the state of [`Self::fit`].
    ///
    /// # Errors
    /// The first failure.
    pub(crate) fn judge(&mut self) -> Result<Duration, String> {
        let started = cpu_time();
        let outcome = self.detector.judge(&CONTEXT, &self.windows);
        let took = cpu_time() - started;
        let verdicts = outcome.results.into_iter().collect::<Result<_, _>>();
        self.verdicts = verdicts.map_err(|failure| failure.to_string())?;
        Ok(took)
    }

    /// The state of each series after the last fit.
    pub(crate) fn states(&self) -> impl Iterator<Item = &[u8]> {
        self.windows.iter().map(|window| &window.state[..])
    }

    /// Verdicts of each series: score, expected value, bounds and reason.
    pub(crate) fn verdicts<'a>(&'a self) -> impl Iterator<Item = Vec<(f64, f64, f64, f64, &'a str)>> {
        let plain = |v: &'a Verdict| (v.score, v.expected, v.lower, v.upper, v.reason.as_str());
        self.verdicts.iter().map(move |verdicts| verdicts.iter().map(plain).collect())
    }
}
