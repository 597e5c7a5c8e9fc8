//! The commands `rules apply` and `rules rollback`: replace the live rules of this host.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;

use super::backtest::ReplayArgs;
use super::diff::RuleSetDiff;
use super::prepare;
use crate::cli::args::{self, Invocation};
use crate::cli::present::{self, Form};
use crate::config::Config;
use crate::pipeline::Grade;
use crate::rule_sets::{Authorship, RuleSetAction, RuleSetRecord, RuleSets};

#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyArgs {
    /// Folder of the new rules.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// First day of the backtest. Default: the first day in the store.
    #[arg(long, value_parser = args::day)]
    from: Option<Date>,
    /// Last day of the backtest. Default: the newest day in the store.
    #[arg(long, value_parser = args::day)]
    to: Option<Date>,
    #[command(flatten)]
    author: AuthorArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AuthorArgs {
    /// Author of the change. Default: the user of the system.
    #[arg(long = "as", value_name = "NAME")]
    author: Option<String>,
}

pub(super) async fn apply(config: Config, args: ApplyArgs, invocation: Invocation) -> anyhow::Result<Grade> {
    let ApplyArgs { folder, from, to, author } = args;
    let Invocation { form, run_id, now } = invocation;
    let prepared = prepare(&Config { rules: folder.clone(), ..config.clone() }).await?;
    if !prepared.problems.is_empty() {
        let problems: Vec<String> = prepared.problems.iter().map(ToString::to_string).collect();
        anyhow::bail!(
            "{}\nthe live rules are unchanged: every rule and every plugin must be usable",
            problems.join("\n")
        );
    }
    let replayed = ReplayArgs { from, to, labels: None, run_id };
    let diff = RuleSetDiff::new(&config, [&config.rules, &folder], replayed).await?;
    diff.print(&config.currency, form);
    diff.check(config.rule_limits).context("the live rules are unchanged")?;
    let record = RuleSets::new(&config.rules, &config.state_dir).apply(&folder, author.authorship(now))?;
    print(&record, &config, form);
    Ok(Grade::Done)
}

pub(super) fn rollback(config: &Config, args: AuthorArgs, invocation: Invocation) -> anyhow::Result<Grade> {
    let record = RuleSets::new(&config.rules, &config.state_dir).rollback(args.authorship(invocation.now))?;
    print(&record, config, invocation.form);
    Ok(Grade::Done)
}

impl AuthorArgs {
    fn authorship(self, at: Timestamp) -> Authorship {
        Authorship { author: self.author.unwrap_or_else(args::system_user), at }
    }
}

fn print(record: &RuleSetRecord, config: &Config, form: Form) {
    let RuleSetRecord { action, from, digest, .. } = record;
    let live = config.rules.display();
    match (form, action) {
        (Form::Json, _) => present::out(&serde_json::to_string(record).expect("a record has only texts")),
        (Form::Text, RuleSetAction::Apply) => present::out(&format!(
            "{live} has the rules of {} ({}): the next job uses the rules; costwarden rules rollback restores the replaced rules",
            from.display(),
            &digest[..8]
        )),
        (Form::Text, RuleSetAction::Rollback) => {
            present::out(&format!(
                "{live} has the replaced rules again ({}): the next job uses the rules; {} keeps the rules before",
                &digest[..8],
                config.state_dir.join("rule-sets/rolled-back").display()
            ));
        }
    }
}
