//! The commands `rules ...`: evaluate a rule set on a stored day or on all stored days, and list the rules.

mod apply;
mod backtest;
mod changed_rules;
mod coverage;
mod diff;
mod labels;
mod list;
mod tune;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use config_file::secret::SecretUse;
use jiff::civil::Date;

pub(super) use self::list::list;
use super::args::{self, Invocation};
use super::present::{self, Form};
use crate::config::Config;
use crate::pipeline::{self, Grade, PreparedRules, Preview, PullPolicy};
use model::rule::{self, RuleSet};
use store::{Access, Store};

#[derive(Debug, Subcommand)]
pub(super) enum RulesCommand {
    /// Evaluate the rules on a stored day. Nothing is fetched, written or sent.
    Run(RunArgs),
    /// Replay the stored days with the rules: anomalies, incidents, notifications and money by rule. Nothing is written or
    /// sent.
    ///
    /// Each stored day is evaluated like a daily run after midnight, and each stored snapshot like an hourly run. The
    /// training mask, the incidents, the silences and the planned events are those of the replay. The bills are the bills as
    /// stored now.
    Backtest(backtest::BacktestArgs),
    /// Replay the stored days with two rule sets, and compare the incidents and notifications. Nothing is written or sent.
    Diff(diff::DiffArgs),
    /// Find the smallest `min_impact_share` of a rule for a number of notifications per 30 days. Nothing is written or sent.
    ///
    /// Some backtests measure round values from 0 to 0.7. Each line states a measured value.
    Tune(tune::TuneArgs),
    /// Replace the live rules with the rules of a folder, after a check and a backtest.
    ///
    /// Every rule and every plugin of the folder must be usable, and plugins.lock must approve the plugins. The backtest
    /// prints the differences to the live rules. `max_notifications_per_month` in the config limits the notifications of the
    /// new rules. The folder is exchanged in one step, the replaced rules are kept, and the change is recorded in the state
    /// directory.
    Apply(apply::ApplyArgs),
    /// Restore the rules that the last `rules apply` replaced.
    Rollback(apply::AuthorArgs),
    /// List the rules with the number of series on the newest day of the store and with the decisions of people, without
    /// loading the detectors.
    List(list::ListArgs),
}

impl RulesCommand {
    /// Returns the tables with secrets that the command uses.
    pub(super) fn secrets(&self) -> SecretUse {
        match self {
            Self::Run(_) | Self::Backtest(_) | Self::Diff(_) | Self::Tune(_) | Self::Apply(_) => {
                SecretUse::Tables(&["store"])
            }
            Self::List(_) | Self::Rollback(_) => SecretUse::Tables(&[]),
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

pub(super) async fn rules(mut config: Config, command: RulesCommand, invocation: Invocation) -> anyhow::Result<Grade> {
    let Invocation { form, run_id, .. } = invocation;
    match command {
        RulesCommand::Run(RunArgs { date, hour, rules }) => {
            let is_live_rule_set = rules.is_none();
            config.rules = rules.unwrap_or(config.rules);
            run(&config, RunDay { date, hour, is_live_rule_set }, form).await
        }
        RulesCommand::Backtest(args) => backtest::run(config, args, form, run_id).await,
        RulesCommand::Diff(args) => diff::run(config, args, form, run_id).await,
        RulesCommand::Tune(args) => tune::run(config, args, form, run_id).await,
        RulesCommand::Apply(args) => apply::apply(config, args, invocation).await,
        RulesCommand::Rollback(args) => apply::rollback(&config, args, invocation),
        RulesCommand::List(_) => unreachable!("the command line handles the list"),
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
    let rules = prepare(config).await?;
    let store = Store::open(&config.store, Access::Read).await?;
    let report =
        pipeline::preview(Preview { config, store: &store, rules: &rules, date, hour, is_live_rule_set }).await;
    present::preview(&report, config, form);
    Ok(report.grade())
}

/// Checks that a folder has rules: a wrong path must not read as a rule set without anomalies.
///
/// # Errors
/// The folder has no usable rule.
fn ensure_rules(folder: &Path) -> anyhow::Result<()> {
    let RuleSet { rules, errors, .. } = rule::load(folder);
    let causes: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow::ensure!(
        !rules.is_empty(),
        "{} has no usable rule: expected a folder with rules in *.toml files; {}",
        folder.display(),
        if causes.is_empty() { "costwarden rules list --rules DIR lists rules".to_owned() } else { causes.join("; ") }
    );
    Ok(())
}

/// Loads the rules of the config and their detectors.
async fn prepare(config: &Config) -> anyhow::Result<PreparedRules> {
    let sandbox = pipeline::read_only_sandbox(config)?;
    Ok(pipeline::prepare_rules(rule::load(&config.rules), config, &sandbox, PullPolicy::Never).await)
}
