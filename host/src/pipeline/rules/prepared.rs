//! Usable rules: the detector is loaded and accepts the settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use config_file::toml::Diagnostic;
use model::count::counted;
use model::rule::{Rule, RuleSet};
use model::series::Grain;
use plugin::{Lock, lock_marker};
use sandbox::{Detector, Sandbox, SandboxError};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::admission::{Admission, PullPolicy};
use crate::config::Config;

/// A rule with the loaded detector.
#[derive(Clone)]
pub(crate) struct PreparedRule {
    pub(crate) rule: Rule,
    pub(crate) detector: Arc<Detector>,
    /// SHA-256 of the JSON settings, in hex.
    pub(crate) settings_digest: String,
    /// The numeric settings, completed with the defaults of the detector's schema.
    pub(crate) numeric_settings: BTreeMap<String, f64>,
}

/// The usable rules, and the diagnostics of the unusable rules.
#[derive(Clone)]
pub(crate) struct PreparedRules {
    pub(crate) rules: Vec<PreparedRule>,
    pub(crate) problems: Vec<Diagnostic>,
    /// Usable rules with a plugin that the last run could not load for a temporary reason.
    pub(crate) warnings: Vec<Diagnostic>,
}

/// A problem of a rule with its detector.
struct Problem {
    line: usize,
    key: String,
    message: String,
}

impl PreparedRules {
    /// The rules of a host that cannot run detectors. The run reports the reason.
    pub(crate) fn without_sandbox(set: RuleSet) -> Self {
        Self { rules: Vec::new(), problems: set.errors, warnings: Vec::new() }
    }
}

/// Returns a sandbox with the compiled plugins and the refusals of the runs, for a command that leaves no trace.
///
/// # Errors
/// See [`Sandbox::new`].
pub(crate) fn read_only_sandbox(config: &Config) -> Result<Sandbox, SandboxError> {
    let cache = config.state_dir.join("compiled");
    Sandbox::read_only(config.plugins.limits.clone(), &cache, config.plugins.isolation.clone())
}

/// Admits each plugin of the rules once, and checks the settings of every rule.
pub(crate) async fn prepare_rules(set: RuleSet, config: &Config, sandbox: &Sandbox, pull: PullPolicy) -> PreparedRules {
    let mut prepared = PreparedRules { rules: Vec::new(), problems: set.errors, warnings: Vec::new() };
    let lock = match Lock::load(&config.plugins.lock) {
        Ok(lock) => lock,
        // Without a readable lock file, no plugin is accepted.
        Err(errors) => {
            prepared.problems.extend(errors);
            return prepared;
        }
    };
    // A missing lock file is a problem only if an earlier run used a lock file.
    if lock.is_none() {
        prepared.problems.extend(lock_marker::missing_lock(&config.state_dir, &config.plugins.lock));
    }
    let plugins = Admission { config, lock: lock.as_ref(), sandbox, pull }.admit(&set.rules).await;
    for rule in set.rules {
        if let Some(problem) = other_currency(&rule, &config.currency) {
            prepared.problems.push(problem.of_rule(&rule));
            continue;
        }
        let problems = match &plugins[&rule.detector] {
            Ok(plugin) => match check(&rule, &plugin.detector) {
                problems if problems.is_empty() => {
                    prepared.warnings.extend(plugin.retried.as_ref().map(|retried| {
                        let line = rule.location.detector;
                        let key = "detector".to_owned();
                        Problem { line, key, message: retried.clone() }.of_rule(&rule)
                    }));
                    prepared.rules.push(PreparedRule::new(rule, plugin.detector.clone()));
                    continue;
                }
                problems => problems,
            },
            Err(refusal) => {
                vec![Problem { line: rule.location.detector, key: "detector".to_owned(), message: refusal.to_string() }]
            }
        };
        prepared.problems.extend(problems.into_iter().map(|problem| problem.of_rule(&rule)));
    }
    prepared
}

impl PreparedRule {
    fn new(rule: Rule, detector: Arc<Detector>) -> Self {
        let schema = serde_json::from_str(&detector.manifest.settings_schema).unwrap_or(Value::Null);
        let settings = serde_json::from_str(&rule.settings).unwrap_or(Value::Null);
        let settings_digest = hex::encode(Sha256::digest(&rule.settings));
        Self { numeric_settings: numeric_settings(&schema, &settings), settings_digest, detector, rule }
    }
}

/// Refuses an amount in another currency than the bill.
fn other_currency(rule: &Rule, expected: &str) -> Option<Problem> {
    let currency = rule.min_impact.as_ref()?.currency.as_deref().filter(|currency| *currency != expected)?;
    let message = format!("the amount is in {currency}, expected {expected}, the currency of the bill");
    Some(Problem { line: rule.location.line, key: "min_impact".to_owned(), message })
}

/// Checks the settings and the history of a rule against the detector.
fn check(rule: &Rule, detector: &Detector) -> Vec<Problem> {
    let mut problems = Vec::new();
    match detector.check_settings(&rule.settings) {
        Ok(issues) => {
            for issue in issues {
                let key = format!("settings{}", issue.pointer.replace('/', "."));
                problems.push(Problem { line: rule.location.settings(&issue.pointer), key, message: issue.message });
            }
        }
        Err(failure) => problems.push(Problem {
            line: rule.location.settings(""),
            key: "settings".to_owned(),
            message: failure.to_string(),
        }),
    }
    // `min_points` counts points: an hourly series has 24 points per day.
    let points_per_day = if rule.grain == Grain::Hourly { 24 } else { 1 };
    let days = detector.manifest.min_points.div_ceil(points_per_day);
    if u32::from(rule.history_days) < days {
        let name = &rule.detector;
        let days = counted(days, "day");
        let message = format!("{} is too short: {name} needs at least {days} of history", rule.history_days);
        problems.push(Problem { line: rule.location.history_days, key: "history_days".to_owned(), message });
    }
    problems
}

impl Problem {
    fn of_rule(self, rule: &Rule) -> Diagnostic {
        let Self { line, key, message } = self;
        Diagnostic { file: rule.location.file.clone(), line, key: format!("rule {}: {key}", rule.id), message }
    }
}

fn numeric_settings(schema: &Value, settings: &Value) -> BTreeMap<String, f64> {
    let defaults = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let defaults = defaults.filter_map(|(name, property)| Some((name, property.get("default")?)));
    let set = settings.as_object().into_iter().flatten();
    // A later pair wins: a setting overrides the default.
    defaults.chain(set).filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_overrides_the_default_of_the_schema() {
        let schema =
            json!({"properties": {"zScore": {"default": 3.0}, "ratio": {"default": 2}, "season": {"default": "auto"}}});
        let numeric_settings = numeric_settings(&schema, &json!({"zScore": 4, "name": "x"}));
        assert_eq!(numeric_settings, BTreeMap::from([("ratio".to_owned(), 2.0), ("zScore".to_owned(), 4.0)]));
    }
}
