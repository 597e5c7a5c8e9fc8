//! Rules that can run: their detector is loaded and accepts their settings.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{panic, thread};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::detector::{Artifact, Detector, Sandbox};
use crate::rules::{Rule, RuleSet};
use crate::series::Grain;
use crate::toml::Diagnostic;

/// A rule and its detector.
pub(crate) struct ReadyRule {
    pub(crate) rule: Rule,
    pub(crate) detector: Arc<Detector>,
    /// SHA-256 of the settings' JSON, in hex.
    pub(crate) settings_digest: String,
    /// The numbers among the settings, and among the defaults of the detector's schema.
    pub(crate) threshold: BTreeMap<String, f64>,
}

/// The rules that can run, and why the others cannot.
pub(crate) struct Ready {
    pub(crate) rules: Vec<ReadyRule>,
    pub(crate) problems: Vec<Diagnostic>,
}

/// Loads each rule's detector, once, and shows it the settings. Problems are in the order of the rules.
pub(crate) fn ready(set: RuleSet, config: &Config, sandbox: &Sandbox) -> Ready {
    let detectors = load_all(&set.rules, config, sandbox);
    let mut ready = Ready { rules: Vec::new(), problems: set.errors };
    for rule in set.rules {
        match &detectors[&rule.detector] {
            Ok(detector) => match check(&rule, detector) {
                issues if issues.is_empty() => ready.rules.push(ReadyRule::new(rule, detector.clone())),
                issues => ready.problems.extend(issues),
            },
            Err(why) => ready.problems.push(at(&rule, rule.places.detector, "detector", why.clone())),
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

type Loaded = BTreeMap<String, Result<Arc<Detector>, String>>;

/// Loads what the rules name, on all cores: most of an hourly run's start is this.
fn load_all(rules: &[Rule], config: &Config, sandbox: &Sandbox) -> Loaded {
    let names: BTreeSet<&String> = rules.iter().map(|rule| &rule.detector).collect();
    let names: Vec<&String> = names.into_iter().collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut loaded = Loaded::new();
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            loaded.insert((*name).clone(), load(name, config, sandbox));
        }
        loaded
    };
    let others = thread::available_parallelism().map_or(1, NonZero::get).min(names.len()).saturating_sub(1);
    thread::scope(|scope| {
        // Where no thread can be had, this one does it all.
        let threads: Vec<_> =
            (0..others).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut loaded = work();
        for thread in threads {
            loaded.extend(thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
        loaded
    })
}

fn load(name: &str, config: &Config, sandbox: &Sandbox) -> Result<Arc<Detector>, String> {
    let path = config.plugins.directory.join(format!("{name}.wasm"));
    let grants = config.plugins.grants.get(name).cloned().unwrap_or_default();
    Artifact::read(&path, config.plugins.limits.module_bytes)
        .and_then(|artifact| sandbox.load(name, &artifact, &grants))
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

fn check(rule: &Rule, detector: &Detector) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    match detector.check_settings(&rule.settings) {
        Ok(issues) => {
            for issue in issues {
                let key = format!("settings{}", issue.pointer.replace('/', "."));
                problems.push(at(rule, rule.places.settings(&issue.pointer), &key, issue.message));
            }
        }
        Err(failure) => problems.push(at(rule, rule.places.settings(""), "settings", failure.to_string())),
    }
    let a_day = if rule.grain == Grain::Hourly { 24 } else { 1 };
    let needed = detector.manifest.min_points.div_ceil(a_day);
    if u32::from(rule.history_days) < needed {
        let (days, name) = (rule.history_days, &rule.detector);
        let message = format!("can match nothing: {days} days are never enough, {name} learns from {needed} on");
        problems.push(at(rule, rule.places.history_days, "history_days", message));
    }
    problems
}

fn at(rule: &Rule, line: usize, key: &str, message: String) -> Diagnostic {
    Diagnostic { file: rule.places.file.clone(), line, key: format!("rule {}: {key}", rule.id), message }
}

fn threshold(schema: &Value, settings: &Value) -> BTreeMap<String, f64> {
    let defaults = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let defaults = defaults.filter_map(|(name, property)| Some((name, property.get("default")?)));
    let set = settings.as_object().into_iter().flatten();
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
