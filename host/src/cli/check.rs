//! The command `check`: validates config, rules and plugins and prints all errors at once. Only `--online` uses the
//! network.

mod online;

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use tracing::Level;

use self::online::{Found, Item};
use super::present::{self, Form};
use super::{CheckArgs, environment};
use crate::config::{self, Config};
use crate::pipeline::{self, Grade, PullPolicy};
use config_file::secret::PendingSecret;
use config_file::toml::Diagnostic;
use model::count::counted;
use model::rule::{self, RuleSet};
use sandbox::{Compiler, Sandbox};
use store;
use store::options::StoreOptions;

/// The results of a check.
#[derive(Default)]
struct Anomalies {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    good: Vec<String>,
    /// The lines of the go-live checklist.
    items: Vec<Item>,
    rules: usize,
}

pub(super) async fn check(path: &Path, args: &CheckArgs, form: Form, now: Timestamp) -> Grade {
    let mut anomalies = Anomalies::default();
    let draft = config::load(path, &environment);
    let config = match draft {
        // Only --online may use the network: secrets in Secrets Manager stay unresolved otherwise.
        Ok(draft) if args.online => draft.resolve().await,
        Ok(draft) => {
            let note = |pending: &PendingSecret| {
                pending.fail(format!("{}: not resolved, --online does it", pending.reference))
            };
            anomalies.warnings.extend(draft.pending.iter().map(note));
            Ok(draft.config)
        }
        Err(errors) => Err(errors),
    };
    match config {
        Ok(config) => {
            anomalies.warnings.extend(nowhere(path, &config));
            anomalies.warnings.extend(in_the_clear(path, &config));
            plugins(path, &config, if args.online { PullPolicy::Once } else { PullPolicy::Never }, &mut anomalies)
                .await;
            if args.online {
                anomalies.items = online::check(&config, args, now).await;
                // A bad item of the checklist fails the command like an invalid config.
                let bad = anomalies.items.iter().filter(|item| item.found == Found::Bad);
                anomalies.errors.extend(bad.map(|item| Diagnostic::of_file(path, &item.message)));
            }
        }
        Err(errors) => anomalies.errors = errors,
    }
    let Anomalies { errors, warnings, good, items, rules } = anomalies;
    match form {
        Form::Text => {
            for error in &errors {
                present::complaint(Level::ERROR, &format!("error: {error}"));
            }
            for warning in &warnings {
                present::complaint(Level::WARN, &format!("warning: {warning}"));
            }
            for line in &good {
                present::out(line);
            }
            for Item { name, found, message } in &items {
                // The message is already printed above, with the file.
                let message = if *found == Found::Bad { "see above" } else { message };
                present::out(&format!("{:<8} {name:<10} {message}", found.as_str()));
            }
            let (rules, errors) = (counted(rules, "rule"), counted(errors.len(), "error"));
            present::out(&format!("{}: {rules} can run, {errors}", path.display()));
        }
        Form::Json => {
            let errors = errors.iter().map(|error| ("error", error));
            for (level, found) in errors.chain(warnings.iter().map(|warning| ("warning", warning))) {
                let Diagnostic { file, line, key, message } = found;
                let found = json!({"level": level, "file": file, "line": line, "key": key, "message": message});
                present::out(&found.to_string());
            }
            for Item { name, found, message } in items {
                present::out(&json!({"level": found.as_str(), "check": name, "message": message}).to_string());
            }
        }
    }
    if errors.is_empty() { Grade::Done } else { Grade::Failed }
}

async fn plugins(path: &Path, config: &Config, pull: PullPolicy, anomalies: &mut Anomalies) {
    let set = rule::load(&config.rules);
    anomalies.warnings.extend(unused_grants(path, config, &set));
    // No cache folder: a check leaves no trace.
    match Sandbox::new(config.plugins.limits.clone(), None, Compiler::this_program()) {
        Ok(sandbox) => {
            let ready = pipeline::prepare_rules(set, config, &sandbox, pull).await;
            anomalies.rules = ready.rules.len();
            anomalies.good.extend(ready.rules.iter().map(|ready| describe(&ready.rule)));
            anomalies.errors.extend(ready.problems);
        }
        Err(error) => anomalies.errors.push(Diagnostic::of_file(path, error.to_string())),
    }
}

/// Returns a warning if the folder of the metrics textfile is missing: a run does not create the folder, because no
/// node exporter reads there.
fn nowhere(path: &Path, config: &Config) -> Option<Diagnostic> {
    let folder = config.metrics.textfile.as_ref()?.parent()?;
    let absent = || {
        let message = format!(
            "{} does not exist: expected the folder of the textfile collector of the node exporter",
            folder.display()
        );
        Diagnostic { key: "metrics.textfile".to_owned(), ..Diagnostic::of_file(path, message) }
    };
    (!folder.is_dir()).then(absent)
}

/// Returns a warning if the connection to MongoDB is not encrypted. Not an error: the hosts may share a private subnet.
fn in_the_clear(path: &Path, config: &Config) -> Option<Diagnostic> {
    let StoreOptions::Mongodb(options) = &config.store else { return None };
    let hosts = store::hosts_in_the_clear(options)?;
    let message = format!(
        "{hosts} is spoken to in the clear: add tls=true to the address, and ca_file for an authority of your own"
    );
    Some(Diagnostic { key: "store.uri".to_owned(), ..Diagnostic::of_file(path, message) })
}

/// Returns a warning for each grant to a plugin without a rule: the name may be misspelt, or the grant may be obsolete.
fn unused_grants(path: &Path, config: &Config, set: &RuleSet) -> Vec<Diagnostic> {
    let unused = |name: &&String| !set.rules.iter().any(|rule| rule.detector == **name);
    let warning = |name: &String| Diagnostic {
        key: format!("plugins.grants.{name}"),
        ..Diagnostic::of_file(path, "grants access to a plugin without a rule: remove the grant, or correct the name")
    };
    config.plugins.grants.keys().filter(unused).map(warning).collect()
}

fn describe(rule: &rule::Rule) -> String {
    format!("rule {}: {} over {} series. {}", rule.id, rule.detector, rule.grain.as_str(), rule.why)
}
