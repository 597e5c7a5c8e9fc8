//! Cold start: evaluation of series that appear today and on no earlier day, for example a service started this
//! morning.
//!
//! Earlier days count as 0 cost, like in the daily job, and people are notified on the same day. A series with earlier
//! cost has insufficient history and is not evaluated.

use super::assemble::{self, Frame, Sample};
use super::judge::{Judge, Question};
use super::ruleset::ReadyRule;
use super::{Parts, RunError, days::back};
use model::rule::Absent;
use model::series::Grain;
use sandbox::{Fitted, Scope};
use store::DateRange;

/// Whether a rule supports a cold start: a day without a row must count as 0, and the fit must not depend on peers.
pub(super) fn may_be_asked(ready: &ReadyRule) -> bool {
    let rule = &ready.rule;
    rule.grain == Grain::Daily && rule.absent == Absent::Zero && ready.detector.manifest.scope == Scope::Each
}

/// Returns the detector input for the samples without a row in the history. The samples belong to the partial day; the
/// frame ends with the last trained day.
pub(super) async fn questions(
    parts: &Parts,
    ready: &ReadyRule,
    samples: Vec<Sample>,
    frame: Frame<'_>,
    judge: &mut Judge<'_>,
) -> Result<Vec<Question>, RunError> {
    let history_days = ready.rule.history_days;
    let range = DateRange { from: back(frame.through, history_days - 1), to: frame.through };
    let known = if samples.is_empty() { Vec::new() } else { parts.store.days(range).await? };
    let (mut asked, mut history) = (Vec::new(), Vec::new());
    for sample in samples {
        if sample.series.values.iter().any(|value| value.is_nan()) {
            continue;
        }
        let nothing = match parts.store.daily(range, &sample.key).await?.is_empty() {
            true => assemble::nothing(&sample.key, &known, history_days, frame),
            false => None,
        };
        match nothing {
            Some(nothing) => {
                asked.push(sample);
                history.push(nothing);
            }
            None => judge.report.count("insufficient_history", 1),
        }
    }
    let mut questions = Vec::with_capacity(asked.len());
    for (sample, fit) in asked.into_iter().zip(judge.fit(ready, &history)) {
        let Some(Fitted { state, figures }) = fit else { continue };
        let judge_from = sample.series.values.len() as u32 - 1;
        questions.push(Question { sample, state, figures: figures.into_iter().collect(), judge_from });
    }
    Ok(questions)
}
