//! A loaded plugin: checks settings, fits series and judges windows.

use std::sync::Arc;

use model::series::{Series, Window};

use crate::call::{CallContext, CallKind, CallOutcome, Fitted, Issue, Verdict};
use crate::failure::{Failure, FailureContext};
use crate::limits::Limits;
use crate::manifest::{Manifest, Scope};
use crate::protocol::Call;
use crate::run::batch::{self, BatchCall, Batching, Operation};
use crate::run::repetition::repeat;
use crate::run::subject::CallPoints;
use crate::run::{DifferentSample, Plugin, output};
use crate::stored_results::StoredResults;

/// A loaded plugin with a valid contract. Calls are independent: every call runs in a fresh instance in a worker process.
pub struct Detector {
    pub manifest: Manifest,
    /// SHA-256 of the plugin file, in hex.
    pub digest: String,
    /// File name of the compiled code in the cache.
    pub cache_entry: String,
    pub(crate) plugin: Plugin,
    /// `None` without a cache, and for a plugin with reference data.
    pub(crate) stored: Option<StoredResults>,
    pub(crate) batching: Batching,
}

impl Detector {
    /// Returns the issues that the plugin finds in the settings. The settings may be invalid JSON. Calls the plugin unless
    /// the cache has the result.
    pub fn check_settings(&self, settings: &str) -> Result<Vec<Issue>, Failure> {
        if let Some(issues) = self.stored.as_ref().and_then(|stored| stored.issues(settings)) {
            return Ok(issues);
        }
        let issues = self
            .plugin
            .check_settings(settings)
            .map_err(|error| Failure::Call { context: FailureContext::plugin(&self.manifest.name), error })?;
        if let Some(stored) = &self.stored {
            stored.put_issues(settings, &issues);
        }
        Ok(issues)
    }

    /// Fits each series.
    pub fn fit(&self, context: &CallContext<'_>, history: &[Series]) -> CallOutcome<Fitted> {
        let limits = &self.plugin.limits;
        let operation = Operation {
            points: |series: &Series| CallPoints { series, first: 0 },
            call: |context, history| Call::fit(context, history),
            check: |_: &Series, baseline| output::check_baseline(baseline, limits),
        };
        batch::run(&self.batch_call(context, CallKind::Fit), history, &operation)
    }

    /// Judges each window. Every state must come from a fit by a plugin with the same digest.
    pub fn judge(&self, context: &CallContext<'_>, windows: &[Window]) -> CallOutcome<Vec<Verdict>> {
        let limits = &self.plugin.limits;
        let operation = Operation {
            points: |window: &Window| CallPoints { series: &window.series, first: window.judge_from as usize },
            call: |context, windows| Call::judge(context, windows),
            check: |window: &Window, verdicts| output::check_verdicts(verdicts, window, limits),
        };
        batch::run(&self.batch_call(context, CallKind::Judge), windows, &operation)
    }

    /// Fits a sample of the series again, alone and behind one other series, and compares with the results of
    /// [`Self::fit`]. A detector that compares the series of a call has no sample.
    pub fn repeat_fit(
        &self,
        context: &CallContext<'_>,
        history: &[Series],
        results: &[Result<Fitted, Failure>],
    ) -> Option<DifferentSample> {
        self.repeats().then(|| repeat("fit", history, results, |series| self.fit(context, series).results))?
    }

    /// Judges a sample of the windows again, like [`Self::repeat_fit`].
    pub fn repeat_judge(
        &self,
        context: &CallContext<'_>,
        windows: &[Window],
        results: &[Result<Vec<Verdict>, Failure>],
    ) -> Option<DifferentSample> {
        self.repeats().then(|| repeat("judge", windows, results, |windows| self.judge(context, windows).results))?
    }

    fn repeats(&self) -> bool {
        self.manifest.scope == Scope::Each
    }

    /// Returns the limits of the plugin's calls.
    pub fn limits(&self) -> &Limits {
        &self.plugin.limits
    }

    /// Sets the number of series per batch and disables parallel batches, for measurements.
    pub fn set_batch_size(&mut self, series: usize) {
        self.batching = Batching { series, threads: 1 };
    }

    fn batch_call<'a>(&'a self, context: &'a CallContext<'a>, kind: CallKind) -> BatchCall<'a> {
        BatchCall {
            plugin: &self.plugin,
            name: Arc::from(self.manifest.name.as_str()),
            context,
            kind,
            scope: self.manifest.scope,
            batching: self.batching,
        }
    }
}
