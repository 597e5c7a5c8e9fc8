//! The commands `rules ...`: evaluate a rule set on a stored day, and list the rules.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use config_file::secret::SecretUse;
use jiff::civil::Date;
use serde_json::json;
use tracing::Level;

use super::args;
use super::present::{self, Form};
use crate::config::Config;
use crate::pipeline::{self, Grade, Preview, PullPolicy};
use model::rule::{self, Rule, RuleSet};
use sandbox::{Isolation, Sandbox};
use store::{Access, Store};

#[derive(Debug, Subcommand)]
pub(super) enum RulesCommand {
    /// Evaluate the rules on a stored day. Nothing is fetched, written or sent.
    Run(RunArgs),
    /// List the rules without loading their detectors.
    List(ListArgs),
}

impl RulesCommand {
    /// Returns the tables with secrets that the command uses.
    pub(super) fn secrets(&self) -> SecretUse {
        match self {
            Self::Run(_) => SecretUse::Tables(&["store"]),
            Self::List(_) => SecretUse::Tables(&[]),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Day, like 2026-11-23. Default: the newest day in the store.
    #[arg(long, value_parser = args::day)]
    date: Option<Date>,
    /// Hour of the day for the rules over hourly snapshots.
    #[arg(long, default_value_t = 23, value_parser = clap::value_parser!(u8).range(0..24))]
    hour: u8,
    /// Folder of rules. Default: the folder in the config.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Folder of rules. Default: the folder in the config.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

pub(super) async fn rules(mut config: Config, command: RulesCommand, form: Form) -> anyhow::Result<Grade> {
    match command {
        RulesCommand::Run(RunArgs { date, hour, rules }) => {
            let is_live_rule_set = rules.is_none();
            config.rules = rules.unwrap_or(config.rules);
            run(&config, RunDay { date, hour, is_live_rule_set }, form).await
        }
        RulesCommand::List(ListArgs { rules }) => Ok(list(&rule::load(&rules.unwrap_or(config.rules)), form)),
    }
}

/// The day of a preview, and the rules.
struct RunDay {
    date: Option<Date>,
    hour: u8,
    is_live_rule_set: bool,
}

async fn run(config: &Config, day: RunDay, form: Form) -> anyhow::Result<Grade> {
    let RunDay { date, hour, is_live_rule_set } = day;
    // No cache folder: a preview leaves no trace.
    let sandbox =
        Sandbox::new(config.plugins.limits.clone(), None, Isolation::processes(config.plugins.requires_jail))?;
    let rules = pipeline::prepare_rules(rule::load(&config.rules), config, &sandbox, PullPolicy::Never).await;
    let store = Store::open(&config.store, Access::Read).await?;
    let report =
        pipeline::preview(Preview { config, store: &store, rules: &rules, date, hour, is_live_rule_set }).await;
    present::preview(&report, config, form);
    Ok(report.grade())
}

fn list(set: &RuleSet, form: Form) -> Grade {
    for error in &set.errors {
        present::complaint(Level::ERROR, &format!("error: {error}"));
    }
    match form {
        Form::Json => set.rules.iter().for_each(|rule| present::out(&json(rule).to_string())),
        Form::Text => {
            let mut table = present::table(&["rule", "detector", "series", "by", "why"], &[]);
            (0..3).for_each(|column| present::keep_whole(&mut table, column));
            for rule in &set.rules {
                table.add_row([
                    rule.id.clone(),
                    rule.detector.clone(),
                    rule.grain.as_str().to_owned(),
                    match group_by(rule)[..] {
                        [] => "total".to_owned(),
                        [_, _, _] => "each".to_owned(),
                        ref dimensions => dimensions.join(", "),
                    },
                    rule.why.clone(),
                ]);
            }
            present::out(&table.to_string());
        }
    }
    match (set.errors.is_empty(), set.rules.is_empty()) {
        (true, _) => Grade::Done,
        (false, false) => Grade::Degraded,
        (false, true) => Grade::Failed,
    }
}

fn json(rule: &Rule) -> serde_json::Value {
    json!({
        "id": rule.id,
        "why": rule.why,
        "detector": rule.detector,
        "series": rule.grain.as_str(),
        "groupBy": group_by(rule),
        "historyDays": rule.history_days,
        "severity": rule.severity.as_str(),
        "file": rule.location.file,
        "line": rule.location.line,
    })
}

/// Returns the dimensions of the rule's series; an empty list means the total.
fn group_by(rule: &Rule) -> Vec<&'static str> {
    let kept = rule.group_by;
    let dimensions = [(kept.account, "account"), (kept.project, "project"), (kept.service, "service")];
    dimensions.into_iter().filter(|(kept, _)| *kept).map(|(_, dimension)| dimension).collect()
}
