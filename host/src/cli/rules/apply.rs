//! The commands `rules apply` and `rules rollback`: replace the live rules of this host.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use model::language::Language;

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
    diff.print(config.locale(), form);
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
    if form == Form::Json {
        return present::out(&serde_json::to_string(record).expect("a record has only texts"));
    }
    let live = config.rules.display();
    let from = from.display();
    let digest = &digest[..8];
    let before = config.state_dir.join("rule-sets/rolled-back");
    let before = before.display();
    present::out(&match (config.language, action) {
        (Language::Korean, RuleSetAction::Apply) => format!(
            "{live}: {from} 폴더의 규칙({digest})으로 바꿨습니다. 다음 작업부터 쓰며, costwarden rules rollback 명령으로 되돌립니다"
        ),
        (Language::English, RuleSetAction::Apply) => format!(
            "{live} has the rules of {from} ({digest}): the next job uses the rules; costwarden rules rollback restores the replaced rules"
        ),
        (Language::Korean, RuleSetAction::Rollback) => format!(
            "{live}: 바꾸기 전의 규칙({digest})으로 되돌렸습니다. 다음 작업부터 쓰며, 되돌리기 전의 규칙은 {before} 폴더에 있습니다"
        ),
        (Language::English, RuleSetAction::Rollback) => format!(
            "{live} has the replaced rules again ({digest}): the next job uses the rules; {before} keeps the rules before"
        ),
    });
}
