//! One call into the sandbox, for what measures it against a native one (`tests/benches/boundary`).

use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::detector::{Artifact, Call, Compiler, Detector, Fitted, Grants, Limits, Sandbox, Verdict};
use crate::series::{Series, Window};

/// A plugin in the sandbox, under the limits that are the default, on one thread; and the daily series that it is asked
/// about.
pub struct Sandboxed {
    detector: Detector,
    history: Vec<Series>,
    windows: Vec<Window>,
    verdicts: Vec<Vec<Verdict>>,
}

const CALL: Call<'static> = Call { rule: "bench", settings: "{}", unit: "KRW", locale: "en" };

/// What this process has used of all cores: unlike the clock on the wall, it does not count what others do on them.
#[must_use]
pub fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).expect("a process has run for some time")
}

impl Sandboxed {
    /// Loads a plugin's file, to be called with so many series in a batch; a series is its id, the unix seconds of its
    /// first value, and its values.
    ///
    /// # Errors
    /// It cannot be read, or is no plugin.
    pub fn load(path: &Path, batch: usize, series: Vec<(String, i64, Vec<f64>)>) -> Result<Self, String> {
        let artifact = Artifact::read(path, u64::MAX).map_err(|error| error.to_string())?;
        let sandbox = Sandbox::new(Limits::default(), None, Compiler::Here).map_err(|error| error.to_string())?;
        let mut detector = sandbox.load_any(&artifact, &Grants::default()).map_err(|error| error.to_string())?;
        let history = series.into_iter().map(|(id, start, values)| Series {
            id,
            start,
            utc_offset: 0,
            step: 86_400,
            values,
            excluded: Vec::new(),
        });
        detector.cut_into(batch);
        Ok(Self { detector, history: history.collect(), windows: Vec::new(), verdicts: Vec::new() })
    }

    /// Fits each series.
    ///
    /// # Errors
    /// The first failure.
    pub fn fit(&mut self) -> Result<Duration, String> {
        let started = cpu_time();
        let outcome = self.detector.fit(&CALL, &self.history);
        let took = cpu_time() - started;
        self.windows.clear();
        for (series, fitted) in self.history.iter().zip(outcome.results) {
            let Fitted { state, .. } = fitted.map_err(|failure| failure.to_string())?;
            let judge_from = series.values.len() as u32 - 1;
            self.windows.push(Window { series: series.clone(), state, judge_from });
        }
        Ok(took)
    }

    /// Judges the last value of each series by what [`Self::fit`] learned.
    ///
    /// # Errors
    /// The first failure.
    pub fn judge(&mut self) -> Result<Duration, String> {
        let started = cpu_time();
        let outcome = self.detector.judge(&CALL, &self.windows);
        let took = cpu_time() - started;
        let verdicts = outcome.results.into_iter().collect::<Result<_, _>>();
        self.verdicts = verdicts.map_err(|failure| failure.to_string())?;
        Ok(took)
    }

    /// What the last fit learned of each series.
    pub fn states(&self) -> impl Iterator<Item = &[u8]> {
        self.windows.iter().map(|window| &window.state[..])
    }

    /// What the last judgement said of each series: score, expectation, bounds and reason of each verdict.
    pub fn verdicts<'a>(&'a self) -> impl Iterator<Item = Vec<(f64, f64, f64, f64, &'a str)>> {
        let plain = |v: &'a Verdict| (v.score, v.expected, v.lower, v.upper, v.reason.as_str());
        self.verdicts.iter().map(move |verdicts| verdicts.iter().map(plain).collect())
    }
}
