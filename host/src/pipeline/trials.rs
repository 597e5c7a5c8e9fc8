//! The trials of a report: the daily rules of selected series, with the verdicts of the host and the code of the detectors.
//!
//! A trial walks over the stored days like `costwarden plugin run --walk 1`: a fit before each day, on the days of the
//! rule's history. Stores and notifies nothing.

use std::collections::BTreeMap;

use model::history::{History, Measure};
use model::incident::{Incident, IncidentState};
use model::series::{Grain, SeriesKey};
use notify::Locale;
use plugin::Lock;
use plugin::authoring::walk::{self, IncidentTraining, TrialParameters};
use report::{Trial, TrialDetector, TrialVerdict};
use sandbox::{CallContext, Sandbox, Scope, core_module};
use store::{DateRange, Store, StoreError};

use super::evaluate::{TrialDays, TrialSeries};
use super::rules::{Admission, PreparedRule, PreparedRules, PullPolicy};
use super::run::days_before;
use crate::config::Config;

/// Largest number of trials on a page.
const MAX_TRIALS: usize = 20;
/// Largest module on a page, in bytes. A detector in Rust has some 250,000.
const MAX_MODULE_BYTES: usize = 700_000;

/// The services and the range of trials.
#[derive(Clone, Copy)]
pub(crate) struct Trials<'a> {
    pub(crate) config: &'a Config,
    pub(crate) store: &'a Store,
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) rules: &'a PreparedRules,
    pub(crate) locale: Locale<'a>,
    pub(crate) range: DateRange,
}

/// The trials of a page.
#[derive(Debug, Default)]
pub(crate) struct PageTrials {
    pub(crate) trials: Vec<Trial>,
    /// The detectors of the trials by digest.
    pub(crate) detectors: BTreeMap<String, TrialDetector>,
    /// Number of trials beyond the largest number of a page.
    pub(crate) left_out: usize,
}

/// A failed trial.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "--try {0}: no usable rule over daily series evaluates this series, expected a series of `costwarden series list`"
    )]
    NoRule(SeriesKey),
    #[error("--try {key}, rule {rule}: {failure}")]
    Detector { key: SeriesKey, rule: String, failure: String },
}

/// Returns the series of the open incidents, then of the incidents that ended in the range, without repetition.
fn series_of_incidents(incidents: &[Incident], range: DateRange) -> Vec<SeriesKey> {
    let is_in_range =
        |incident: &&Incident| incident.first_seen.date <= range.to && incident.last_seen.date >= range.from;
    let is_open = |incident: &&Incident| incident.state == IncidentState::Open;
    let open = incidents.iter().filter(is_open);
    let ended = incidents.iter().filter(is_in_range).filter(|incident| !is_open(incident));
    let mut keys: Vec<SeriesKey> = Vec::new();
    for incident in open.chain(ended) {
        if !keys.contains(&incident.series) {
            keys.push(incident.series.clone());
        }
    }
    keys
}

impl Trials<'_> {
    /// Tries the daily rules of the named series, then of the series of incidents. A series of an hourly rule has no
    /// trial.
    ///
    /// # Errors
    /// No rule evaluates a named series, a detector fails, or the store cannot be read.
    pub(crate) async fn of(self, keys: &[SeriesKey], incidents: &[Incident]) -> Result<PageTrials, TrialsError> {
        let history = self.history().await?;
        let mut trials = PageTrials::default();
        for key in keys {
            if self.add(key, &history, &mut trials).await? == 0 {
                return Err(TrialsError::NoRule(key.clone()));
            }
        }
        for key in series_of_incidents(incidents, self.range) {
            if !keys.contains(&key) {
                self.add(&key, &history, &mut trials).await?;
            }
        }
        Ok(trials)
    }

    fn daily_rules(&self) -> impl Iterator<Item = &PreparedRule> {
        self.rules.rules.iter().filter(|prepared| prepared.rule.grain == Grain::Daily)
    }

    /// Returns the number of days of a trial: the range, and the history of its first day.
    fn days(&self, prepared: &PreparedRule) -> u16 {
        let range = u16::try_from((self.range.to - self.range.from).get_days() + 1).unwrap_or(u16::MAX);
        range.saturating_add(prepared.rule.history_days)
    }

    async fn history(&self) -> Result<History, StoreError> {
        let days = self.daily_rules().map(|prepared| self.days(prepared)).max().unwrap_or(1);
        let mut measures: Vec<Measure> = self.daily_rules().map(|prepared| prepared.rule.measure).collect();
        measures.sort_unstable();
        measures.dedup();
        self.store.history(DateRange { from: days_before(self.range.to, days - 1), to: self.range.to }, &measures).await
    }

    /// Adds the trials of a series. Returns their number.
    async fn add(self, key: &SeriesKey, history: &History, page: &mut PageTrials) -> Result<usize, TrialsError> {
        let days = TrialDays { config: self.config, history, through: self.range.to };
        let mut number = 0;
        for prepared in self.daily_rules() {
            let Some(series) = days.series(&prepared.rule, key, self.days(prepared)) else { continue };
            number += 1;
            if page.trials.len() == MAX_TRIALS {
                page.left_out += 1;
                continue;
            }
            page.trials.push(self.trial(prepared, key, series)?);
            let digest = &prepared.detector.digest;
            if !page.detectors.contains_key(digest) {
                page.detectors.insert(digest.clone(), self.detector(prepared).await);
            }
        }
        Ok(number)
    }

    /// Walks over a series with the settings of the rule.
    fn trial(&self, prepared: &PreparedRule, key: &SeriesKey, series: TrialSeries) -> Result<Trial, TrialsError> {
        let TrialSeries { names, first, series } = series;
        let rule = &prepared.rule;
        let Locale { language, currency } = self.locale;
        let locale = language.tag();
        let accept_after_days = self.config.accept_after_days;
        let parameters = TrialParameters {
            detector: &prepared.detector,
            context: CallContext { rule: &rule.id, settings: &rule.settings, unit: currency, locale },
            history_points: usize::from(rule.history_days),
            incidents: IncidentTraining::Excluded { accept_after_days },
            known_incidents: &[],
        };
        let result = walk::walk(&parameters, &series, 1).map_err(|error| TrialsError::Detector {
            key: key.clone(),
            rule: rule.id.clone(),
            failure: error.to_string(),
        })?;
        let verdicts = result.verdicts.into_iter().map(|verdict| {
            let sandbox::Verdict { score, expected, lower, upper, reason, .. } = verdict?;
            Some(TrialVerdict { score, expected, lower, upper, reason })
        });
        Ok(Trial {
            rule: rule.id.clone(),
            key: key.clone(),
            names,
            detector: prepared.detector.digest.clone(),
            settings: rule.settings.clone(),
            history_days: rule.history_days,
            accept_after_days,
            first,
            start: series.start,
            utc_offset: series.utc_offset,
            values: series.values,
            verdicts: verdicts.collect(),
        })
    }

    async fn detector(&self, prepared: &PreparedRule) -> TrialDetector {
        let manifest = &prepared.detector.manifest;
        TrialDetector {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            settings_schema: manifest.settings_schema.clone(),
            module: self.module(prepared).await,
        }
    }

    /// Returns the module of an admitted detector, or the reason against the page.
    async fn module(&self, prepared: &PreparedRule) -> Result<Vec<u8>, String> {
        if prepared.detector.manifest.scope == Scope::Group {
            return Err("the detector compares the series of a group".to_owned());
        }
        let lock = Lock::load(&self.config.plugins.lock).map_err(|_| "the lock file has errors".to_owned())?;
        let pull = PullPolicy::Never;
        let admission = Admission { config: self.config, lock: lock.as_ref(), sandbox: self.sandbox, pull };
        let artifact = admission.artifact(prepared).await.map_err(|refusal| refusal.to_string())?;
        let module = core_module(&artifact.bytes).map_err(|error| error.to_string())?;
        if module.len() > MAX_MODULE_BYTES {
            let bytes = module.len();
            return Err(format!("the module has {bytes} bytes, more than {MAX_MODULE_BYTES}"));
        }
        Ok(module.to_vec())
    }
}
