//! The command `plugin compare`: the events and alerts of two detectors over the same series.

use std::path::PathBuf;

use plugin::authoring::score::{ComparedSpan, LabelledRows, Scoring, compare as compared};
use plugin::authoring::series_file::SeriesFile;
use serde_json::json;

use super::folder::score_line;
use super::run::series_of;
use super::trial::Trial;
use super::{CompareArgs, TrialEnvironment, settings_text};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;

/// An event or an alert of a series.
struct ComparedRow {
    series: String,
    /// Timestamp of the first row.
    first: String,
    /// Timestamp of the last row.
    last: String,
    span: ComparedSpan,
}

pub(super) async fn compare(args: &CompareArgs, config: Option<PathBuf>, form: Form) -> anyhow::Result<Grade> {
    let CompareArgs { first, second, input, second_settings, trial, load } = args;
    let environment = TrialEnvironment::new(config.clone())?;
    let detectors = [environment.load(first, load)?, environment.load(second, load)?];
    // The settings of one detector are no settings of another one.
    let [first_name, second_name] = detectors.each_ref().map(|detector| &detector.manifest.name);
    let default = if first_name == second_name { &trial.settings } else { "{}" };
    let settings = [&trial.settings, second_settings.as_deref().unwrap_or(default)];
    let trials = [0, 1].map(|place| Trial::with_settings(&detectors[place], settings[place], trial, &environment));
    let [first_trial, second_trial] = trials;
    let trials = [first_trial?.by_daily_walk(), second_trial?.by_daily_walk()];
    let mut scorings = [Scoring::default(), Scoring::default()];
    let mut rows = Vec::new();
    for file in series_of(input, config).await? {
        let results = [trials[0].run(&file)?, trials[1].run(&file)?];
        for (scoring, result) in scorings.iter_mut().zip(&results) {
            if let Some(rows) = LabelledRows::new(&file, result) {
                scoring.add(&rows);
            }
        }
        rows.extend(compared(&file, results.each_ref()).into_iter().map(|span| row(&file, span)));
    }
    match form {
        Form::Text => {
            for (place, name) in ["first", "second"].into_iter().enumerate() {
                let manifest = &detectors[place].manifest;
                let settings = settings_text(settings[place])?;
                present::out(&format!("{name}: {} {}, settings {settings}", manifest.name, manifest.version));
            }
            text(&rows);
            for (name, scoring) in ["first", "second"].into_iter().zip(&scorings) {
                let figures = scoring.figures();
                if figures.series > 0 {
                    present::out(&format!("{name}: {}", score_line(&figures)));
                }
            }
        }
        Form::Json => {
            rows.iter().for_each(as_json);
            let [first, second] = scorings.map(|scoring| Some(scoring.figures()).filter(|figures| figures.series > 0));
            present::out(&json!({ "input": input.input, "series": input.series.as_ref().map(ToString::to_string), "first": first, "second": second }).to_string());
        }
    }
    Ok(Grade::Done)
}

fn row(file: &SeriesFile, span: ComparedSpan) -> ComparedRow {
    let [first, last] = [span.first, span.last].map(|row| file.rows[row].timestamp.clone());
    ComparedRow { series: file.series.id.clone(), first, last, span }
}

fn text(rows: &[ComparedRow]) {
    let mut table = present::table(&["series", "from", "to", "label", "first", "second"], &[]);
    for ComparedRow { series, first, last, span } in rows {
        let silent = if span.is_event { "missed" } else { "" };
        let [one, other] = span.alerts.map(|has_alert| if has_alert { "alert" } else { silent });
        let label = if span.is_event { "event" } else { "" };
        table.add_row([series, first, last, label, one, other]);
    }
    present::out(&table.to_string());
    let count = |is_event: bool, alerts: [bool; 2]| {
        rows.iter().filter(|row| row.span.is_event == is_event && row.span.alerts == alerts).count()
    };
    if rows.iter().any(|row| row.span.is_event) {
        present::out(&format!(
            "events: {} touched by both, {} by the first only, {} by the second only, {} missed by both",
            count(true, [true, true]),
            count(true, [true, false]),
            count(true, [false, true]),
            count(true, [false, false])
        ));
    }
    present::out(&format!(
        "alerts outside of events: {} of both, {} of the first only, {} of the second only",
        count(false, [true, true]),
        count(false, [true, false]),
        count(false, [false, true])
    ));
}

fn as_json(row: &ComparedRow) {
    let ComparedRow { series, first: from, last: to, span } = row;
    let [first, second] = span.alerts;
    present::out(
        &json!({ "series": series, "from": from, "to": to, "event": span.is_event, "first": first, "second": second })
            .to_string(),
    );
}
