//! The command `rules backtest`: the incidents and notifications of a rule set over the stored days.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::civil::Date;
use model::count::counted;
use model::language::Language;
use model::money;
use model::rule::RuleMode;
use model::run_id::RunId;
use notify::Locale;
use serde_json::{Value, json};
use tracing::Level;

use super::{ensure_rules, labels, prepare};
use crate::cli::args;
use crate::cli::incidents;
use crate::cli::jobs;
use crate::cli::plot::PlotTarget;
use crate::cli::present::{self, Form};
use crate::config::Config;
use crate::pipeline::{
    self, Backtest, BacktestResult, Count, DayLabel, Grade, PreparedRules, RuleFigures, RuleScore, Share,
};
use store::{Access, Store};

#[derive(Debug, Args)]
pub(in crate::cli) struct BacktestArgs {
    /// Folder of rules. Default: the folder in the config.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// First day of the result. Default: the first day in the store. Earlier days are evaluated too, because the rules do
    /// not train on anomalous days.
    #[arg(long, value_parser = args::day)]
    from: Option<Date>,
    /// Last day. Default: the newest day in the store.
    #[arg(long, value_parser = args::day)]
    to: Option<Date>,
    /// CSV file with the columns date, series and label, for precision and recall. Default: the decisions of people about
    /// stored incidents.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Draw the bill of each day and the days with new incidents in the terminal, or write an SVG file.
    #[arg(long, value_name = "FILE.svg", num_args = 0..=1)]
    plot: Option<Option<PathBuf>>,
}

pub(super) async fn run(mut config: Config, args: BacktestArgs, form: Form, run_id: RunId) -> anyhow::Result<Grade> {
    let started = Instant::now();
    let BacktestArgs { rules, from, to, labels, plot } = args;
    let plot = PlotTarget::of_form(plot.as_ref(), form)?;
    let language = config.language;
    config.rules = rules.unwrap_or(config.rules);
    ensure_rules(&config.rules)?;
    let file = labels;
    let labels = file.as_deref().map(labels::read).transpose()?;
    if let (Some(file), Some(labels)) = (&file, &labels) {
        let store = Store::open(&config.store, Access::Read).await?;
        for series in labels::unknown_series(labels, &store).await? {
            let file = file.display();
            let warning = match language {
                Language::Korean => {
                    format!("--labels {file}: {series} 시리즈는 저장된 날이 없어 놓친 것으로 셉니다. 키를 확인하세요")
                }
                Language::English => {
                    format!(
                        "--labels {file}: {series} has no stored day, and its events count as missed: check the key"
                    )
                }
            };
            present::complaint(Level::WARN, &warning);
        }
    }
    let currency = config.currency.clone();
    let result = replay(config, ReplayArgs { from, to, labels: labels.as_deref(), run_id }).await?;
    if let Some(target) = plot.filter(|_| result.report.error.is_none()) {
        target.draw(&result.figure(Locale { language, currency: &currency }))?;
    }
    match form {
        Form::Json => present::out(&as_json(&result).to_string()),
        Form::Text => {
            if !result.figures.rules.is_empty() {
                let locale = Locale { language, currency: &currency };
                present::out(&table(&result.figures.rules, locale).to_string());
            }
            present::remarks(&result.report, language);
            present::out(&summary(&result, started.elapsed(), language));
        }
    }
    Ok(result.report.grade())
}

/// The days, the labels and the run of a backtest.
#[derive(Clone, Copy)]
pub(super) struct ReplayArgs<'a> {
    pub(super) from: Option<Date>,
    pub(super) to: Option<Date>,
    pub(super) labels: Option<&'a [DayLabel]>,
    pub(super) run_id: RunId,
}

/// Replays the stored days with the rules of a config.
pub(super) async fn replay(config: Config, args: ReplayArgs<'_>) -> anyhow::Result<BacktestResult> {
    let rules = prepare(&config).await?;
    replay_rules(config, rules, args).await
}

/// Replays the stored days with the given rules.
pub(super) async fn replay_rules(
    config: Config,
    rules: PreparedRules,
    args: ReplayArgs<'_>,
) -> anyhow::Result<BacktestResult> {
    let ReplayArgs { from, to, labels, run_id } = args;
    let store = Store::open(&config.store, Access::Read).await?;
    let language = config.language;
    let backtest = Backtest { config, store: &store, rules, from, to, labels, run_id };
    let bar = jobs::counting(language.choose("일", "days"), language);
    let on_day = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let result = pipeline::backtest(backtest, &on_day).await;
    bar.finish_and_clear();
    Ok(result)
}

fn table(rules: &[RuleFigures], locale: Locale<'_>) -> present::Table {
    let Locale { language, currency } = locale;
    let impact = present::with_unit(language.choose("차액", "impact"), locale);
    let is_scored = rules.iter().any(|figures| figures.score.is_some());
    let mut header = Vec::from(language.choose(
        ["규칙", "이상 징후", "이상", "알림", &impact, "연산량", "초"],
        ["rule", "anomalies", "incidents", "notifications", &impact, "fuel", "seconds"],
    ));
    if is_scored {
        header.extend(language.choose(["정밀도", "재현율"], ["precision", "recall"]));
    }
    let mut table = present::table(&header, &Vec::from_iter(1..header.len()));
    for figures in rules {
        let RuleFigures { rule, mode, anomalies, incidents, notifications, impact, fuel, time, score } = figures;
        let mut row = vec![
            present::rule_label(rule, *mode == RuleMode::Shadow),
            anomalies.to_string(),
            incidents.to_string(),
            notifications.to_string(),
            money::amount(*impact, currency),
            money::grouped(&format!("{fuel:.0}")),
            format!("{:.1}", time.as_secs_f64()),
        ];
        if is_scored {
            row.push(share(score.as_ref().map(RuleScore::precision), language));
            row.push(share(score.as_ref().map(RuleScore::recall), language));
        }
        table.add_row(row);
    }
    table
}

/// Returns a share with the size of the sample: `0.75 of 4`.
fn share(share: Option<Share>, language: Language) -> String {
    let text = |value, of| match language {
        Language::Korean => format!("{of}건 중 {value:.2}"),
        Language::English => format!("{value:.2} of {of}"),
    };
    share.and_then(|share| Some(text(share.value()?, share.of))).unwrap_or_else(|| "-".to_owned())
}

fn summary(result: &BacktestResult, took: Duration, language: Language) -> String {
    let BacktestResult { report, incidents, figures, .. } = result;
    let heading = present::heading(report, report.grade().into(), language);
    let [days, rules] = [Count::Days, Count::Rules].map(|count| report.count(count));
    let anomalies = figures.anomalies(RuleMode::Live);
    let shadow = figures.anomalies(RuleMode::Shadow);
    let shadow = match (shadow, language) {
        (0, _) => String::new(),
        (_, Language::Korean) => format!(", 섀도 규칙의 이상 징후 {shadow}건"),
        (_, Language::English) => format!(", {} of shadow rules", counted(shadow, "anomaly")),
    };
    let incidents = incidents.len() as u64;
    let notifications = figures.notifications;
    let seconds = took.as_secs_f64();
    match language {
        Language::Korean => format!(
            "{heading}: 재생한 날 {days}일, 규칙 {rules}개, 이상 징후 {anomalies}건, 이상 {incidents}건, 알림 {notifications}건{shadow}, {seconds:.1}초. 아무것도 쓰지 않았습니다"
        ),
        Language::English => format!(
            "{heading}: {}, {}, {}, {}, {}{shadow} in {seconds:.1} s; nothing was written",
            counted(days, "replayed day"),
            counted(rules, "rule"),
            counted(anomalies, "anomaly"),
            counted(incidents, "incident"),
            counted(notifications, "notification"),
        ),
    }
}

fn as_json(result: &BacktestResult) -> Value {
    let BacktestResult { report, incidents, figures, .. } = result;
    let mut json = present::json_report(report, None);
    json["notifications"] = figures.notifications.into();
    json["rules"] = figures.rules.iter().map(rule_json).collect();
    json["incidents"] = incidents.iter().map(incidents::json).collect();
    json
}

pub(super) fn rule_json(figures: &RuleFigures) -> Value {
    let RuleFigures { rule, mode, anomalies, incidents, notifications, impact, fuel, time, score } = figures;
    let score = score.as_ref().map(|score| match score {
        RuleScore::Labels(figures) => json!({ "by": "labels", "figures": figures }),
        RuleScore::Decisions(score) => json!({
            "by": "decisions",
            "accepted": score.accepted,
            "acceptedFound": score.accepted_found,
            "dismissedFound": score.dismissed_found,
        }),
    });
    json!({
        "id": rule,
        "mode": mode.as_str(),
        "anomalies": anomalies,
        "incidents": incidents,
        "notifications": notifications,
        "impact": impact,
        "fuel": fuel,
        "seconds": time.as_secs_f64(),
        "precision": figures.score.as_ref().map(RuleScore::precision).and_then(Share::value),
        "recall": figures.score.as_ref().map(RuleScore::recall).and_then(Share::value),
        "score": score,
    })
}
