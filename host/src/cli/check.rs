//! `check`: config, rules and plugins, with no network unless it is asked for; every error at once.

use std::path::Path;

use serde_json::json;

use super::present::{self, Form};
use super::{CheckArgs, environment};
use crate::archive::Archive;
use crate::config::{self, Config};
use crate::detector::{Compiler, Sandbox};
use crate::job::{self, Grade};
use crate::rules;
use crate::store::{Access, Store};
use crate::toml::Diagnostic;

/// What is there, and what is wrong with it.
#[derive(Default)]
struct Findings {
    errors: Vec<Diagnostic>,
    good: Vec<String>,
    rules: usize,
}

pub(super) async fn check(path: &Path, args: &CheckArgs, form: Form) -> Grade {
    let mut findings = Findings::default();
    match config::load(path, &environment) {
        Ok(config) => {
            offline(path, &config, &mut findings);
            if args.online {
                online(path, &config, &mut findings).await;
            }
        }
        Err(errors) => findings.errors = errors,
    }
    let Findings { errors, good, rules } = findings;
    match form {
        Form::Text => {
            for error in &errors {
                present::complaint(&format!("error: {error}"));
            }
            for line in &good {
                present::out(line);
            }
            present::out(&format!("{}: {rules} rules can run, {} errors", path.display(), errors.len()));
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

fn offline(path: &Path, config: &Config, findings: &mut Findings) {
    // Nothing is cached: a check leaves no trace.
    match Sandbox::new(config.plugins.limits.clone(), None, Compiler::this_program()) {
        Ok(sandbox) => {
            let ready = job::ready(rules::load(&config.rules), config, &sandbox);
            findings.rules = ready.rules.len();
            findings.good.extend(ready.rules.iter().map(|ready| describe(&ready.rule)));
            findings.errors.extend(ready.problems);
        }
        Err(error) => findings.errors.push(Diagnostic::of_file(path, error.to_string())),
    }
}

async fn online(path: &Path, config: &Config, findings: &mut Findings) {
    match Store::open(&config.store, Access::Read).await {
        Ok(_) => findings.good.push("store: reached".to_owned()),
        Err(error) => findings.errors.push(Diagnostic::of_file(path, error.to_string())),
    }
    match Archive::new(&config.archive).check().await {
        Ok(()) => findings.good.push("archive: reached".to_owned()),
        Err(error) => findings.errors.push(Diagnostic::of_file(path, error.to_string())),
    }
}

fn describe(rule: &rules::Rule) -> String {
    format!("rule {}: {} over {} series. {}", rule.id, rule.detector, rule.grain.as_str(), rule.why)
}
