//! The trials of a report: the daily rules of selected series, with the verdicts of the host and the code of the detectors.
//!
//! A trial walks over the stored days like `costwarden plugin run --walk 1`: a fit before each day, on the days of the
//! rule's history. Stores and notifies nothing.

use std::collections::BTreeMap;

use model::history::{History, Measure};
use model::incident::{Incident, IncidentState};
use model::rule;
use model::series::{Grain, SeriesKey};
use notify::Locale;
use plugin::Lock;
use plugin::authoring::walk::{self, IncidentTraining, TrialParameters};
use report::{PartState, Trial, TrialDetector, TrialVerdict};
use sandbox::{CallContext, Sandbox, SandboxError, Scope};
use store::{DateRange, Store, StoreError};

use super::evaluate::{TrialDays, TrialSeries};
use super::rules::{Admission, PreparedRule, PreparedRules, PullPolicy, prepare_rules};
use super::run::days_before;
use crate::config::Config;

/// Largest number of trials on a page.
const MAX_TRIALS: usize = 20;
/// Largest total of the modules on a page, in bytes. A detector in Rust has some 250,000.
const MAX_MODULE_BYTES: usize = 700_000;

/// The rules, the services and the range of trials.
pub(crate) struct Trials<'a> {
    config: &'a Config,
    sandbox: Sandbox,
    rules: PreparedRules,
    locale: Locale<'a>,
    range: DateRange,
}

/// The trials of a page.
#[derive(Debug, Default, Clone)]
pub(crate) struct PageTrials {
    pub(crate) trials: Vec<Trial>,
    /// The detectors of the trials by digest.
    pub(crate) detectors: BTreeMap<String, TrialDetector>,
    /// Number of trials beyond the largest number of a page.
    pub(crate) left_out: usize,
    /// The problems of rules, and the failures on series of incidents.
    pub(crate) problems: Vec<String>,
}

impl PageTrials {
    /// Returns whether the page has every trial.
    pub(crate) fn state(&self) -> PartState {
        if self.left_out == 0 && self.problems.is_empty() { PartState::Complete } else { PartState::Incomplete }
    }
}

/// A failed trial.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialsError {
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

impl<'a> Trials<'a> {
    /// Prepares the rules of the config, with the compiled plugins of the runs. Writes nothing.
    ///
    /// # Errors
    /// The host cannot run detectors.
    pub(crate) async fn prepare(
        config: &'a Config,
        locale: Locale<'a>,
        range: DateRange,
    ) -> Result<Self, SandboxError> {
        let compiled = config.state_dir.join("compiled");
        let plugins = &config.plugins;
        let sandbox = Sandbox::read_only(plugins.limits.clone(), &compiled, plugins.isolation.clone())?;
        let rules = prepare_rules(rule::load(&config.rules), config, &sandbox, PullPolicy::Never).await;
        Ok(Self { config, sandbox, rules, locale, range })
    }

    /// Reads the days of the trials.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn history(&self, store: &Store) -> Result<History, StoreError> {
        let days = self.daily_rules().map(|prepared| self.days(prepared)).max().unwrap_or(1);
        let mut measures: Vec<Measure> = self.daily_rules().map(|prepared| prepared.rule.measure).collect();
        measures.sort_unstable();
        measures.dedup();
        store.history(DateRange { from: days_before(self.range.to, days - 1), to: self.range.to }, &measures).await
    }

    /// Tries the daily rules of the named series, then of the series of incidents. A series of an hourly rule has no
    /// trial. A failure on a series of an incident is a problem of the page.
    ///
    /// # Errors
    /// No rule evaluates a named series, or a detector fails on a named series.
    pub(crate) async fn of(
        &self,
        history: &History,
        keys: &[SeriesKey],
        incidents: &[Incident],
    ) -> Result<PageTrials, TrialsError> {
        let problems = self.rules.problems.iter().map(ToString::to_string).collect();
        let mut page = PageTrials { problems, ..PageTrials::default() };
        for key in keys {
            let rules = self.rules_of(key, history);
            if rules.is_empty() {
                return Err(TrialsError::NoRule(key.clone()));
            }
            for (prepared, series) in rules {
                self.add(prepared, key, series, &mut page).await?;
            }
        }
        for key in series_of_incidents(incidents, self.range) {
            if keys.contains(&key) {
                continue;
            }
            for (prepared, series) in self.rules_of(&key, history) {
                if let Err(error) = self.add(prepared, &key, series, &mut page).await {
                    page.problems.push(error.to_string());
                }
            }
        }
        Ok(page)
    }

    fn daily_rules(&self) -> impl Iterator<Item = &PreparedRule> {
        self.rules.rules.iter().filter(|prepared| prepared.rule.grain == Grain::Daily)
    }

    /// Returns the number of days of a trial: the range, and the history of its first day.
    fn days(&self, prepared: &PreparedRule) -> u16 {
        let range = u16::try_from((self.range.to - self.range.from).get_days() + 1).unwrap_or(u16::MAX);
        range.saturating_add(prepared.rule.history_days)
    }

    /// Returns the daily rules that evaluate a series, with the series of each.
    fn rules_of(&self, key: &SeriesKey, history: &History) -> Vec<(&PreparedRule, TrialSeries)> {
        let days = TrialDays { config: self.config, history, through: self.range.to };
        let series = |prepared: &PreparedRule| days.series(&prepared.rule, key, self.days(prepared));
        self.daily_rules().filter_map(|prepared| Some((prepared, series(prepared)?))).collect()
    }

    /// Adds the trial of a rule on a series.
    async fn add(
        &self,
        prepared: &PreparedRule,
        key: &SeriesKey,
        series: TrialSeries,
        page: &mut PageTrials,
    ) -> Result<(), TrialsError> {
        if page.trials.len() == MAX_TRIALS {
            page.left_out += 1;
            return Ok(());
        }
        page.trials.push(self.trial(prepared, key, series)?);
        let digest = &prepared.detector.digest;
        if !page.detectors.contains_key(digest) {
            let modules = page.detectors.values().filter_map(|detector| detector.module.as_ref().ok());
            let room = MAX_MODULE_BYTES - modules.map(Vec::len).sum::<usize>();
            page.detectors.insert(digest.clone(), self.detector(prepared, room).await);
        }
        Ok(())
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

    /// Returns a detector with its module, if the module has at most `room` bytes.
    async fn detector(&self, prepared: &PreparedRule, room: usize) -> TrialDetector {
        let manifest = &prepared.detector.manifest;
        TrialDetector {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            settings_schema: manifest.settings_schema.clone(),
            module: self.module(prepared, room).await,
        }
    }

    /// Returns the module of an admitted detector, or the reason against the page.
    async fn module(&self, prepared: &PreparedRule, room: usize) -> Result<Vec<u8>, String> {
        if prepared.detector.manifest.scope == Scope::Group {
            return Err("the detector compares the series of a group".to_owned());
        }
        let lock = Lock::load(&self.config.plugins.lock).map_err(|_| "the lock file has errors".to_owned())?;
        let pull = PullPolicy::Never;
        let admission = Admission { config: self.config, lock: lock.as_ref(), sandbox: &self.sandbox, pull };
        let artifact = admission.artifact(prepared).await.map_err(|refusal| refusal.to_string())?;
        let module = self.sandbox.core_module(&artifact).map_err(|error| error.to_string())?;
        if module.len() > room {
            let bytes = module.len();
            return Err(format!(
                "the module has {bytes} bytes, and the page has room for {room} of {MAX_MODULE_BYTES} bytes"
            ));
        }
        Ok(module.to_vec())
    }
}
