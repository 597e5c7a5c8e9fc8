//! The command `check`: validates config, rules and plugins and prints all errors at once. Only `--online` uses the
//! network.

mod item;
pub(super) mod online;

use std::io::IsTerminal as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use tracing::Level;

pub(super) use self::item::{CheckState, Item};
use super::present::{self, Form};
use super::{CheckArgs, environment};
use crate::config::{self, Config, Draft};
use crate::pipeline::{self, Grade, PullPolicy};
use config_file::secret::{PendingSecret, SecretUse};
use config_file::toml::Diagnostic;
use model::count::counted;
use model::language::Language;
use model::rule::{self, RuleSet};
use notify::options::{ReceiverKind, ReceiverOptions};
use sandbox::Jail;
use store;
use store::options::StoreOptions;

/// The result of a check.
struct CheckResult {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// The rules that can run; `None` if the rules were not read.
    rules: Option<Vec<String>>,
    /// The lines of the go-live checklist.
    items: Vec<Item>,
    /// The language of the config; English, like the errors, without a valid config.
    language: Language,
}

pub(super) async fn check(path: &Path, args: &CheckArgs, form: Form, now: Timestamp) -> Grade {
    let mut result = CheckResult {
        errors: Vec::new(),
        warnings: Vec::new(),
        rules: None,
        items: Vec::new(),
        language: Language::English,
    };
    let config = match config::load(path, &environment) {
        // Only --online may use the network and needs the secrets.
        Ok(draft) if args.online => draft.resolve(SecretUse::All).await,
        Ok(Draft { config, secrets, .. }) => {
            result.warnings.extend(secrets.missing);
            let note =
                |pending: &PendingSecret| pending.fail(format!("{}: --online fetches the secret", pending.reference));
            result.warnings.extend(secrets.pending.iter().map(note));
            Ok(config)
        }
        Err(errors) => Err(errors),
    };
    match config {
        Ok(config) => {
            result.language = config.language;
            result.warnings.extend(missing_textfile_folder(path, &config));
            result.warnings.extend(unencrypted_store(path, &config));
            result.warnings.extend(exposed_secrets(path, &config));
            result.warnings.extend(unread_notifications(path, &config));
            result.check_plugins(path, &config, if args.online { PullPolicy::Once } else { PullPolicy::Never }).await;
            if args.online {
                result.items = online::check(&config, args, now).await;
                // A failed line of the checklist fails the command like an invalid config.
                let failed = result.items.iter().filter(|item| item.state == CheckState::Failed);
                let failed = failed.map(|item| Diagnostic::of_file(path, item.message.english()));
                result.errors.extend(failed);
            }
        }
        Err(errors) => result.errors = errors,
    }
    result.print(path, form);
    if result.errors.is_empty() { Grade::Done } else { Grade::Failed }
}

impl CheckResult {
    fn print(&self, path: &Path, form: Form) {
        match form {
            Form::Text => {
                let rules = self.rules.iter().flatten();
                rules.for_each(|rule| present::out(rule));
                self.items.iter().for_each(|item| present::out(&item.line(self.language)));
                for error in &self.errors {
                    present::complaint(Level::ERROR, &format!("error: {error}"));
                }
                for warning in &self.warnings {
                    present::complaint(Level::WARN, &format!("warning: {warning}"));
                }
                present::out(&format!("{}: {}", path.display(), self.summary()));
            }
            Form::Json => {
                let errors = self.errors.iter().map(|error| ("error", error));
                for (level, diagnostic) in errors.chain(self.warnings.iter().map(|warning| ("warning", warning))) {
                    let Diagnostic { file, line, key, message } = diagnostic;
                    let json = json!({"level": level, "file": file, "line": line, "key": key, "message": message});
                    present::out(&json.to_string());
                }
                for Item { name, state, message } in &self.items {
                    let message = message.english();
                    present::out(&json!({"level": state.as_str(), "check": name, "message": message}).to_string());
                }
            }
        }
    }

    /// Returns the numbers of usable rules and of errors.
    fn summary(&self) -> String {
        let errors = self.errors.len();
        match (self.language, &self.rules) {
            (Language::Korean, None) => format!("규칙을 읽지 않았습니다, 오류 {errors}건"),
            (Language::Korean, Some(rules)) => format!("규칙 {}개 실행 가능, 오류 {errors}건", rules.len()),
            (Language::English, None) => format!("the rules were not read, {}", counted(errors, "error")),
            (Language::English, Some(rules)) => {
                format!("{} can run, {}", counted(rules.len(), "rule"), counted(errors, "error"))
            }
        }
    }

    async fn check_plugins(&mut self, path: &Path, config: &Config, pull: PullPolicy) {
        let set = rule::load(&config.rules);
        self.warnings.extend(unused_grants(path, config, &set));
        match pipeline::read_only_sandbox(config) {
            Ok(sandbox) => {
                let prepared = pipeline::prepare_rules(set, config, &sandbox, pull).await;
                self.rules =
                    Some(prepared.rules.iter().map(|prepared| describe(&prepared.rule, config.language)).collect());
                self.errors.extend(prepared.problems);
                self.warnings.extend(prepared.warnings);
                let missing = sandbox.jail().and_then(Jail::missing);
                self.warnings.extend(missing.map(|missing| Diagnostic::of_file(path, missing)));
            }
            Err(error) => self.errors.push(Diagnostic::of_file(path, error.to_string())),
        }
    }
}

/// Returns a warning if the folder of the metrics textfile is missing: a run does not create the folder, because no
/// node exporter reads there.
fn missing_textfile_folder(path: &Path, config: &Config) -> Option<Diagnostic> {
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
fn unencrypted_store(path: &Path, config: &Config) -> Option<Diagnostic> {
    let StoreOptions::Mongodb(options) = &config.store else { return None };
    let hosts = store::unencrypted_hosts(options)?;
    let message = format!(
        "the connection to {hosts} is not encrypted: add tls=true to store.uri, and set store.ca_file for a private certificate authority"
    );
    Some(Diagnostic { key: "store.uri".to_owned(), ..Diagnostic::of_file(path, message) })
}

/// Returns a warning for an env file that other users can read, and for a password in the text of `store.uri`.
fn exposed_secrets(path: &Path, config: &Config) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    if let Some(file) = &config.env_file
        && let Ok(metadata) = std::fs::metadata(file)
        && metadata.permissions().mode() & 0o007 != 0
    {
        let file = file.display();
        let message = format!("all users can read {file}: run chmod o= {file}");
        warnings.push(Diagnostic { key: "env_file".to_owned(), ..Diagnostic::of_file(path, message) });
    }
    if let StoreOptions::Mongodb(options) = &config.store
        && options.has_plain_password
    {
        let message = "the config contains the password of MongoDB: write the uri into env_file or into a file with mode 600, and set uri = \"env:NAME\" or \"file:PATH\"";
        warnings.push(Diagnostic { key: "store.uri".to_owned(), ..Diagnostic::of_file(path, message) });
    }
    warnings
}

/// Returns a warning if only a terminal receives notifications, and no terminal is attached.
fn unread_notifications(path: &Path, config: &Config) -> Option<Diagnostic> {
    let is_terminal = |receiver: &ReceiverOptions| matches!(receiver.kind, ReceiverKind::Terminal(_));
    let is_unread = config.receivers.iter().all(is_terminal) && !std::io::stdout().is_terminal();
    let message = "only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = \"syslog\"";
    is_unread.then(|| Diagnostic { key: "receiver".to_owned(), ..Diagnostic::of_file(path, message) })
}

/// Returns a warning for each grant to a plugin without a rule: the name may be misspelt, or the grant may be obsolete.
fn unused_grants(path: &Path, config: &Config, set: &RuleSet) -> Vec<Diagnostic> {
    let unused = |name: &&String| !set.rules.iter().any(|rule| rule.detector == **name);
    let warning = |name: &String| Diagnostic {
        key: format!("plugins.grants.{name}"),
        ..Diagnostic::of_file(
            path,
            "grants access to a plugin without a rule: correct the name, or remove the grant, unless the next rule set uses the plugin",
        )
    };
    config.plugins.grants.keys().filter(unused).map(warning).collect()
}

fn describe(rule: &rule::Rule, language: Language) -> String {
    let rule::Rule { id, detector, why, .. } = rule;
    let grain = rule.grain.as_str();
    match language {
        Language::Korean => format!("규칙 {id}: {detector}, {grain} 시리즈. {why}"),
        Language::English => format!("rule {id}: {detector} over {grain} series. {why}"),
    }
}
