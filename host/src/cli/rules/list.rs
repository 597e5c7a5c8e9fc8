//! The command `rules list`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use model::incident::DecisionCount;
use model::language::Language;
use model::rule::{self, Rule, RuleSet};
use model::series::SeriesKey;
use serde_json::{Value, json};
use tracing::Level;

use super::coverage::{self, Coverage};
use crate::cli::present::{self, Form};
use crate::config::{Config, StoreConfig};
use crate::pipeline::Grade;

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Folder of rules. Default: the folder in the config.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Also print the keys of the series that each rule covers on the newest day.
    #[arg(long)]
    series: bool,
}

/// Lists the rules, the disabled rules last. Without a store, the numbers of series are not known.
pub(in crate::cli) async fn list(
    config: Config,
    store: anyhow::Result<StoreConfig>,
    args: ListArgs,
    form: Form,
) -> anyhow::Result<Grade> {
    let ListArgs { rules, series: shows_series } = args;
    let set = rule::load(&rules.unwrap_or(config.rules));
    let every: Vec<&Rule> = set.rules.iter().chain(&set.disabled).collect();
    let coverage = match store {
        Ok(store) => coverage::read(&store.store, &every).await,
        Err(error) => Err(error),
    };
    for error in &set.errors {
        present::complaint(Level::ERROR, &format!("error: {error}"));
    }
    let listed = listed(&set, coverage.as_ref().ok());
    match form {
        Form::Json => listed.iter().for_each(|listed| present::out(&listed.json(shows_series).to_string())),
        Form::Text => {
            present::out(&table(&listed, config.language).to_string());
            if let Ok(coverage) = &coverage {
                print_notes(coverage, config.language);
            }
            if shows_series {
                listed.iter().flat_map(Listed::series_lines).for_each(|line| present::out(&line));
            }
        }
    }
    if let Err(error) = &coverage {
        let message = format!("warning: the number of series of each rule is not known: {error:#}");
        present::complaint(Level::WARN, &message);
    }
    Ok(match (set.errors.is_empty(), set.rules.is_empty()) {
        (true, _) => Grade::Done,
        (false, false) => Grade::Degraded,
        (false, true) => Grade::Failed,
    })
}

/// A rule with the facts in the store.
struct Listed<'r> {
    rule: &'r Rule,
    is_enabled: bool,
    /// The series; `None` if not known.
    series: Option<&'r BTreeSet<SeriesKey>>,
    decisions: Option<DecisionCount>,
}

fn listed<'r>(set: &'r RuleSet, coverage: Option<&'r Coverage>) -> Vec<Listed<'r>> {
    let enabled = set.rules.iter().map(|rule| (rule, true));
    let every = enabled.chain(set.disabled.iter().map(|rule| (rule, false)));
    let listed = every.map(|(rule, is_enabled)| Listed {
        rule,
        is_enabled,
        series: coverage.and_then(|coverage| coverage.series.get(&rule.id)),
        decisions: coverage.and_then(|coverage| coverage.decisions.get(&rule.id)).copied(),
    });
    listed.collect()
}

fn table(rules: &[Listed<'_>], language: Language) -> present::Table {
    // No purposes: the table would exceed 80 columns.
    let header = language.choose(
        ["규칙", "모드", "탐지기", "간격", "묶음", "시리즈", "수용"],
        ["rule", "mode", "detector", "points", "by", "series", "accepted"],
    );
    let mut table = present::table(&header, &[5, 6]);
    (0..7).for_each(|column| table.keep_whole(column));
    for Listed { rule, is_enabled, series, decisions } in rules {
        let mode = if *is_enabled { rule.mode.as_str() } else { language.choose("꺼짐", "disabled") };
        table.add_row([
            rule.id.clone(),
            mode.to_owned(),
            rule.detector.clone(),
            rule.grain.as_str().to_owned(),
            group_text(rule, language),
            series.map_or_else(|| "?".to_owned(), |series| series.len().to_string()),
            decisions.and_then(|decisions| decisions.share(language)).unwrap_or_default(),
        ]);
    }
    table
}

fn group_text(rule: &Rule, language: Language) -> String {
    let word = |dimension: &&'static str| match *dimension {
        "account" => language.choose("계정", "account"),
        "project" => language.choose("프로젝트", "project"),
        dimension => language.choose("서비스", dimension),
    };
    match group_by(rule)[..] {
        [] => language.choose("전체", "total").to_owned(),
        [_, _, _] => language.choose("각각", "each").to_owned(),
        ref dimensions => dimensions.iter().map(word).collect::<Vec<_>>().join(", "),
    }
}

/// Prints the meaning of the columns of numbers.
fn print_notes(coverage: &Coverage, language: Language) {
    let day = coverage.day;
    present::out(&match language {
        Language::Korean => format!("시리즈 수는 {day} 기준입니다."),
        Language::English => format!("The series are those of {day}."),
    });
    if !coverage.decisions.is_empty() {
        present::out(language.choose(
            "수용: 결정한 이상 가운데 사람이 수용한 이상입니다.",
            "accepted: the incidents that people accepted, of the incidents with a decision.",
        ));
    }
}

impl Listed<'_> {
    /// Returns a line for each series.
    fn series_lines(&self) -> Vec<String> {
        self.series.into_iter().flatten().map(|series| format!("{}: {series}", self.rule.id)).collect()
    }

    fn json(&self, shows_series: bool) -> Value {
        let Self { rule, is_enabled, series, decisions } = self;
        let mut json = json!({
            "id": rule.id,
            "mode": rule.mode.as_str(),
            "enabled": is_enabled,
            "covers": series.map(BTreeSet::len),
            "why": rule.why,
            "detector": rule.detector,
            "series": rule.grain.as_str(),
            "groupBy": group_by(rule),
            "historyDays": rule.history_days,
            "severity": rule.severity.as_str(),
            "file": rule.location.file,
            "line": rule.location.line,
            "decisions": decisions.map(|count| {
                json!({ "accepted": count.accepted, "dismissed": count.dismissed, "precision": count.precision() })
            }),
        });
        if let Some(series) = series.filter(|_| shows_series) {
            json["coveredSeries"] = series.iter().map(ToString::to_string).collect();
        }
        json
    }
}

/// Returns the dimensions of the rule's series; an empty list means the total.
fn group_by(rule: &Rule) -> Vec<&'static str> {
    let kept = rule.group_by;
    let dimensions = [(kept.account, "account"), (kept.project, "project"), (kept.service, "service")];
    dimensions.into_iter().filter(|(kept, _)| *kept).map(|(_, dimension)| dimension).collect()
}
