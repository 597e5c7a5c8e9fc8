//! The reader of `config/*.toml`: returns a valid [`Config`], or all errors at once.
//!
//! Defaults are filled in, paths are absolute to the file, and secrets are resolved, except secrets in Secrets Manager.
//! The reader opens only the config file, secret files and certificates. No network is used.

mod budget;
mod completeness;
mod general;
mod health;
mod lease;
mod routing;
mod rules;

use std::path::{Path, PathBuf};

use ::store::options::{self as store, StoreOptions};
use config_file::secret::{ENV_FILE, OpenSecrets, SecretResolver, SecretUse};
use config_file::toml::{Diagnostic, Document, Key, Section};
use ingest::archive::Lifecycle;
use ingest::archive::options::{self as archive, ArchiveOptions};
use ingest::source::options::{self as source, SourceOptions};
use jiff::tz::TimeZone;
use model::budget::Budget;
use model::incident::ACCEPT_AFTER_DAYS;
use model::language::Language;
use notify::options::{self as receiver, ReceiverOptions};
use notify::routing::Routing;
use plugin::options::{self as plugins, ExchangeOptions, PluginOptions, TrialOptions};

pub(crate) use self::completeness::CompletenessOptions;
use self::general::{General, currency};
pub(crate) use self::health::{HealthOptions, Levels};
pub(crate) use self::lease::LeaseOptions;
pub(crate) use self::rules::RuleLimits;
use self::rules::RulesOptions;
use crate::metrics::MetricsOptions;
use crate::metrics::options as metrics;
use crate::secrets_manager::{self, SecretsManagerOptions, options as secrets};

/// The valid settings of an operator.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Folder of the spool, the compiled plugins, and by default the embedded database.
    pub(crate) state_dir: PathBuf,
    /// File of `NAME=value` lines with variables for secrets.
    pub(crate) env_file: Option<PathBuf>,
    pub(crate) zone: TimeZone,
    /// Currency code of ISO 4217.
    pub(crate) currency: String,
    pub(crate) language: Language,
    /// Number of days in the statistics of the baseline documents.
    pub(crate) baseline_days: u16,
    /// Days after which a lasting deviation becomes the new level and is included in training.
    pub(crate) accept_after_days: u16,
    /// Days before yesterday for the daily job to fetch again, because bills are restated.
    pub(crate) restate_days: u16,
    /// Days before yesterday for the daily job to check for missing days and undelivered totals.
    pub(crate) catch_up_days: u16,
    /// Growth factor of an incident's impact for another notification.
    pub(crate) renotify_factor: f64,
    pub(crate) completeness: CompletenessOptions,
    /// Name of the billing account. The database and the schedule belong to one account.
    pub(crate) account: String,
    pub(crate) source: SourceOptions,
    pub(crate) archive: ArchiveOptions,
    /// Retention of the archive.
    pub(crate) lifecycle: Lifecycle,
    pub(crate) store: StoreOptions,
    pub(crate) lease: LeaseOptions,
    pub(crate) plugins: PluginOptions,
    /// Folder of the rules; every `*.toml` file there is read.
    pub(crate) rules: PathBuf,
    /// The limits of a new rule set.
    pub(crate) rule_limits: RuleLimits,
    pub(crate) receivers: Vec<ReceiverOptions>,
    pub(crate) routing: Routing,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) metrics: MetricsOptions,
    pub(crate) health: HealthOptions,
}

/// A valid config with secrets still to be resolved by [`Draft::resolve`].
pub(crate) struct Draft<T = Config> {
    /// The config, usable except for the open secrets.
    pub(crate) config: T,
    pub(crate) secrets: OpenSecrets,
    secrets_manager: Option<SecretsManagerOptions>,
}

impl<T> Draft<T> {
    /// Checks the secrets that a command uses, and fetches the secrets in Secrets Manager.
    ///
    /// # Errors
    /// All used secrets without a value, with their places in the file.
    pub(crate) async fn resolve(self, uses: SecretUse) -> Result<T, Vec<Diagnostic>> {
        let OpenSecrets { mut pending, missing } = self.secrets;
        pending.retain(|secret| uses.includes(secret.key()));
        let is_used = |key: &str| uses.includes(key) || (!pending.is_empty() && key.starts_with(SECRETS_PREFIX));
        let missing: Vec<Diagnostic> = missing.into_iter().filter(|missing| is_used(&missing.key)).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        secrets_manager::resolve(pending, self.secrets_manager).await?;
        Ok(self.config)
    }
}

/// Prefix of the keys of the table `[secrets]`.
const SECRETS_PREFIX: &str = "secrets.";

/// The settings for reading the store, without the other services.
#[derive(Debug, Clone)]
pub(crate) struct StoreConfig {
    pub(crate) zone: TimeZone,
    pub(crate) currency: String,
    pub(crate) language: Language,
    pub(crate) renotify_factor: f64,
    pub(crate) store: StoreOptions,
    pub(crate) lease: LeaseOptions,
    pub(crate) receivers: Vec<ReceiverOptions>,
    pub(crate) routing: Routing,
    pub(crate) budgets: Vec<Budget>,
}

/// The settings for trying out plugins: the part of a config for plugin authors, without references to secrets.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// Currency code of ISO 4217.
    pub(crate) currency: String,
    pub(crate) accept_after_days: u16,
    pub(crate) plugins: TrialOptions,
}

/// The settings for push and pull of plugins, without the secrets of bills and databases.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exchange {
    /// `None` without a config.
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) plugins: ExchangeOptions,
}

// The descriptions of keys that several readers read.
const ACCEPT_AFTER: &str =
    "The number of days after which a lasting change is the new level. Later fits include the days.";
const ACCOUNT: &str =
    "The name of the billing account. The database and the schedule belong to one account. Required with MongoDB.";
const COMPLETENESS: &str = "The check for late, short or stalled bills. Such a bill is archived and reported, and its day is withheld from the rules.";
const LEASE: &str = "The write lease of hosts that share a MongoDB database.";
const METRICS: &str =
    "The metrics of this host. Every run writes and sends them. Without these keys, nothing is written or sent.";
const PLUGINS: &str = "The folder, the limits, the grants, the keys and the registries of detectors.";
const RECEIVER: &str = "The receivers of notifications, one table each. Standard output if there is no table.";
const SECRETS: &str = "Kakao Cloud Secrets Manager, for references \"kakao-secret:ID\". A run fetches each secret once and stores the secret nowhere.";
const STATE_DIR: &str =
    "The state directory: documents that the archive did not accept yet, compiled plugins, and the embedded store.";
const STORE: &str = "The store of days, fits, anomalies, incidents and run records.";

/// Returns the JSON Schema of a config.
pub(crate) fn schema() -> serde_json::Value {
    config_file::toml::schema("The config of costwarden", |root| {
        let _: Option<(Config, Option<SecretsManagerOptions>)> = read(root, &SecretResolver::new(&|_| None));
    })
}

/// Reads a config file. Environment variables of secrets are looked up with `env`.
///
/// # Errors
/// All errors of the file, in the order of lines.
pub(crate) fn load(file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Draft, Vec<Diagnostic>> {
    parse(file, &text(file)?, env)
}

/// Reads the settings for trying out plugins. Secrets are not resolved, and other tables are ignored.
///
/// # Errors
/// All errors of the used tables, in the order of lines.
pub(crate) fn load_trial(file: &Path) -> Result<Trial, Vec<Diagnostic>> {
    parse_trial(file, &text(file)?)
}

/// Reads the settings for push and pull of plugins. Only the secrets of registries are resolved, and the table
/// `[secrets]` is read only if a registry needs Secrets Manager.
///
/// # Errors
/// All errors of the used tables, in the order of lines.
pub(crate) fn load_exchange(
    file: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Draft<Exchange>, Vec<Diagnostic>> {
    parse_exchange(file, &text(file)?, env)
}

fn text(file: &Path) -> Result<String, Vec<Diagnostic>> {
    std::fs::read_to_string(file).map_err(|error| {
        let hint = "expected a config file: name one with --config FILE or COSTWARDEN_CONFIG, or write one with costwarden init";
        vec![Diagnostic::of_file(file, format!("cannot be read ({error}), {hint}"))]
    })
}

fn parse_trial(file: &Path, text: &str) -> Result<Trial, Vec<Diagnostic>> {
    let document = Document::new(file, text);
    let trial = document.root().map(|mut root| {
        let accept_after_days = days(root.key("accept_after_days", ACCEPT_AFTER), ACCEPT_AFTER_DAYS);
        let currency = currency(&mut root);
        let plugins = root.key("plugins", PLUGINS).section().map(plugins::read_trial).unwrap_or_default();
        Trial { currency, accept_after_days, plugins }
    });
    let errors = document.into_errors();
    match trial {
        Some(trial) if errors.is_empty() => Ok(trial),
        _ => Err(errors),
    }
}

fn parse_exchange(
    file: &Path,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Draft<Exchange>, Vec<Diagnostic>> {
    drafted(Document::new(file, text), SecretResolver::new(env), |root, references| {
        let state_dir = Some(state_dir(root));
        let plugins = root.key("plugins", PLUGINS).section().map(|section| plugins::read_exchange(section, references));
        let secrets_manager =
            root.key("secrets", SECRETS).section().and_then(|section| secrets::read(section, references));
        Some((Exchange { state_dir, plugins: plugins.unwrap_or_default() }, secrets_manager))
    })
}

/// Reads the settings for reading the store. Other tables are ignored.
///
/// # Errors
/// All errors of the used tables, in the order of lines.
pub(crate) fn load_store(
    file: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Draft<StoreConfig>, Vec<Diagnostic>> {
    drafted(Document::new(file, &text(file)?), SecretResolver::new(env), |root, references| {
        let general = General::read(root);
        root.need("store", &format!("a table [store] with kind = {}", store::KINDS));
        let state_dir = state_dir(root);
        let store = root.key("store", STORE).section().and_then(|section| store::read(section, &state_dir, references));
        let lease = root.key("lease", LEASE).section().map(lease::read).unwrap_or_default();
        let receivers = receiver::read(root.key("receiver", RECEIVER).sections(), references);
        let routing = routing::read(root, &receivers);
        let secrets_manager =
            root.key("secrets", SECRETS).section().and_then(|section| secrets::read(section, references));
        let General { zone, currency, language, renotify_factor } = general;
        let budgets = budget::read(root.key("budget", budget::BUDGET).sections(), &currency);
        let zone = zone?;
        let store = store?;
        Some((
            StoreConfig { zone, currency, language, renotify_factor, store, lease, receivers, routing, budgets },
            secrets_manager,
        ))
    })
}

/// Reads a config from text; `file` is for messages and relative paths.
pub(crate) fn parse(file: &Path, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Draft, Vec<Diagnostic>> {
    drafted(Document::new(file, text), SecretResolver::new(env), read)
}

fn drafted<T>(
    document: Document<'_>,
    mut references: SecretResolver<'_>,
    read: impl FnOnce(&mut Section<'_, '_>, &SecretResolver<'_>) -> Option<(T, Option<SecretsManagerOptions>)>,
) -> Result<Draft<T>, Vec<Diagnostic>> {
    let read = document.root().and_then(|mut root| {
        references.read_env_file(&mut root);
        read(&mut root, &references)
    });
    let mut errors = document.into_errors();
    let secrets = references.into_open();
    match read {
        Some((config, secrets_manager)) if errors.is_empty() => Ok(Draft { config, secrets, secrets_manager }),
        _ => {
            errors.extend(secrets.missing);
            errors.sort_by_key(|error| error.line);
            Err(errors)
        }
    }
}

fn read(
    root: &mut Section<'_, '_>,
    references: &SecretResolver<'_>,
) -> Option<(Config, Option<SecretsManagerOptions>)> {
    let state_dir = state_dir(root);
    let env_file = root.key("env_file", ENV_FILE).path();
    let General { zone, currency, language, renotify_factor } = General::read(root);
    let baseline_days =
        days(root.key("baseline_days", "The number of days in the statistics of billing_baseline."), 90);
    let accept_after_days = days(root.key("accept_after_days", ACCEPT_AFTER), ACCEPT_AFTER_DAYS);
    let restate_days = root
        .key("restate_days", "The number of days before yesterday with bills that the daily job requests again.")
        .whole_or(0..=366, 5);
    let catch_up_days = root
        .key(
            "catch_up_days",
            "The number of days before yesterday in which the daily job ingests missing days. 0: none.",
        )
        .whole_or(0..=366, 14);
    for (table, kinds) in [("source", source::KINDS), ("archive", archive::KINDS), ("store", store::KINDS)] {
        root.need(table, &format!("a table [{table}] with kind = {kinds}"));
    }
    root.need("plugins", "a table [plugins] with directory = \"...\"");
    root.need("rules", "a table [rules] with directory = \"...\"");
    let completeness =
        root.key("completeness", COMPLETENESS).section().map_or_else(CompletenessOptions::default, completeness::read);
    let mut account = None;
    let source = root.key("source", "The source of the bills.").section().and_then(|mut section| {
        account = section
            .key("account", ACCOUNT)
            .default("default")
            .pattern("^[A-Za-z0-9_-]{1,64}$")
            .parse("1 to 64 letters, digits, - and _", read_account);
        source::read(section, references)
    });
    let archive = root
        .key("archive", "The archive of raw documents. A run archives a document before anything is computed.")
        .section()
        .and_then(|section| archive::read(section, references));
    let store = root.key("store", STORE).section().and_then(|section| store::read(section, &state_dir, references));
    // Several installations may share a MongoDB server; a file belongs to one config.
    if matches!(store, Some(StoreOptions::Mongodb(_))) && account.is_none() {
        root.fail("source", "account is missing, expected account = \"NAME\", the name of the billing account");
    }
    let lease = root.key("lease", LEASE).section().map(lease::read).unwrap_or_default();
    let plugins = root.key("plugins", PLUGINS).section().and_then(|section| plugins::read(section, references));
    let rules = root.key("rules", "The rule set.").section().and_then(rules::read);
    let receivers = receiver::read(root.key("receiver", RECEIVER).sections(), references);
    let routing = routing::read(root, &receivers);
    let budgets = budget::read(root.key("budget", budget::BUDGET).sections(), &currency);
    let metrics = root.key("metrics", METRICS).section().map_or_else(|| Some(MetricsOptions::default()), metrics::read);
    let secrets_manager = root.key("secrets", SECRETS).section().and_then(|section| secrets::read(section, references));
    let health =
        root.key("health", "The thresholds of `costwarden health`.").section().map(health::read).unwrap_or_default();
    root.finish();
    // Not earlier: `?` before `finish` would hide the errors of later tables.
    let (archive, lifecycle) = archive?;
    let RulesOptions { directory: rules, limits: rule_limits } = rules?;
    let config = Config {
        state_dir,
        env_file,
        zone: zone?,
        currency,
        language,
        baseline_days,
        accept_after_days,
        restate_days: restate_days as u16,
        catch_up_days: catch_up_days as u16,
        renotify_factor,
        completeness,
        account: account.unwrap_or_else(|| "default".to_owned()),
        source: source?,
        archive,
        lifecycle,
        store: store?,
        lease,
        plugins: plugins?,
        rules,
        rule_limits,
        receivers,
        routing,
        budgets,
        metrics: metrics?,
        health,
    };
    Some((config, secrets_manager))
}

fn read_account(text: &str) -> Option<String> {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((1..=64).contains(&text.len()) && text.bytes().all(is_valid)).then(|| text.to_owned())
}

fn state_dir(root: &mut Section<'_, '_>) -> PathBuf {
    let default = root.folder().join("state");
    root.key("state_dir", STATE_DIR).default("state").path().unwrap_or(default)
}

/// Reads a number of days, from 1 to 3660.
fn days(key: Key<'_, '_, '_>, default: u16) -> u16 {
    key.whole_or(1..=3_660, i64::from(default)) as u16
}

#[cfg(test)]
mod tests;
