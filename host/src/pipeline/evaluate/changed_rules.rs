//! Changed rules: the hourly job trains a new or changed rule or plugin at once, from the stored history.
//!
//! The state directory holds a digest of the rules of the last training, so an unchanged rule set costs one small read.

use std::path::PathBuf;

use model::moment::BillingHour;
use sha2::{Digest as _, Sha256};
use store::FitRequest;

use super::FinishedDays;
use super::fits::fit_request;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Run, RunError, Services};

/// The digest of the usable rules, and the file with the digest of the last training.
pub(super) struct TrainedRules {
    file: PathBuf,
    digest: String,
}

impl Run<'_> {
    /// Trains every rule through the newest finished day if a rule is new or changed since the last training.
    pub(crate) async fn train_changed_rules(&mut self, hour: BillingHour) -> Result<(), RunError> {
        let trained = TrainedRules::of(self.services);
        if self.is_dry_run() || trained.is_current() {
            return Ok(());
        }
        // Without a finished day there is nothing to train with.
        let newest = self.services.store.newest_day().await?.filter(|newest| *newest < hour.date);
        let Some(newest) = newest else { return Ok(()) };
        let changed = changed_rules(self.services, hour.hour).await?;
        if changed.is_empty() {
            trained.record();
            return Ok(());
        }
        tracing::info!(rules = changed.join(", "), "training the changed rules");
        let days = FinishedDays::open(self, newest.tomorrow().unwrap_or(newest)).await?;
        // The training records the digest.
        days.train(self, newest).await
    }
}

/// Returns the ids of the rules without a fit of the present detector and settings.
async fn changed_rules(services: &Services, hour: u8) -> Result<Vec<String>, RunError> {
    let rules = &services.rules.rules;
    let requests: Vec<FitRequest> = rules.iter().map(|prepared| fit_request(prepared, hour)).collect();
    let baselines = services.store.baselines(&requests).await?;
    let is_changed = |prepared: &&PreparedRule| {
        let mut fits = baselines.iter().filter_map(|baseline| baseline.fits.get(&prepared.rule.id)).peekable();
        let is_new = fits.peek().is_none();
        is_new || fits.any(|fit| fit.detector != prepared.detector.digest || fit.settings != prepared.settings_digest)
    };
    Ok(rules.iter().filter(is_changed).map(|prepared| prepared.rule.id.clone()).collect())
}

impl TrainedRules {
    pub(super) fn of(services: &Services) -> Self {
        let mut digest = Sha256::new();
        for PreparedRule { rule, detector, settings_digest, .. } in &services.rules.rules {
            for part in [&rule.id, &detector.digest, settings_digest] {
                digest.update(part);
                digest.update([0]);
            }
            digest.update(format!("{:?} {:?} {:?} {}", rule.grain, rule.measure, rule.group_by, rule.history_days));
        }
        let file = services.config.state_dir.join("trained-rules");
        Self { file, digest: hex::encode(digest.finalize()) }
    }

    fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|digest| digest == self.digest)
    }

    /// Records the digest. Without the record, the next hourly run compares the rules with the stored fits.
    pub(super) fn record(&self) {
        if let Err(error) = std::fs::write(&self.file, &self.digest) {
            tracing::debug!(file = %self.file.display(), %error, "the digest of the trained rules was not written");
        }
    }
}
