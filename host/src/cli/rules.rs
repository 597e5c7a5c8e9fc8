//! The commands `rules ...`: evaluate a rule set on a stored day, and list the rules.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::json;
use tracing::Level;

use super::dates;
use super::present::{self, Form};
use crate::config::Config;
use crate::pipeline::{self, Grade, Preview, PullPolicy};
use model::rule::{self, Rule, RuleSet};
use sandbox::{Compiler, Sandbox};
use store::{Access, Store};

#[derive(Debug, Subcommand)]
pub(super) enum RulesCommand {
    /// Evaluate the rules on a stored day. Nothing is fetched, written or sent.
    Run(RunArgs),
    /// List the rules without loading their detectors.
    List(ListArgs),
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Day, like 2026-11-23. Default: the newest day in the store.
    #[arg(long, value_parser = dates::day)]
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
            config.rules = rules.unwrap_or(config.rules);
            run(&config, date, hour, form).await
        }
        RulesCommand::List(ListArgs { rules }) => Ok(list(&rule::load(&rules.unwrap_or(config.rules)), form)),
    }
}

async fn run(config: &Config, date: Option<Date>, hour: u8, form: Form) -> anyhow::Result<Grade> {
    // No cache folder: a preview leaves no trace.
    let sandbox = Sandbox::new(config.plugins.limits.clone(), None, Compiler::this_program())?;
    let rules = pipeline::prepare_rules(rule::load(&config.rules), config, &sandbox, PullPolicy::Never).await;
    let store = Store::open(&config.store, Access::Read).await?;
    let report = pipeline::preview(Preview { config, store: &store, rules: &rules, date, hour }).await;
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
            let columns = ["rule", "detector", "series", "by", "days", "severity", "why"];
            let mut table = present::table(&columns, &[4]);
            for rule in &set.rules {
                table.add_row([
                    rule.id.clone(),
                    rule.detector.clone(),
                    rule.grain.as_str().to_owned(),
                    if group_by(rule).is_empty() { "total".to_owned() } else { group_by(rule).join(", ") },
                    rule.history_days.to_string(),
                    rule.severity.as_str().to_owned(),
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
