//! The command `health`: prints a table, JSON, or the first line and exit code of a monitoring plugin.

use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use tracing::Level;

use super::environment;
use super::present::{self, Form};
use crate::config::{self, Config};
use crate::health::{self, Check, State};
use config_file::secret::SecretUse;
use config_file::toml::Diagnostic;
use model::language::Language;

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Print the first line only.
    #[arg(long)]
    brief: bool,
    /// Print only if the state of a check has changed since the last call with the option, for the system log. The state
    /// directory keeps the last states. Exit code 0 without a change.
    #[arg(long, requires = "brief")]
    changes: bool,
}

/// Prints the checks and returns the exit code of a monitoring plugin.
pub(super) async fn health(config: &Path, args: &HealthArgs, form: Form, now: Timestamp) -> u8 {
    let mut changes = None;
    // The errors of an invalid config are English.
    let mut language = Language::English;
    let checks = match load(config).await {
        Ok(config) => {
            // JSON has the English texts.
            language = if form == Form::Json { language } else { config.language };
            let checks = health::checks(&health::gather(&config, now).await, &config.health, language);
            changes = args.changes.then(|| health::LastStates::update(&config.state_dir, &checks, now));
            checks
        }
        Err(errors) => vec![unusable(&errors)],
    };
    let state = health::overall(&checks);
    match changes {
        Some(Ok(None)) => return 0,
        Some(Ok(Some(since))) => {
            let headline = health::headline(&checks, language);
            present::out(&match language {
                Language::Korean => format!("{headline} ({since}부터)"),
                Language::English => format!("{headline} (since {since})"),
            });
            return state.exit_code();
        }
        // Without the file every call prints.
        Some(Err(error)) => present::complaint(Level::WARN, &error),
        None => {}
    }
    match form {
        Form::Json => {
            let checks: Vec<_> = checks.iter().map(json_check).collect();
            present::out(&json!({"state": state.as_str(), "checks": checks}).to_string());
        }
        Form::Text => {
            present::out(&health::headline(&checks, language));
            if !args.brief {
                present::out(&table(&checks, language));
            }
        }
    }
    state.exit_code()
}

async fn load(path: &Path) -> Result<Config, Vec<Diagnostic>> {
    config::load(path, &environment)?.resolve(SecretUse::Tables(&["archive", "store"])).await
}

/// The check for an invalid config: critical, because no job runs without a config.
fn unusable(errors: &[Diagnostic]) -> Check {
    let first = errors.first().map_or_else(String::new, ToString::to_string);
    let more = if errors.len() > 1 { " (`costwarden check` lists more)" } else { "" };
    Check::new("config", State::Critical, format!("{first}{more}"))
}

fn table(checks: &[Check], language: Language) -> String {
    let header = language.choose(["상태", "검사", "결과"], ["state", "check", "result"]);
    let mut table = present::table(&header, &[]);
    for check in checks {
        let mark = match check.state {
            State::Ok => language.choose("정상", "ok"),
            State::Unknown => "?",
            State::Warning => "!",
            State::Critical => "!!",
        };
        table.add_row([mark, &check.title(language), &check.message]);
    }
    table.to_string()
}

fn json_check(check: &Check) -> serde_json::Value {
    let figure = check.figure.as_ref().map(|figure| {
        json!({
            "label": figure.label,
            "value": figure.value,
            "unit": figure.unit,
            "warning": figure.levels.map(|levels| levels.warning),
            "critical": figure.levels.map(|levels| levels.critical),
        })
    });
    json!({"name": check.name, "state": check.state.as_str(), "message": check.message, "figure": figure})
}
