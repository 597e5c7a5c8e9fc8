//! The command `rules tune`: the gate of a rule for a number of notifications per month.

use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;
use model::count::counted;
use model::language::Language;
use model::rule::RuleMode;
use model::run_id::RunId;
use serde_json::json;

use super::backtest::{ReplayArgs, replay_rules};
use super::prepare;
use crate::cli::args;
use crate::cli::present::{self, Form};
use crate::config::Config;
use crate::pipeline::{BacktestResult, Grade, PreparedRules};

#[derive(Debug, Args)]
pub(in crate::cli) struct TuneArgs {
    /// Id of the rule.
    #[arg(value_name = "RULE")]
    rule: String,
    /// Largest number of notifications per 30 days that the rule adds to those of the other rules.
    #[arg(long, value_name = "N")]
    notifications_per_month: f64,
    /// Folder of rules. Default: the folder in the config.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// First day of the backtests. Default: the first day in the store.
    #[arg(long, value_parser = args::day)]
    from: Option<Date>,
    /// Last day. Default: the newest day in the store.
    #[arg(long, value_parser = args::day)]
    to: Option<Date>,
}

/// The incidents and notifications of all rules with one value of the gate, without those of the other rules alone.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    share: f64,
    incidents: u64,
    notifications_per_month: f64,
}

/// The incidents and the notifications of a backtest.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    incidents: u64,
    notifications: u64,
}

pub(super) async fn run(mut config: Config, args: TuneArgs, form: Form, run_id: RunId) -> anyhow::Result<Grade> {
    let TuneArgs { rule, notifications_per_month: most, rules, from, to } = args;
    config.rules = rules.unwrap_or(config.rules);
    let prepared = prepare(&config).await?;
    let location = prepared.rules.iter().find(|prepared| prepared.rule.id == rule).map(|it| it.rule.location.clone());
    let Some(location) = location else {
        anyhow::bail!("no usable rule {rule} in {}: costwarden rules list names all rules", config.rules.display());
    };
    let args = ReplayArgs { from, to, labels: None, run_id };
    let trial = Trial::new(&config, &prepared, &rule, args).await?;
    let shares = shares();
    // The smallest value with few enough notifications, if the notifications fall with a larger value.
    let mut range = 0..shares.len();
    let mut best = None;
    while !range.is_empty() {
        let middle = range.start + range.len() / 2;
        let measured = trial.measure(shares[middle]).await?;
        print(measured, config.language, form);
        if measured.notifications_per_month <= most {
            best = Some(measured);
            range.end = middle;
        } else {
            range.start = middle + 1;
        }
    }
    let Some(Measured { share, notifications_per_month, .. }) = best else {
        let largest = shares.last().copied().unwrap_or_default();
        anyhow::bail!(
            "rule {rule} adds more than {most} notifications per 30 days with each measured min_impact_share up to {largest}: change the detector, its settings or the selection"
        );
    };
    if form == Form::Text {
        let file = location.file.display();
        let line = location.line;
        present::out(&match config.language {
            Language::Korean => format!(
                "규칙 {rule}: min_impact_share = {share}일 때 30일에 알림이 {notifications_per_month:.1}건 늘어납니다. {file}:{line}에 값을 적으세요. 아무것도 쓰지 않았습니다"
            ),
            Language::English => format!(
                "rule {rule}: min_impact_share = {share} adds {notifications_per_month:.1} notifications per 30 days; set the value at {file}:{line}, nothing was written"
            ),
        });
    }
    Ok(Grade::Done)
}

/// Returns the measured values of `min_impact_share`, ascending.
fn shares() -> Vec<f64> {
    let texts =
        (1..=5).rev().flat_map(|digits| ["1", "1.5", "2", "3", "5", "7"].map(|first| format!("{first}e-{digits}")));
    [0.0].into_iter().chain(texts.map(|text| text.parse().expect("a number"))).collect()
}

fn print(measured: Measured, language: Language, form: Form) {
    let Measured { share, incidents, notifications_per_month } = measured;
    match form {
        Form::Json => present::out(
            &json!({ "minImpactShare": share, "incidents": incidents, "notificationsPerMonth": notifications_per_month })
                .to_string(),
        ),
        Form::Text => present::out(&match language {
            Language::Korean => format!(
                "min_impact_share {share}: 늘어난 이상 {incidents}건, 30일에 늘어난 알림 {notifications_per_month:.1}건"
            ),
            Language::English => format!(
                "min_impact_share {share}: adds {}, {notifications_per_month:.1} notifications per 30 days",
                counted(incidents, "incident")
            ),
        }),
    }
}

/// The backtests of a rule with different values of the gate.
struct Trial<'a> {
    config: &'a Config,
    prepared: &'a PreparedRules,
    rule: &'a str,
    args: ReplayArgs<'a>,
    /// The incidents and notifications of the other rules alone.
    others: Sums,
}

impl<'a> Trial<'a> {
    /// Replays the stored days with the other rules.
    async fn new(
        config: &'a Config,
        prepared: &'a PreparedRules,
        rule: &'a str,
        args: ReplayArgs<'a>,
    ) -> anyhow::Result<Self> {
        let mut others = prepared.clone();
        others.rules.retain(|prepared| prepared.rule.id != rule);
        let others = match others.rules.is_empty() {
            true => Sums::default(),
            false => Sums::of(&replayed(config, others, args).await?),
        };
        Ok(Self { config, prepared, rule, args, others })
    }

    /// Replays the stored days with a value of the gate.
    async fn measure(&self, share: f64) -> anyhow::Result<Measured> {
        let mut rules = self.prepared.clone();
        let of_rule = rules.rules.iter_mut().filter(|prepared| prepared.rule.id == self.rule);
        of_rule.for_each(|prepared| {
            prepared.rule.min_impact_share = share;
            // The anomalies of a shadow rule open no incidents.
            prepared.rule.mode = RuleMode::Live;
        });
        let result = replayed(self.config, rules, self.args).await?;
        let figures = result.figures.rules.iter().find(|figures| figures.rule == self.rule);
        let figures = figures.expect("the backtest has figures of each usable rule");
        anyhow::ensure!(
            figures.fuel > 0.0,
            "rule {} was not evaluated on any replayed day: load more days with costwarden backfill, or check the selection of the rule",
            self.rule
        );
        let Sums { incidents, notifications } = Sums::of(&result);
        let added = notifications.saturating_sub(self.others.notifications);
        let notifications_per_month = added as f64 / f64::from(result.figures.days.max(1)) * 30.0;
        Ok(Measured { share, incidents: incidents.saturating_sub(self.others.incidents), notifications_per_month })
    }
}

impl Sums {
    fn of(result: &BacktestResult) -> Self {
        Self { incidents: result.incidents.len() as u64, notifications: result.figures.notifications }
    }
}

/// Replays the stored days with the given rules.
async fn replayed(config: &Config, rules: PreparedRules, args: ReplayArgs<'_>) -> anyhow::Result<BacktestResult> {
    let result = replay_rules(config.clone(), rules, args).await?;
    match &result.report.error {
        Some(error) => anyhow::bail!("{error}"),
        None => Ok(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_ascend_in_round_steps() {
        let shares = shares();
        assert!(shares.is_sorted() && shares.len() == 31);
        assert_eq!(shares[..4], [0.0, 0.00001, 0.000015, 0.00002]);
        assert_eq!(shares.last(), Some(&0.7));
    }
}
