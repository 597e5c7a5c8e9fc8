//! `plugin run --input DIR`: a table of all series of a folder, and the scores against the labels.

use std::path::Path;

use model::count::counted;
use plugin::authoring::score::{LabelledRows, ScoreCounts, ScoreFigures, Scoring, rounded};
use plugin::authoring::series_file;
use serde_json::{Value, json};

use super::run::read_series;
use super::trial::Trial;
use crate::cli::present::{self, Form};

/// The result of a series.
struct SeriesSummary {
    name: String,
    rows: usize,
    judged: usize,
    anomalous: usize,
    /// `None` for a series without labels.
    score: Option<ScoreCounts>,
}

/// Evaluates every series of a folder.
pub(super) fn run(trial: &Trial<'_>, folder: &Path, form: Form) -> anyhow::Result<()> {
    let mut scoring = Scoring::default();
    let mut summaries = Vec::new();
    for path in series_file::files_of(folder)? {
        let file = read_series(&path)?;
        let result = trial.run(&file)?;
        summaries.push(SeriesSummary {
            name: file.series.id.clone(),
            rows: file.rows.len(),
            judged: result.verdicts.iter().flatten().count(),
            anomalous: result.anomalous_points().count(),
            score: LabelledRows::new(&file, &result).map(|rows| scoring.add(&rows)),
        });
    }
    let figures = scoring.figures();
    match form {
        Form::Text => {
            present::out(&table(&summaries).to_string());
            present::out(&summary(&summaries, folder));
            if figures.series > 0 {
                present::out(&score_line(&figures));
            }
        }
        Form::Json => {
            summaries.iter().for_each(|summary| present::out(&as_json(summary).to_string()));
            let total = json!({ "input": folder, "score": (figures.series > 0).then_some(figures) });
            present::out(&total.to_string());
        }
    }
    Ok(())
}

/// Returns the scores in one line, with the digits of the JSON form.
pub(super) fn score_line(figures: &ScoreFigures) -> String {
    let ScoreFigures { series, counts, recall, precision, f1, f1_inside, false_per_30d, delay, nab_at_1, nab_best } =
        figures;
    let ScoreCounts { events, alerts, .. } = counts;
    let number =
        |number: Option<f64>| number.map_or_else(|| "none".to_owned(), |number| rounded(number, 4).to_string());
    format!(
        "scores of {series} labelled series: events {events}, alerts {alerts}, recall {recall}, precision {precision}, f1 {f1}, f1_inside {f1_inside}, false_per_30d {false_per_30d}, delay {}, nab_at_1 {}, nab_best {}",
        number(*delay),
        number(*nab_at_1),
        number(*nab_best),
    )
}

fn table(summaries: &[SeriesSummary]) -> present::Table {
    let header = ["series", "rows", "judged", "anomalous", "events", "touched", "inside", "alerts", "true"];
    let mut table = present::table(&header, &Vec::from_iter(1..header.len()));
    for SeriesSummary { name, rows, judged, anomalous, score } in summaries {
        let score = score.map(|score| [score.events, score.touched, score.inside, score.alerts, score.true_alerts]);
        let score = score.map_or_else(Default::default, |counts| counts.map(|count| count.to_string()));
        let counts = [rows, judged, anomalous].map(ToString::to_string);
        table.add_row([name.clone()].into_iter().chain(counts).chain(score));
    }
    table
}

fn summary(summaries: &[SeriesSummary], folder: &Path) -> String {
    let sum = |count: fn(&SeriesSummary) -> usize| summaries.iter().map(count).sum::<usize>();
    format!(
        "{}: {} series, {}, {} judged, {} anomalous",
        folder.display(),
        summaries.len(),
        counted(sum(|summary| summary.rows), "row"),
        sum(|summary| summary.judged),
        sum(|summary| summary.anomalous)
    )
}

fn as_json(summary: &SeriesSummary) -> Value {
    let SeriesSummary { name, rows, judged, anomalous, score } = summary;
    json!({ "series": name, "rows": rows, "judged": judged, "anomalous": anomalous, "score": score })
}
