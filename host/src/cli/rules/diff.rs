//! The command `rules diff`: two backtests, and the differences between their incidents and notifications.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::civil::Date;
use model::count::counted;
use model::incident::Incident;
use model::language::Language;
use model::money;
use model::run_id::RunId;
use notify::Locale;
use serde_json::{Value, json};

use super::backtest::{ReplayArgs, replay, rule_json};
use super::changed_rules::changed_rules;
use super::ensure_rules;
use crate::cli::args;
use crate::cli::incidents;
use crate::cli::present::{self, Form};
use crate::config::{Config, RuleLimits};
use crate::pipeline::{BacktestResult, Grade, IncidentChange, compare_incidents, notifications};

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArgs {
    /// Folder of the present rules.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Folder of the new rules.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// First day of the result. Default: the first day in the store.
    #[arg(long, value_parser = args::day)]
    from: Option<Date>,
    /// Last day. Default: the newest day in the store.
    #[arg(long, value_parser = args::day)]
    to: Option<Date>,
}

pub(super) async fn run(config: Config, args: DiffArgs, form: Form, run_id: RunId) -> anyhow::Result<Grade> {
    let DiffArgs { old, new, from, to } = args;
    ensure_rules(&old)?;
    ensure_rules(&new)?;
    let diff = RuleSetDiff::new(&config, [&old, &new], ReplayArgs { from, to, labels: None, run_id }).await?;
    diff.print(config.locale(), form);
    if form == Form::Text {
        present::out(config.language.choose("아무것도 쓰지 않았습니다.", "Nothing was written."));
    }
    Ok(diff.grade())
}

/// The backtests of two rule sets.
pub(super) struct RuleSetDiff {
    old: BacktestResult,
    new: BacktestResult,
}

/// Sums over the incidents of a backtest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sums {
    incidents: usize,
    notifications: u64,
    /// The money of the incidents that no incidents of finer series explain: the money of a service is also a part of the
    /// incidents of its project, its account and the total.
    impact: f64,
}

impl RuleSetDiff {
    /// Replays the stored days with both rule sets.
    pub(super) async fn new(config: &Config, folders: [&Path; 2], args: ReplayArgs<'_>) -> anyhow::Result<Self> {
        let [old, new] = folders;
        let old = replay(Config { rules: old.to_owned(), ..config.clone() }, args).await?;
        let new = replay(Config { rules: new.to_owned(), ..config.clone() }, args).await?;
        Ok(Self { old, new })
    }

    pub(super) fn grade(&self) -> Grade {
        self.old.report.grade().max(self.new.report.grade())
    }

    /// Prints the differences and the sums.
    pub(super) fn print(&self, locale: Locale<'_>, form: Form) {
        let changes = compare_incidents(&self.old.incidents, &self.new.incidents);
        match form {
            Form::Json => {
                changes.iter().for_each(|change| present::out(&change_json(*change).to_string()));
                present::out(&self.sums_json(changes.len()).to_string());
            }
            Form::Text => {
                if !changes.is_empty() {
                    present::out(&table(&changes, locale).to_string());
                }
                let [old, new] = [&self.old, &self.new].map(|result| &result.figures.rules);
                changed_rules(old, new, locale.language).iter().for_each(|rule| present::out(rule));
                [&self.old, &self.new].iter().for_each(|result| present::remarks(&result.report, locale.language));
                present::out(&self.summary(&changes, locale));
            }
        }
    }

    /// Checks the new rules against the limits of the config.
    ///
    /// # Errors
    /// A backtest failed, or the new rules exceed a limit.
    pub(super) fn check(&self, limits: RuleLimits) -> anyhow::Result<()> {
        for report in [&self.old.report, &self.new.report] {
            anyhow::ensure!(
                report.error.is_none(),
                "the backtest failed: {}",
                report.error.as_deref().unwrap_or_default()
            );
        }
        let per_month = self.new.figures.notifications_per_month();
        if let Some(most) = limits.max_notifications_per_month {
            anyhow::ensure!(
                per_month <= f64::from(most),
                "the new rules send {per_month:.1} notifications per 30 days in the backtest, and [rules] max_notifications_per_month = {most} allows {most}: change the rules, or raise the limit"
            );
        }
        Ok(())
    }

    fn summary(&self, changes: &[IncidentChange<'_>], locale: Locale<'_>) -> String {
        let count = |is_counted: fn(&IncidentChange<'_>) -> bool| {
            changes.iter().filter(|change| is_counted(change)).count() as u64
        };
        let [old, new] = [&self.old, &self.new].map(|result| Sums::of(result).text(locale));
        let only_old = count(|change| matches!(change, IncidentChange::OnlyOld(_)));
        let only_new = count(|change| matches!(change, IncidentChange::OnlyNew(_)));
        let changed = count(|change| matches!(change, IncidentChange::Changed { .. }));
        let period = &self.new.report.period;
        match locale.language {
            Language::Korean => format!(
                "rules diff {period}: OLD에만 있는 이상 {only_old}건, NEW에만 있는 이상 {only_new}건, 달라진 이상 {changed}건. OLD: {old}. NEW: {new}"
            ),
            Language::English => format!(
                "rules diff {period}: {} only in OLD, {} only in NEW, {changed} changed; OLD: {old}, NEW: {new}",
                counted(only_old, "incident"),
                counted(only_new, "incident"),
            ),
        }
    }

    fn sums_json(&self, changes: usize) -> Value {
        let side = |result: &BacktestResult| {
            let Sums { incidents, notifications, impact } = Sums::of(result);
            let error = &result.report.error;
            let rules: Vec<Value> = result.figures.rules.iter().map(rule_json).collect();
            json!({ "incidents": incidents, "notifications": notifications, "impact": impact, "rules": rules, "error": error })
        };
        let [old, new] = [&self.old, &self.new].map(side);
        json!({ "period": self.new.report.period, "changes": changes, "old": old, "new": new })
    }
}

impl Sums {
    fn of(result: &BacktestResult) -> Self {
        let incidents = &result.incidents;
        Self {
            incidents: incidents.len(),
            notifications: result.figures.notifications,
            impact: incidents
                .iter()
                .filter(|incident| !incident.is_explained)
                .map(Incident::impact)
                .fold(0.0, |sum, impact| sum + impact),
        }
    }

    fn text(self, locale: Locale<'_>) -> String {
        let Self { incidents, notifications, impact } = self;
        let impact = present::amount(impact, locale);
        match locale.language {
            Language::Korean => format!("이상 {incidents}건, 알림 {notifications}건, 차액 {impact}"),
            Language::English => format!(
                "{}, {}, {impact}",
                counted(incidents as u64, "incident"),
                counted(notifications, "notification"),
            ),
        }
    }
}

fn table(changes: &[IncidentChange<'_>], locale: Locale<'_>) -> present::Table {
    let Locale { language, currency } = locale;
    let impact = present::with_unit(language.choose("차액", "impact"), locale);
    let header = language.choose(
        ["", "시작", "상태", "알림", &impact, "시리즈"],
        ["", "since", "state", "notifications", &impact, "series"],
    );
    let mut table = present::table(&header, &[3, 4]);
    (1..3).for_each(|column| table.keep_whole(column));
    for change in changes {
        let names = &change.incident().names;
        table.add_row([
            sign(*change).to_owned(),
            sides(*change, |incident| incident.first_seen.date.to_string()),
            sides(*change, |incident| incident.state.text(language).to_owned()),
            sides(*change, |incident| notifications(incident).to_string()),
            sides(*change, |incident| money::amount(incident.impact(), currency)),
            present::series_label([&names.account, &names.project, &names.service]),
        ]);
    }
    table
}

fn sign(change: IncidentChange<'_>) -> &'static str {
    match change {
        IncidentChange::OnlyOld(_) => "-",
        IncidentChange::OnlyNew(_) => "+",
        IncidentChange::Changed { .. } => "~",
    }
}

/// Returns the text of an incident, or the texts before and after a change.
fn sides(change: IncidentChange<'_>, text: impl Fn(&Incident) -> String) -> String {
    match change {
        IncidentChange::OnlyOld(incident) | IncidentChange::OnlyNew(incident) => text(incident),
        IncidentChange::Changed { old, new } => {
            let [old, new] = [text(old), text(new)];
            if old == new { new } else { format!("{old} -> {new}") }
        }
    }
}

fn change_json(change: IncidentChange<'_>) -> Value {
    let [name, old, new] = match change {
        IncidentChange::OnlyOld(old) => ["only-old".into(), incidents::json(old), Value::Null],
        IncidentChange::OnlyNew(new) => ["only-new".into(), Value::Null, incidents::json(new)],
        IncidentChange::Changed { old, new } => ["changed".into(), incidents::json(old), incidents::json(new)],
    };
    json!({ "change": name, "old": old, "new": new })
}
