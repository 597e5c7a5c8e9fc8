//! Usable rules: the detector is loaded and accepts the settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::admission::{Fetch, admit};
use crate::config::Config;
use config_file::toml::Diagnostic;
use model::count::{counted, one_or};
use model::rule::{Rule, RuleSet};
use model::series::Grain;
use plugin::{Lock, lock_marker};
use sandbox::{Detector, Sandbox};

/// A rule with the loaded detector.
pub(crate) struct ReadyRule {
    pub(crate) rule: Rule,
    pub(crate) detector: Arc<Detector>,
    /// SHA-256 of the JSON settings, in hex.
    pub(crate) settings_digest: String,
    /// The numeric settings, completed with the defaults of the detector's schema.
    pub(crate) threshold: BTreeMap<String, f64>,
}

/// The usable rules, and the diagnostics of the unusable rules.
pub(crate) struct Ready {
    pub(crate) rules: Vec<ReadyRule>,
    pub(crate) problems: Vec<Diagnostic>,
}

/// Admits each plugin of the rules once, and checks the settings of every rule.
pub(crate) async fn ready(set: RuleSet, config: &Config, sandbox: &Sandbox, fetch: Fetch) -> Ready {
    let mut ready = Ready { rules: Vec::new(), problems: set.errors };
    let lock = match Lock::load(&config.plugins.lock) {
        Ok(lock) => lock,
        // Without a readable lock file, no plugin is accepted.
        Err(errors) => {
            ready.problems.extend(errors);
            return ready;
        }
    };
    // A missing lock file is a problem only if an earlier run used a lock file.
    if lock.is_none() {
        ready.problems.extend(lock_marker::missing_lock(&config.state_dir, &config.plugins.lock));
    }
    let plugins = admit(&set.rules, config, lock.as_ref(), sandbox, fetch).await;
    for rule in set.rules {
        match &plugins[&rule.detector] {
            Ok(plugin) => match check(&rule, &plugin.detector) {
                issues if issues.is_empty() => ready.rules.push(ReadyRule::new(rule, plugin.detector.clone())),
                issues => ready.problems.extend(issues),
            },
            Err(refusal) => ready.problems.push(at(&rule, rule.location.detector, "detector", refusal.to_string())),
        }
    }
    ready
}

impl ReadyRule {
    fn new(rule: Rule, detector: Arc<Detector>) -> Self {
        let schema = serde_json::from_str(&detector.manifest.settings_schema).unwrap_or(Value::Null);
        let settings = serde_json::from_str(&rule.settings).unwrap_or(Value::Null);
        let settings_digest = hex::encode(Sha256::digest(&rule.settings));
        Self { threshold: threshold(&schema, &settings), settings_digest, detector, rule }
    }
}

fn check(rule: &Rule, detector: &Detector) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    match detector.check_settings(&rule.settings) {
        Ok(issues) => {
            for issue in issues {
                let key = format!("settings{}", issue.pointer.replace('/', "."));
                problems.push(at(rule, rule.location.settings(&issue.pointer), &key, issue.message));
            }
        }
        Err(failure) => problems.push(at(rule, rule.location.settings(""), "settings", failure.to_string())),
    }
    // `min_points` counts points: an hourly series has 24 points per day.
    let a_day = if rule.grain == Grain::Hourly { 24 } else { 1 };
    let needed = detector.manifest.min_points.div_ceil(a_day);
    if u32::from(rule.history_days) < needed {
        let (days, name) = (counted(rule.history_days, "day"), &rule.detector);
        let are = one_or(rule.history_days.into(), "is", "are");
        let message = format!("can match nothing: {days} {are} never enough, {name} learns from {needed} on");
        problems.push(at(rule, rule.location.history_days, "history_days", message));
    }
    problems
}

fn at(rule: &Rule, line: usize, key: &str, message: String) -> Diagnostic {
    Diagnostic { file: rule.location.file.clone(), line, key: format!("rule {}: {key}", rule.id), message }
}

fn threshold(schema: &Value, settings: &Value) -> BTreeMap<String, f64> {
    let defaults = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let defaults = defaults.filter_map(|(name, property)| Some((name, property.get("default")?)));
    let set = settings.as_object().into_iter().flatten();
    // A later pair wins: a setting overrides the default.
    defaults.chain(set).filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_set_goes_before_the_schemas_defaults() {
        let schema =
            json!({"properties": {"zScore": {"default": 3.0}, "ratio": {"default": 2}, "season": {"default": "auto"}}});
        let threshold = threshold(&schema, &json!({"zScore": 4, "name": "x"}));
        assert_eq!(threshold, BTreeMap::from([("ratio".to_owned(), 2.0), ("zScore".to_owned(), 4.0)]));
    }
}
