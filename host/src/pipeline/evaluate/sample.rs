//! The check of a sample: one series of each detector call of a finished day is called again in other batches. A different
//! result is a problem of the run. The fuel of the repetition is not counted.

use model::series::{Series, Window};
use sandbox::{DifferentSample, Failure, Fitted, Verdict};

use super::evaluator::Evaluator;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::Remark;

/// A series with another result in another batch, as a problem.
pub(super) struct SampleProblem(String);

impl Evaluator<'_> {
    /// Fits a sample again.
    pub(super) fn repeat_fit(
        &self,
        prepared: &PreparedRule,
        history: &[Series],
        results: &[Result<Fitted, Failure>],
    ) -> Option<SampleProblem> {
        let different = prepared.detector.repeat_fit(&self.call(prepared), history, results)?;
        Some(SampleProblem::new(prepared, &history[different.index], &different))
    }

    /// Judges a sample again.
    pub(super) fn repeat_judge(
        &self,
        prepared: &PreparedRule,
        windows: &[Window],
        results: &[Result<Vec<Verdict>, Failure>],
    ) -> Option<SampleProblem> {
        let different = prepared.detector.repeat_judge(&self.call(prepared), windows, results)?;
        Some(SampleProblem::new(prepared, &windows[different.index].series, &different))
    }

    /// Reports the problem of a rule without an earlier problem.
    pub(super) fn report_sample(&mut self, prepared: &PreparedRule, problem: Option<SampleProblem>) {
        if let Some(SampleProblem(text)) = problem
            && self.report.failed_rules.insert(prepared.rule.id.clone())
        {
            self.report.add_problem(Remark::of(&text));
        }
    }
}

impl SampleProblem {
    fn new(prepared: &PreparedRule, series: &Series, different: &DifferentSample) -> Self {
        let plugin = &prepared.detector.manifest.name;
        let rule = &prepared.rule.id;
        let series = &series.id;
        Self(format!(
            "plugin `{plugin}`, rule `{rule}`, series `{series}`: {}; its author sees the difference with `costwarden plugin test`",
            different.dependence
        ))
    }
}
