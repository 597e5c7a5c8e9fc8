//! The reader of `config/*.toml`: returns a valid [`Config`], or all errors at once.
//!
//! Defaults are filled in, paths are absolute to the file, and secrets are resolved, except secrets in Secrets Manager.
//! The reader opens only the config file, secret files and certificates. No network is used.

mod completeness;
mod health;
mod lease;

use std::path::{Path, PathBuf};

use ::store::options::{self as store, StoreOptions};
use config_file::secret::{PendingSecret, SecretResolver};
use config_file::toml::{Diagnostic, Document, Section, directory};
use ingest::archive::Lifecycle;
use ingest::archive::options::{self as archive, ArchiveOptions};
use ingest::source::options::{self as source, SourceOptions};
use jiff::tz::TimeZone;
use model::incident::ACCEPT_AFTER_DAYS;
use model::language::Language;
use notify::options::{self as receiver, ReceiverOptions};
use plugin::options::{self as plugins, ExchangeOptions, PluginOptions, TrialOptions};

pub(crate) use self::completeness::CompletenessOptions;
pub(crate) use self::health::{HealthOptions, Levels};
pub(crate) use self::lease::LeaseOptions;
use crate::metrics::MetricsOptions;
use crate::metrics::options as metrics;
use crate::secrets_manager::{self, SecretsManagerOptions, options as secrets};

/// The valid settings of an operator.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Folder of the spool, the compiled plugins, and by default the embedded database.
    pub(crate) state_dir: PathBuf,
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
    pub(crate) source: SourceOptions,
    pub(crate) archive: ArchiveOptions,
    /// Retention of the archive.
    pub(crate) lifecycle: Lifecycle,
    pub(crate) store: StoreOptions,
    pub(crate) lease: LeaseOptions,
    pub(crate) plugins: PluginOptions,
    /// Folder of the rules; every `*.toml` file there is read.
    pub(crate) rules: PathBuf,
    pub(crate) receivers: Vec<ReceiverOptions>,
    pub(crate) metrics: MetricsOptions,
    pub(crate) health: HealthOptions,
}

/// A valid config with secrets still to be fetched by [`Draft::resolve`].
pub(crate) struct Draft<T = Config> {
    /// The config, usable except for the pending secrets.
    pub(crate) config: T,
    pub(crate) pending: Vec<PendingSecret>,
    secrets_manager: Option<SecretsManagerOptions>,
}

impl<T> Draft<T> {
    /// Fetches the secrets in Secrets Manager.
    ///
    /// # Errors
    /// All secrets that cannot be fetched, with their places in the file.
    pub(crate) async fn resolve(self) -> Result<T, Vec<Diagnostic>> {
        secrets_manager::resolve(self.pending, self.secrets_manager).await?;
        Ok(self.config)
    }
}

/// The settings for trying out plugins: the part of a config for plugin authors, without references to secrets.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
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
        let hint = "expected a config file: name one with --config FILE or COSTWARDEN_CONFIG";
        vec![Diagnostic::of_file(file, format!("cannot be read ({error}), {hint}"))]
    })
}

fn parse_trial(file: &Path, text: &str) -> Result<Trial, Vec<Diagnostic>> {
    let document = Document::new(file, text);
    let trial = document.root().map(|mut root| {
        let accept_after_days = days(&mut root, "accept_after_days").unwrap_or(ACCEPT_AFTER_DAYS);
        let plugins = root.section("plugins").map(plugins::read_trial).unwrap_or_default();
        Trial { accept_after_days, plugins }
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
    drafted(Document::new(file, text), SecretResolver::new(env), |mut root, references| {
        let state_dir = Some(state_dir(&mut root));
        let plugins = root.section("plugins").map(|section| plugins::read_exchange(section, references));
        // Without a pending secret, the credentials in [secrets] need not be resolvable.
        let secrets_manager = if references.has_pending() { root.section("secrets") } else { None };
        let secrets_manager = secrets_manager.and_then(|section| secrets::read(section, references));
        Some((Exchange { state_dir, plugins: plugins.unwrap_or_default() }, secrets_manager))
    })
}

/// Reads a config from text; `file` is for messages and relative paths.
pub(crate) fn parse(file: &Path, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Draft, Vec<Diagnostic>> {
    drafted(Document::new(file, text), SecretResolver::new(env), read)
}

fn drafted<T>(
    document: Document<'_>,
    references: SecretResolver<'_>,
    read: impl FnOnce(Section<'_, '_>, &SecretResolver<'_>) -> Option<(T, Option<SecretsManagerOptions>)>,
) -> Result<Draft<T>, Vec<Diagnostic>> {
    let read = document.root().and_then(|root| read(root, &references));
    let errors = document.into_errors();
    match read {
        Some((config, secrets_manager)) if errors.is_empty() => {
            Ok(Draft { config, pending: references.into_pending(), secrets_manager })
        }
        _ => Err(errors),
    }
}

fn read(mut root: Section<'_, '_>, references: &SecretResolver<'_>) -> Option<(Config, Option<SecretsManagerOptions>)> {
    let state_dir = state_dir(&mut root);
    let zone = root.parse("time_zone", "an IANA time zone like \"Asia/Seoul\"", |name| TimeZone::get(name).ok());
    let is_code = |code: &str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let currency =
        root.parse("currency", "an ISO 4217 code like \"KRW\"", |code| is_code(code).then(|| code.to_owned()));
    let language = root.choice("language", &[("ko", Language::Korean), ("en", Language::English)]);
    let baseline_days = days(&mut root, "baseline_days");
    let accept_after_days = days(&mut root, "accept_after_days");
    let few_days = |root: &mut Section<'_, '_>, key| root.whole(key, 0..=366).map(|days| days as u16);
    let restate_days = few_days(&mut root, "restate_days");
    let catch_up_days = few_days(&mut root, "catch_up_days");
    let renotify_factor = root.amount("renotify_factor");
    if renotify_factor.is_some_and(|factor| factor <= 1.0) {
        root.fail("renotify_factor", "expected a factor above 1, like 2");
    }
    for (table, kinds) in
        [("source", source::KINDS), ("archive", archive::KINDS), ("store", "\"embedded\" or \"mongodb\"")]
    {
        root.need(table, &format!("a table [{table}] with kind = {kinds}"));
    }
    root.need("plugins", "a table [plugins] with directory = \"...\"");
    root.need("rules", "a table [rules] with directory = \"...\"");
    let completeness = root.section("completeness").map_or_else(CompletenessOptions::default, completeness::read);
    let source = root.section("source").and_then(|section| source::read(section, references));
    let archive = root.section("archive").and_then(|section| archive::read(section, references));
    let store = root.section("store").and_then(|section| store::read(section, &state_dir, references));
    let lease = root.section("lease").map(lease::read).unwrap_or_default();
    let plugins = root.section("plugins").and_then(|section| plugins::read(section, references));
    let rules = root.section("rules").and_then(directory);
    let receivers = receiver::read(root.sections("receiver"));
    let metrics = root.section("metrics").map_or_else(|| Some(MetricsOptions::default()), metrics::read);
    let secrets_manager = root.section("secrets").and_then(|section| secrets::read(section, references));
    let health = root.section("health").map(health::read).unwrap_or_default();
    root.finish();
    // Not earlier: `?` before `finish` would hide the errors of later tables.
    let (archive, lifecycle) = archive?;
    let config = Config {
        state_dir,
        zone: zone.or_else(|| TimeZone::get("Asia/Seoul").ok())?,
        currency: currency.unwrap_or_else(|| "KRW".to_owned()),
        language: language.unwrap_or(Language::Korean),
        baseline_days: baseline_days.unwrap_or(90),
        accept_after_days: accept_after_days.unwrap_or(ACCEPT_AFTER_DAYS),
        restate_days: restate_days.unwrap_or(5),
        catch_up_days: catch_up_days.unwrap_or(14),
        renotify_factor: renotify_factor.unwrap_or(2.0),
        completeness,
        source: source?,
        archive,
        lifecycle,
        store: store?,
        lease,
        plugins: plugins?,
        rules: rules?,
        receivers,
        metrics: metrics?,
        health,
    };
    Some((config, secrets_manager))
}

fn state_dir(root: &mut Section<'_, '_>) -> PathBuf {
    root.path("state_dir").unwrap_or_else(|| root.folder().join("state"))
}

/// Reads a number of days, from 1 to 3660.
fn days(section: &mut Section<'_, '_>, key: &'static str) -> Option<u16> {
    section.whole(key, 1..=3_660).map(|days| days as u16)
}

#[cfg(test)]
mod tests {
    use notify::options::ReceiverKind;

    use super::*;

    const MINIMAL: &str = r#"
[source]
kind = "replay"
directory = "raw"
[archive]
kind = "directory"
directory = "archive"
[store]
kind = "embedded"
[plugins]
directory = "plugins"
[rules]
directory = "rules"
"#;

    fn parsed(text: &str) -> Result<Config, String> {
        let env = |name: &str| (name == "SET").then(|| "hunter2".to_owned());
        parse(Path::new("etc/costwarden.toml"), text, &env)
            .map(|draft| draft.config)
            .map_err(|errors| errors.iter().map(|error| format!("{error}\n")).collect())
    }

    #[test]
    fn a_minimal_config_is_enough() {
        let config = parsed(MINIMAL).expect("valid");
        assert_eq!(config.state_dir, Path::new("etc/state"));
        assert_eq!(config.rules, Path::new("etc/rules"));
        assert_eq!((config.currency.as_str(), config.language), ("KRW", Language::Korean));
        assert_eq!(config.zone.iana_name(), Some("Asia/Seoul"));
        assert!(matches!(config.receivers.as_slice(), [ReceiverOptions { kind: ReceiverKind::Stdout, .. }]));
    }

    #[test]
    fn every_error_is_told_at_once() {
        let text = r#"
time_zone = "Seoul"
currency = "won"
tongue = "en"
baseline_days = 0
[source]
kind = "kakao"
credential_id = "id"
credential_secret = "hunter2"
page_size = 20000
[archive]
kind = "s3"
bucket = "b"
access_key = "env:UNSET"
secret_key = "file:/nonexistent/key"
[store]
kind = "mysql"
[plugins]
directory = 5
limits = { memory_bytes = 0 }
[[receiver]]
kind = "syslog"
transport = "tcp"
[[receiver]]
kind = "syslog"
"#;
        insta::assert_snapshot!(parsed(text).expect_err("invalid"), @r#"
        etc/costwarden.toml:1: rules: is missing, expected a table [rules] with directory = "..."
        etc/costwarden.toml:2: time_zone: expected an IANA time zone like "Asia/Seoul", found "Seoul"
        etc/costwarden.toml:3: currency: expected an ISO 4217 code like "KRW", found "won"
        etc/costwarden.toml:4: tongue: unknown key, expected one of state_dir, time_zone, currency, language, baseline_days, accept_after_days, restate_days, catch_up_days, renotify_factor, completeness, source, archive, store, lease, plugins, rules, receiver, metrics, secrets, health
        etc/costwarden.toml:5: baseline_days: expected a whole number from 1 to 3660, found 0
        etc/costwarden.toml:9: source.credential_secret: expected a reference such as "env:NAME", "file:PATH" or "kakao-secret:ID", not the secret itself
        etc/costwarden.toml:10: source.page_size: expected a whole number from 1 to 10000, found 20000
        etc/costwarden.toml:14: archive.access_key: the environment variable UNSET is not set
        etc/costwarden.toml:15: archive.secret_key: /nonexistent/key cannot be read: No such file or directory (os error 2)
        etc/costwarden.toml:17: store.kind: expected "embedded" or "mongodb", found "mysql"
        etc/costwarden.toml:19: plugins.directory: expected a path in quotes, found 5
        etc/costwarden.toml:20: plugins.limits.memory_bytes: expected a whole number from 1 to 4294967296, found 0
        etc/costwarden.toml:21: receiver.address: is missing, expected "HOST:PORT"
        etc/costwarden.toml:24: receiver.name: "syslog" is the name of another receiver, expected a unique name
        "#);
    }

    #[test]
    fn a_text_that_is_not_toml_is_told_with_its_line() {
        insta::assert_snapshot!(parsed("state_dir = \"a\"\nsource = [").expect_err("invalid"), @"etc/costwarden.toml:2: the file ends in the middle of a value");
    }

    #[test]
    fn trying_out_needs_no_secret() {
        let unset = MINIMAL.replace(
            "kind = \"replay\"\ndirectory = \"raw\"",
            "kind = \"kakao\"\ncredential_id = \"id\"\ncredential_secret = \"env:UNSET\"",
        );
        let text = format!(
            "accept_after_days = 3\n{unset}[plugins.limits]\nfuel_per_call = 7\n[[plugins.registry]]\nhost = \"h\"\n\
             username = \"me\"\npassword = \"file:/nonexistent\"\n"
        );
        assert!(parsed(&text).is_err());
        let trial = parse_trial(Path::new("etc/costwarden.toml"), &text).expect("valid");
        assert_eq!((trial.accept_after_days, trial.plugins.limits.fuel_per_call), (3, 7));
        let wrong =
            text.replace("fuel_per_call = 7", "fuel = 7").replace("accept_after_days = 3", "accept_after_days = 0");
        let errors = parse_trial(Path::new("etc/costwarden.toml"), &wrong).expect_err("invalid");
        assert_eq!(errors.len(), 2, "{errors:?}");
    }

    #[test]
    fn sharing_needs_the_secrets_of_registries_alone() {
        let text = |password: &str, secrets: &str| {
            let source = "[source]\nkind = \"kakao\"\ncredential_id = \"id\"\ncredential_secret = \"env:UNSET\"\n";
            let registry = format!("[[plugins.registry]]\nhost = \"h\"\nusername = \"me\"\npassword = {password:?}\n");
            format!("{source}{registry}[secrets]\ncredential_id = \"id\"\ncredential_secret = {secrets:?}\n")
        };
        let env = |name: &str| (name == "SET").then(|| "hunter2".to_owned());
        let told = |password, secrets| {
            let draft = parse_exchange(Path::new("etc/costwarden.toml"), &text(password, secrets), &env);
            draft.map_err(|errors| errors.iter().map(|error| format!("{error}\n")).collect::<String>())
        };
        let draft = told("env:SET", "env:UNSET").expect("valid");
        assert_eq!((draft.pending.len(), draft.config.plugins.registries.len()), (0, 1));
        assert_eq!(draft.config.state_dir.as_deref(), Some(Path::new("etc/state")));
        let draft = told("kakao-secret:registry", "env:SET").expect("valid");
        assert_eq!((draft.pending.len(), draft.secrets_manager.is_some()), (1, true));
        insta::assert_snapshot!(told("kakao-secret:registry", "env:UNSET").err().expect("invalid"), @"etc/costwarden.toml:11: secrets.credential_secret: the environment variable UNSET is not set");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let text = MINIMAL.replace(
            "kind = \"replay\"\ndirectory = \"raw\"",
            "kind = \"kakao\"\ncredential_id = \"id\"\ncredential_secret = \"env:SET\"",
        );
        let config = parsed(&text).expect("valid");
        assert!(!format!("{config:?}").contains("hunter2"));
        let SourceOptions::Kakao(kakao) = config.source else { panic!("kakao was asked for") };
        assert_eq!(kakao.credential_secret.expose(), "hunter2");
    }
}
