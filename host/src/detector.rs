//! The sandbox: other people's detectors, as WebAssembly, with limits on everything that they can use up.
//!
//! A [`Sandbox`] loads plugins, a [`Detector`] fits and judges series in batches. Nothing is linked into a plugin but
//! `log` and, where the operator granted it, `reference`: no WASI, no clock, no randomness, no files, no network.
//! Which series are judged, and what becomes of the verdicts, is the business of [`crate::job`].

mod artifact;
mod batch;
mod bindings;
mod cache;
mod compile;
mod compiled;
mod componentize;
mod contract;
mod engine;
mod failure;
pub(crate) mod fuel;
mod limits;
mod loading;
mod log;
mod meter;
mod output;
mod reference;
mod session;
mod slots;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::series::{Series, Window};

pub(crate) use self::artifact::Artifact;
pub(crate) use self::cache::tidy as tidy_cache;
pub(crate) use self::compile::{Compiler, Order, serve};
pub(crate) use self::engine::{Sandbox, SandboxError};
pub(crate) use self::failure::{Breach, Failure, Site};
pub(crate) use self::limits::Limits;
pub(crate) use self::loading::{Fault as LoadFault, LoadError};
pub(crate) use self::output::plain;

use self::session::Program;

/// The version of `plugin-sdk/wit` that this host speaks.
pub(crate) const CONTRACT: &str = "1.0.0";

/// What the operator lets one plugin see besides its input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    /// The directory whose files `reference.read` gives.
    pub(crate) reference: Option<PathBuf>,
}

/// A loaded plugin that keeps the contract. Calls are independent of each other: every batch meets a fresh instance.
pub(crate) struct Detector {
    pub(crate) manifest: Manifest,
    /// SHA-256 of the file's bytes, in hex.
    pub(crate) digest: String,
    /// The name of its compiled code in the cache.
    pub(crate) entry: String,
    program: Program,
    cut: batch::Cut,
}

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    /// JSON Schema of the settings; valid JSON.
    pub(crate) settings_schema: String,
    /// A shorter history is not worth a fit.
    pub(crate) min_points: u32,
    pub(crate) scope: Scope,
}

/// What one result depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// On its own input alone: batches are cut anywhere.
    Each,
    /// On all inputs of the call: they are one group of peers.
    Group,
}

/// For which rule a detector is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) rule: &'a str,
    /// JSON that [`Detector::check_settings`] had no issues with.
    pub(crate) settings: &'a str,
    /// Of the values, e.g. `KRW`.
    pub(crate) unit: &'a str,
    /// Of the reasons, e.g. `ko`.
    pub(crate) locale: &'a str,
}

/// What came of a call over many series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome<T> {
    /// One for each input, in its order.
    pub(crate) results: Vec<Result<T, Failure>>,
    pub(crate) usage: Usage,
}

/// What a call cost. The same input costs the same everywhere, however many threads run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// About one a WebAssembly instruction.
    pub(crate) fuel: u64,
    /// The fuel that the batches could have used, without what is given to series that are called again.
    pub(crate) budget: u64,
    /// The most that the memories of one instance had together.
    pub(crate) memory_bytes: usize,
    pub(crate) batches: u64,
    /// Series that were called again alone, since their batch failed.
    pub(crate) retried: u64,
}

/// What a detector learned of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fitted {
    /// Opaque; to be given to the same digest alone.
    pub(crate) state: Vec<u8>,
    /// Finite, each name once, of ASCII letters, digits, `_` and `-`.
    pub(crate) figures: Vec<(String, f64)>,
}

/// One judged point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// Into the window's values, at least its `judge_from`.
    pub(crate) index: u32,
    /// Finite; anomalous from 1 on.
    pub(crate) score: f64,
    /// Finite.
    pub(crate) expected: f64,
    /// Never NaN, possibly infinite.
    pub(crate) lower: f64,
    /// Never NaN, possibly infinite.
    pub(crate) upper: f64,
    /// One line, fit for a terminal and a log.
    pub(crate) reason: String,
}

/// What is wrong with a rule's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issue {
    /// JSON pointer into the settings.
    pub(crate) pointer: String,
    pub(crate) message: String,
}

impl Sandbox {
    /// What plugins are compiled by and run in: for tests of the meter.
    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        &self.engine
    }
}

impl Scope {
    /// As the contract spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Group => "group",
        }
    }
}

impl Issue {
    /// Where in the settings, in words.
    pub(crate) fn place(&self) -> &str {
        if self.pointer.is_empty() { "as a whole" } else { &self.pointer }
    }
}

impl Detector {
    /// What the plugin itself finds wrong with settings, which need be no valid JSON.
    pub(crate) fn check_settings(&self, settings: &str) -> Result<Vec<Issue>, Failure> {
        let issues = self.program.check_settings(settings);
        issues.map_err(|breach| Failure::Broken { site: Site::plugin(&self.manifest.name), breach })
    }

    /// Learns each series.
    pub(crate) fn fit(&self, call: &Call<'_>, history: &[Series]) -> Outcome<Fitted> {
        let limits = &self.program.limits;
        batch::run(
            &self.batches(call, session::Kind::Fit),
            history,
            |series| &series.id,
            session::fit,
            |_, baseline| output::fitted(baseline, limits),
        )
    }

    /// Judges each window, given the state that this very digest fitted.
    pub(crate) fn judge(&self, call: &Call<'_>, windows: &[Window]) -> Outcome<Vec<Verdict>> {
        let limits = &self.program.limits;
        let batches = self.batches(call, session::Kind::Judge);
        batch::run(
            &batches,
            windows,
            |window| &window.series.id,
            session::judge,
            |window, verdicts| output::verdicts(verdicts, window, limits),
        )
    }

    /// Under which limits it runs.
    pub(crate) fn limits(&self) -> &Limits {
        &self.program.limits
    }

    /// Calls it with so many series at a time, one batch after the other: for measurements.
    pub(crate) fn cut_into(&mut self, series: usize) {
        self.cut = batch::Cut { series, threads: 1 };
    }

    fn batches<'a>(&'a self, call: &'a Call<'a>, kind: session::Kind) -> batch::Batches<'a> {
        batch::Batches {
            program: &self.program,
            plugin: Arc::from(self.manifest.name.as_str()),
            call,
            kind,
            scope: self.manifest.scope,
            cut: self.cut,
        }
    }
}
