//! Series that turn up in the day so far and that no day before knows of: a service that was started this morning.
//!
//! The daily job will judge them by days on which they cost nothing, and so does the hourly one, so that they are told
//! the same day. A series that did cost something on those days is left alone: it has not been learned yet.

use super::assemble::{self, Frame, Sample};
use super::judge::{Judge, Question};
use super::ruleset::ReadyRule;
use super::{JobError, Parts, days::back};
use sandbox::{Fitted, Scope};
use model::rule::Absent;
use model::series::Grain;
use store::DateRange;

/// Whether a rule can be asked about a series that it has learned nothing of: a day without a row must count as one that
/// cost nothing, and what is learned of a series may not depend on its peers.
pub(super) fn may_be_asked(ready: &ReadyRule) -> bool {
    let rule = &ready.rule;
    rule.grain == Grain::Daily && rule.absent == Absent::Zero && ready.detector.manifest.scope == Scope::Each
}

/// Those of the samples that no day up to the frame's knows of, with what a rule learns of such days. Samples are of the
/// day so far; the frame ends with the day through which others were learned.
pub(super) async fn questions(
    parts: &Parts,
    ready: &ReadyRule,
    samples: Vec<Sample>,
    frame: Frame<'_>,
    judge: &mut Judge<'_>,
) -> Result<Vec<Question>, JobError> {
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
            None => judge.report.count("learning", 1),
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
