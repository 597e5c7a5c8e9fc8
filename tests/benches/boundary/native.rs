//! The native side: the detector through the glue of the SDK, with the same batches and owned data as in the sandbox.

use std::marker::PhantomData;
use std::time::Duration;

use costwarden_sdk::bindings::costwarden::detector::types;
use costwarden_sdk::{Context, Detector, Refusal, Series, Verdict, glue, native};

use crate::sandboxed::{Sandboxed, cpu_time};
use crate::{BATCH, Side};

/// A detector without a sandbox, and its series.
pub(crate) struct Native<D> {
    context: Context,
    history: Vec<Series>,
    states: Vec<Vec<u8>>,
    verdicts: Vec<Vec<Verdict>>,
    detector: PhantomData<D>,
}

impl<D: Detector> Native<D> {
    pub(crate) fn new(all: Vec<(String, i64, Vec<f64>)>) -> Self {
        let series =
            |(id, start, values)| Series { id, start, utc_offset: 0, step: 86_400, values, excluded: Vec::new() };
        let history = all.into_iter().map(series).collect();
        Self {
            context: native::context("{}"),
            history,
            states: Vec::new(),
            verdicts: Vec::new(),
            detector: PhantomData,
        }
    }
}

impl<D: Detector> Side for Native<D> {
    fn fit(&mut self) -> anyhow::Result<Duration> {
        let batches: Vec<Vec<Series>> = self.history.chunks(BATCH).map(<[Series]>::to_vec).collect();
        let started = cpu_time();
        let results: Vec<_> = batches.into_iter().map(|batch| glue::fit::<D>(&self.context, batch)).collect();
        let took = cpu_time() - started;
        let states = results.into_iter().flatten().map(|result| Ok(result.map_err(|refusal| refused(&refusal))?.state));
        self.states = states.collect::<anyhow::Result<_>>()?;
        Ok(took)
    }

    fn judge(&mut self) -> anyhow::Result<Duration> {
        let window = |(series, state): (&Series, &Vec<u8>)| types::Window {
            series: series.clone(),
            state: state.clone(),
            judge_from: series.len() as u32 - 1,
        };
        let windows: Vec<types::Window> = self.history.iter().zip(&self.states).map(window).collect();
        let mut windows = windows.into_iter();
        let mut batches = Vec::new();
        while windows.len() > 0 {
            batches.push(windows.by_ref().take(BATCH).collect::<Vec<_>>());
        }
        let started = cpu_time();
        let results: Vec<_> = batches.into_iter().map(|batch| glue::judge::<D>(&self.context, batch)).collect();
        let took = cpu_time() - started;
        self.verdicts = results.into_iter().flatten().collect::<Result<_, _>>().map_err(|refusal| refused(&refusal))?;
        Ok(took)
    }

    fn agrees(&self, sandboxed: &Sandboxed) -> bool {
        fn plain(v: &Verdict) -> (f64, f64, f64, f64, &str) {
            (v.score, v.expected, v.lower, v.upper, &v.reason)
        }
        let verdicts = self.verdicts.iter().map(|verdicts| verdicts.iter().map(plain).collect::<Vec<_>>());
        self.states.iter().map(|state| &state[..]).eq(sandboxed.states()) && verdicts.eq(sandboxed.verdicts())
    }
}

fn refused(refusal: &Refusal) -> anyhow::Error {
    anyhow::anyhow!("refused: {refusal:?}")
}
