//! The sandbox: runs third-party detectors, compiled to WebAssembly, under limits on every resource.
//!
//! A [`Sandbox`] loads plugins; a [`Detector`] fits and judges series in batches. A plugin can import `log` and, if the
//! operator granted the import, `reference`. Nothing else is linked: no WASI, clock, randomness, files or network. The
//! sandbox does not choose the series and does not use the verdicts; the pipeline does both.

mod artifact;
mod batch;
mod bindings;
mod cache;
mod compile;
mod compiled;
mod componentize;
mod contract;
pub mod disuse;
mod engine;
mod failure;
pub mod fuel;
mod limits;
mod loading;
mod log;
mod meter;
mod output;
pub mod packed;
mod reference;
mod session;
mod slots;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use model::series::{Series, Window};

pub use self::artifact::Artifact;
pub use self::cache::tidy as tidy_cache;
pub use self::compile::{Compiler, Order, serve};
pub use self::engine::{Sandbox, SandboxError};
pub use self::failure::{Breach, Failure, Site};
pub use self::limits::Limits;
pub use self::loading::{Fault as LoadFault, LoadError};
pub use self::output::plain;

use self::session::Program;

/// The version of `plugin-sdk/wit` implemented by this host.
pub const CONTRACT: &str = "1.0.0";

/// Permissions of a plugin beyond the input of a call, granted by the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// The directory with the files readable through `reference.read`.
    pub reference: Option<PathBuf>,
}

/// A loaded plugin with a valid contract. Calls are independent: every batch runs in a fresh instance.
pub struct Detector {
    pub manifest: Manifest,
    /// SHA-256 of the plugin file, in hex.
    pub digest: String,
    /// File name of the compiled code in the cache.
    pub entry: String,
    program: Program,
    cut: batch::Cut,
}

/// The metadata returned by the plugin's `describe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub summary: String,
    /// JSON Schema of the settings; a valid JSON object.
    pub settings_schema: String,
    /// Minimum length of a history for a fit, in points.
    pub min_points: u32,
    pub scope: Scope,
}

/// The inputs that determine a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Each result depends on a single input. Batches can be cut anywhere.
    Each,
    /// Each result depends on all inputs of the call. The inputs form a group of peers.
    Group,
}

/// The rule and the `context` record of a call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    pub rule: &'a str,
    /// JSON accepted by [`Detector::check_settings`].
    pub settings: &'a str,
    /// Unit of the values, e.g. `KRW`.
    pub unit: &'a str,
    /// Language of the reasons, e.g. `ko`.
    pub locale: &'a str,
}

/// The results and the usage of a call over many series.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<T> {
    /// A result per input, in input order.
    pub results: Vec<Result<T, Failure>>,
    pub usage: Usage,
}

/// The resources used by a call. Equal inputs give equal usage on every machine, with any number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Fuel used; a unit is about a WebAssembly instruction.
    pub fuel: u64,
    /// Fuel limit of all batches, without the additional fuel of retried series.
    pub budget: u64,
    /// Peak total of the memories of an instance, in bytes.
    pub memory_bytes: usize,
    pub batches: u64,
    /// Series called again individually after a failure of the batch.
    pub retried: u64,
}

/// The result of fitting a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Opaque state; valid only for a plugin with the same digest.
    pub state: Vec<u8>,
    /// Finite values with unique names of ASCII letters, digits, `_` and `-`.
    pub figures: Vec<(String, f64)>,
}

/// A judged point.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Index into the window's values, at least `judge_from`.
    pub index: u32,
    /// Finite; a score of 1 or more is anomalous.
    pub score: f64,
    /// Finite.
    pub expected: f64,
    /// Never NaN; can be infinite.
    pub lower: f64,
    /// Never NaN; can be infinite.
    pub upper: f64,
    /// A single line of text, safe in terminals and logs.
    pub reason: String,
}

/// A problem in a rule's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// JSON pointer into the settings.
    pub pointer: String,
    pub message: String,
}

impl Sandbox {
    /// Returns the engine, for tests of the fuel meter.
    pub fn engine(&self) -> &wasmtime::Engine {
        &self.engine
    }
}

impl Scope {
    /// Returns the spelling used in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Group => "group",
        }
    }
}

impl Issue {
    /// Returns the location in the settings, for messages.
    pub fn place(&self) -> &str {
        if self.pointer.is_empty() { "as a whole" } else { &self.pointer }
    }
}

impl Detector {
    /// Returns the issues that the plugin finds in the settings. The settings may be invalid JSON.
    pub fn check_settings(&self, settings: &str) -> Result<Vec<Issue>, Failure> {
        let issues = self.program.check_settings(settings);
        issues.map_err(|breach| Failure::Broken { site: Site::plugin(&self.manifest.name), breach })
    }

    /// Fits each series.
    pub fn fit(&self, call: &Call<'_>, history: &[Series]) -> Outcome<Fitted> {
        let limits = &self.program.limits;
        batch::run(
            &self.batches(call, session::Kind::Fit),
            history,
            |series| &series.id,
            session::fit,
            |_, baseline| output::fitted(baseline, limits),
        )
    }

    /// Judges each window. Every state must come from a fit by a plugin with the same digest.
    pub fn judge(&self, call: &Call<'_>, windows: &[Window]) -> Outcome<Vec<Verdict>> {
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

    /// Returns the limits of the plugin's calls.
    pub fn limits(&self) -> &Limits {
        &self.program.limits
    }

    /// Sets the number of series per batch and disables parallel batches, for measurements.
    pub fn cut_into(&mut self, series: usize) {
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
