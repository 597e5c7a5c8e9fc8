//! What the processes that share a run must agree on, since it cannot be told any more once one of them has written: which
//! days are missing, which have changed, where the ledger ended.
//!
//! Whoever comes to a question first answers it for all, before it writes anything that the answer depends on. So what a run
//! does depends neither on how far the others are nor on how often one of them begins anew.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::judge::Judgement;
use super::ruleset::ReadyRule;
use super::{JobError, Mode, Parts};
use crate::detector::Scope;
use crate::episode::{Episode, Moment};
use crate::shard::Shard;
use crate::store::DateRange;

/// Takes part in the run, before anything is asked.
pub(super) async fn join(parts: &Parts) -> Result<(), JobError> {
    match name(parts) {
        Some(run) => Ok(parts.store.join(&run, parts.shard.of()).await?),
        None => Ok(()),
    }
}

/// Says that this process has done its part. Once all have, the same run, should anybody ask for it again, is another.
pub(super) async fn leave(parts: &Parts) -> Result<(), JobError> {
    match name(parts) {
        Some(run) => Ok(parts.store.leave(&run, parts.shard.index()).await?),
        None => Ok(()),
    }
}

/// The answer of all processes. `answer` is asked where none of them has answered yet.
pub(super) async fn agree<T: Serialize + DeserializeOwned>(
    parts: &Parts,
    question: &str,
    answer: impl AsyncFnOnce() -> Result<T, JobError>,
) -> Result<T, JobError> {
    let Some(run) = name(parts) else { return answer().await };
    let agreed = match parts.store.agreed(&run, question).await? {
        Some(agreed) => agreed,
        None => {
            let text = serde_json::to_string(&answer().await?).expect("an answer is plain data");
            parts.store.agree(&run, question, text).await?
        }
    };
    serde_json::from_str(&agreed).map_err(|error| JobError::NotAgreed {
        run,
        question: question.to_owned(),
        why: error.to_string(),
    })
}

/// Whose series are judged, day by day: of all where a detector compares peers, since what was found of them on one day
/// bears on what is learned of the others for the next, and the store does not have it yet.
pub(super) fn judged(parts: &Parts) -> Shard {
    let peers = parts.ready.rules.iter().any(|ready| ready.detector.manifest.scope == Scope::Group);
    if peers { Shard::WHOLE } else { parts.shard }
}

/// The rules that came to no verdict over the series of this process, where something of its own would end by one: a finding
/// of a series that is gone, or an incident. Whether they came to one over the series of others is then to be asked.
pub(super) async fn silent<'r>(
    parts: &Parts,
    moment: Moment,
    known: &[Episode],
    judgement: &Judgement,
    rules: &[&'r ReadyRule],
) -> Result<Vec<&'r ReadyRule>, JobError> {
    let mut silent: Vec<_> = rules.iter().copied().filter(|ready| !judgement.rules.contains(&ready.rule.id)).collect();
    if parts.shard.is_whole() || silent.is_empty() {
        return Ok(Vec::new());
    }
    let range = DateRange { from: moment.date, to: moment.date };
    let found = parts.store.found(range).await?;
    let stands = found.iter().any(|found| found.hour == moment.hour && parts.shard.owns(&found.series));
    let own = known.iter().filter(|episode| parts.shard.owns(&episode.series));
    let saw: BTreeSet<&String> = own.flat_map(|episode| &episode.rules).collect();
    silent.retain(|ready| stands || saw.contains(&ready.rule.id));
    Ok(silent)
}

/// The name of a run that is shared; none where nobody shares it, or nothing is written.
pub(super) fn name(parts: &Parts) -> Option<String> {
    let is_shared = !parts.shard.is_whole() && parts.mode == Mode::Write;
    is_shared.then(|| format!("{} of {}", parts.errand, parts.shard.of()))
}
