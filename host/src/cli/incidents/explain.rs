//! The command `incidents explain`: the drivers, the detector's figures, and the repetition of the opening verdicts.

mod text;

use std::path::PathBuf;

use clap::Args;
use ingest::archive::Archive;
use jiff::ToSpan as _;
use model::incident::Incident;
use model::language::Language;
use model::rule;
use notify::cause_document;
use serde_json::{Value, json};
use store::{Access, DateRange, Store};

use super::super::plot::PlotTarget;
use super::super::present::{self, Form};
use super::find;
use crate::config::Config;
use crate::pipeline::{self, BandExplanation, Explainer, Explanation, Grade, PullPolicy, VerdictFigures};
use crate::stored_series;

/// Days before and after an incident in the plot.
const DAYS_BEFORE: i32 = 60;
const DAYS_AFTER: i32 = 14;

#[derive(Debug, Args)]
pub(in crate::cli) struct ExplainArgs {
    /// Id from `incidents list` or from an anomaly; the first characters suffice.
    #[arg(value_name = "ID")]
    id: String,
    /// Draw the cost of the series around the incident in the terminal, or write an SVG file.
    #[arg(long, value_name = "FILE.svg", num_args = 0..=1)]
    plot: Option<Option<PathBuf>>,
}

/// Explains an incident. Nothing is written or sent.
pub(crate) async fn explain(config: &Config, args: &ExplainArgs, form: Form) -> anyhow::Result<Grade> {
    let plot = PlotTarget::of_form(args.plot.as_ref(), form)?;
    let store = Store::open(&config.store, Access::Read).await?;
    let incident = find(&store, &args.id).await?;
    if let Some(target) = plot {
        let from = incident.first_seen.date.saturating_sub(DAYS_BEFORE.days());
        let range = DateRange { from, to: incident.last_seen.date.saturating_add(DAYS_AFTER.days()) };
        target.draw(&stored_series::read(&store, &incident.series, range).await?.figure(config.locale()))?;
    }
    let sandbox = pipeline::read_only_sandbox(config)?;
    let rules = pipeline::prepare_rules(rule::load(&config.rules), config, &sandbox, PullPolicy::Never).await;
    let archive = Archive::new(&config.archive);
    let explainer = Explainer { config, store: &store, archive: &archive, rules: &rules };
    let explanation = explainer.explain(&incident).await?;
    if let Some(error) = &explanation.archive_error {
        present::degraded(error, config.language);
    }
    match form {
        Form::Json => present::out(&json_document(&incident, &explanation).to_string()),
        Form::Text => present::out(text::text(&incident, &explanation, config.locale()).trim_end()),
    }
    let is_complete = explanation.archive_error.is_none();
    Ok(if is_complete { Grade::Done } else { Grade::Degraded })
}

fn json_document(incident: &Incident, explanation: &Explanation<'_>) -> Value {
    json!({
        "incident": incident.id,
        "series": incident.series.to_string(),
        "cause": explanation.cause.as_ref().map(cause_document),
        "bands": explanation.bands.iter().map(band_json).collect::<Vec<_>>(),
    })
}

fn band_json(band: &BandExplanation<'_>) -> Value {
    let again = band.again.as_ref();
    json!({
        "rule": band.rule,
        "detector": band.band.detector,
        "settings": band.band.settings,
        "presentSettings": band.settings.and_then(|settings| serde_json::from_str::<Value>(settings).ok()),
        "through": band.band.through.to_string(),
        "figures": band.band.figures,
        "date": band.date.to_string(),
        "stored": band.stored.as_ref().map(verdict_json),
        "again": again.ok().and_then(Option::as_ref).map(verdict_json),
        "isReproduced": band.is_reproduced(),
        "problem": again.err().map(|why| text::not_reproducible(why, Language::English)),
    })
}

fn verdict_json(verdict: &VerdictFigures) -> Value {
    let VerdictFigures { observed, expected, lower, upper, score } = verdict;
    json!({ "observed": observed, "expected": expected, "lower": lower, "upper": upper, "score": score })
}
