//! `check`: config, rules and plugins, with no network unless it is asked for; every error at once.

use std::path::Path;

use serde_json::json;

use super::present::{self, Form};
use super::{CheckArgs, environment};
use crate::archive::Archive;
use crate::config::{self, Config, Pending};
use crate::detector::{Compiler, Sandbox};
use crate::job::{self, Fetch, Grade};
use crate::rules::{self, RuleSet};
use crate::store::{Access, Store};
use crate::toml::Diagnostic;
use crate::vault;

/// What is there, and what is wrong with it.
#[derive(Default)]
struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    good: Vec<String>,
    rules: usize,
}

pub(super) async fn check(path: &Path, args: &CheckArgs, form: Form) -> Grade {
    let mut findings = Findings::default();
    let draft = config::load(path, &environment);
    let config = match draft {
        Ok(draft) if args.online => vault::resolve(draft).await,
        Ok(draft) => {
            let note =
                |pending: &Pending| pending.fail(format!("{}: not resolved, --online does it", pending.reference));
            findings.warnings.extend(draft.pending.iter().map(note));
            Ok(draft.config)
        }
        Err(errors) => Err(errors),
    };
    match config {
        Ok(config) => {
            plugins(path, &config, if args.online { Fetch::Once } else { Fetch::Never }, &mut findings).await;
            if args.online {
                online(path, &config, &mut findings).await;
            }
        }
        Err(errors) => findings.errors = errors,
    }
    let Findings { errors, warnings, good, rules } = findings;
    match form {
        Form::Text => {
            for error in &errors {
                present::complaint(&format!("error: {error}"));
            }
            for warning in &warnings {
                present::complaint(&format!("warning: {warning}"));
            }
            for line in &good {
                present::out(line);
            }
            let count = errors.len();
            let errors = if count == 1 { "error" } else { "errors" };
            present::out(&format!("{}: {rules} rules can run, {count} {errors}", path.display()));
        }
        Form::Json => {
            let errors = errors.iter().map(|error| ("error", error));
            for (level, found) in errors.chain(warnings.iter().map(|warning| ("warning", warning))) {
                let Diagnostic { file, line, key, message } = found;
                let found = json!({"level": level, "file": file, "line": line, "key": key, "message": message});
                present::out(&found.to_string());
            }
        }
    }
    if errors.is_empty() { Grade::Done } else { Grade::Failed }
}

async fn plugins(path: &Path, config: &Config, fetch: Fetch, findings: &mut Findings) {
    let set = rules::load(&config.rules);
    findings.warnings.extend(unused_grants(path, config, &set));
    // Nothing is cached: a check leaves no trace.
    match Sandbox::new(config.plugins.limits.clone(), None, Compiler::this_program()) {
        Ok(sandbox) => {
            let ready = job::ready(set, config, &sandbox, fetch).await;
            findings.rules = ready.rules.len();
            findings.good.extend(ready.rules.iter().map(|ready| describe(&ready.rule)));
            findings.errors.extend(ready.problems);
        }
        Err(error) => findings.errors.push(Diagnostic::of_file(path, error.to_string())),
    }
}

/// A grant under a name that no rule uses may be one that was misspelt, or one to take back.
fn unused_grants(path: &Path, config: &Config, set: &RuleSet) -> Vec<Diagnostic> {
    let unused = |name: &&String| !set.rules.iter().any(|rule| rule.detector == **name);
    let warning = |name: &String| Diagnostic {
        key: format!("plugins.grants.{name}"),
        ..Diagnostic::of_file(path, "grants something to a plugin that no rule uses: remove it, or look at its name")
    };
    config.plugins.grants.keys().filter(unused).map(warning).collect()
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
