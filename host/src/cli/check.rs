//! `check`: config, rules and plugins, with no network; every error at once.

use std::path::Path;

use serde_json::json;

use super::environment;
use super::present::{self, Form};
use crate::config;
use crate::detector::Sandbox;
use crate::job::{self, Grade};
use crate::rules;
use crate::toml::Diagnostic;

pub(super) fn check(path: &Path, form: Form) -> Grade {
    let (errors, rules) = match config::load(path, &environment) {
        Ok(config) => {
            // Nothing is cached: a check leaves no trace.
            match Sandbox::new(config.plugins.limits.clone(), None) {
                Ok(sandbox) => {
                    let ready = job::ready(rules::load(&config.rules), &config, &sandbox);
                    let rules: Vec<String> = ready.rules.iter().map(|ready| describe(&ready.rule)).collect();
                    (ready.problems, rules)
                }
                Err(error) => (vec![Diagnostic::of_file(path, error.to_string())], Vec::new()),
            }
        }
        Err(errors) => (errors, Vec::new()),
    };
    match form {
        Form::Text => {
            for error in &errors {
                eprintln!("error: {error}");
            }
            for rule in &rules {
                present::out(rule);
            }
            present::out(&format!("{}: {} rules can run, {} errors", path.display(), rules.len(), errors.len()));
        }
        Form::Json => {
            for error in &errors {
                let Diagnostic { file, line, key, message } = error;
                present::out(&json!({"file": file, "line": line, "key": key, "message": message}).to_string());
            }
        }
    }
    if errors.is_empty() { Grade::Done } else { Grade::Failed }
}

fn describe(rule: &rules::Rule) -> String {
    format!("rule {}: {} over {} series. {}", rule.id, rule.detector, rule.grain.as_str(), rule.why)
}
