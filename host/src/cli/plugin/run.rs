//! The command `plugin run`: evaluates a series from a file, and prints the verdicts and the resource usage.

use std::path::Path;

use model::count::counted;
use plugin::authoring::peak_usage::PeakUsage;
use plugin::authoring::series_file::{self, SeriesFile, SeriesRow};
use plugin::authoring::verdict_csv::{self, verdict_csv};
use plugin::authoring::walk::{self, IncidentTraining, TrialParameters, TrialResult};
use sandbox::{CallContext, Detector, Limits, Verdict};
use serde_json::{Value, json};
use tracing::Level;

use super::{Format, IncidentPolicy, RunArgs, TrialEnvironment, read_settings};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;

pub(super) fn run(args: &RunArgs, environment: &TrialEnvironment, form: Form) -> anyhow::Result<Grade> {
    let file = series_file::read(&args.input)?;
    for warning in &file.warnings {
        present::complaint(Level::WARN, &format!("{}: {warning}", args.input.display()));
    }
    let detector = environment.load(&args.file, &args.load)?;
    let settings = read_settings(&detector, &args.settings)?;
    let step = file.series.step;
    let parameters = TrialParameters {
        detector: &detector,
        context: CallContext { rule: "run", settings: &settings, unit: &args.unit, locale: &args.locale },
        history_points: args
            .history_days
            .map_or_else(|| walk::default_history_points(step), |days| walk::points_of_days(days.get(), step)),
        incidents: match args.incidents {
            IncidentPolicy::Exclude => IncidentTraining::Excluded { accept_after_days: environment.accept_after_days },
            IncidentPolicy::Include => IncidentTraining::Included,
        },
    };
    let result = match args.walk {
        Some(every) => walk::walk(&parameters, &file.series, every.get()),
        None => walk::fit_and_judge(&parameters, &file.series, judge_from(&file, args)?),
    };
    let result = result.map_err(|error| {
        // A point without a row has no timestamp: the next row stands for the point.
        let row = file.rows.iter().filter(|row| row.point >= Some(error.point)).min_by_key(|row| row.point);
        let at = row.map_or("the end", |row| &row.timestamp);
        anyhow::anyhow!("{}: at {at}: {}", args.input.display(), error.failure.with_advice())
    })?;
    match (args.format, form) {
        (Format::Csv, _) => present::out(verdict_csv(&file, &result).trim_end()),
        (Format::Json, _) | (Format::Table, Form::Json) => {
            present::out(&as_json(&detector, &file, &result).to_string());
        }
        (Format::Table, Form::Text) => {
            table(&file, &result);
            present::out(&usage_table(&result.usage, detector.limits()).to_string());
            present::out(&summary(&detector, &file, &result, &args.input));
        }
    }
    Ok(Grade::Done)
}

fn judge_from(file: &SeriesFile, args: &RunArgs) -> anyhow::Result<usize> {
    let Some(text) = &args.judge_from else { return Ok(walk::default_judge_from(file.series.values.len())) };
    file.find(text).ok_or_else(|| {
        let [first, last] = [file.rows.first(), file.rows.last()].map(|row| row.map_or("", |row| &row.timestamp));
        let last_row = file.rows.len() - 1;
        let input = args.input.display();
        anyhow::anyhow!(
            "--judge-from: {text:?} is not a point of {input}, expected a timestamp of the file from {first} to {last}, or a row number from 0 to {last_row}"
        )
    })
}

fn verdict<'a>(result: &'a TrialResult, row: &SeriesRow) -> Option<&'a Verdict> {
    result.verdicts[row.point?].as_ref()
}

/// Prints the verdicts, if any.
fn table(file: &SeriesFile, result: &TrialResult) {
    let mut table = present::table(&verdict_csv::HEADER, &[1, 2, 3, 4, 5]);
    for row in &file.rows {
        let Some(Verdict { score, expected, lower, upper, reason, .. }) = verdict(result, row) else { continue };
        let number = |number: f64| format!("{number:.2}");
        table.add_row([
            row.timestamp.clone(),
            number(row.value),
            number(*score),
            number(*expected),
            number(*lower),
            number(*upper),
            reason.clone(),
        ]);
    }
    if table.row_count() > 0 {
        present::out(&table.to_string());
        present::out("");
    }
}

fn summary(detector: &Detector, file: &SeriesFile, result: &TrialResult, input: &Path) -> String {
    let judged = file.rows.iter().filter(|row| verdict(result, row).is_some()).count();
    let anomalous = result.anomalous_points().count();
    let missing = match result.missing_points {
        Some(missing) if judged == 0 => format!(" ({} needed)", counted(missing, "more point")),
        _ => String::new(),
    };
    format!(
        "{} {} over {}: {}, {judged} judged, {anomalous} anomalous, {} with insufficient history{missing}",
        detector.manifest.name,
        detector.manifest.version,
        input.display(),
        counted(file.rows.len(), "row"),
        result.insufficient_history
    )
}

fn usage_table(usage: &PeakUsage, limits: &Limits) -> comfy_table::Table {
    let mut table = present::table(&["resource", "peak", "limit", "%", "plugins.limits"], &[1, 2, 3]);
    for figure in usage.figures(limits) {
        table.add_row([
            figure.name.to_owned(),
            figure.used.to_string(),
            figure.limit.to_string(),
            format!("{:.2}", figure.percent()),
            figure.keys.to_owned(),
        ]);
    }
    table
}

fn as_json(detector: &Detector, file: &SeriesFile, result: &TrialResult) -> Value {
    let rows = file.rows.iter().map(|row| {
        let verdict = verdict(result, row);
        let number = |field: fn(&Verdict) -> f64| verdict.map(field);
        json!({
            "timestamp": row.timestamp,
            "value": row.value,
            "score": number(|verdict| verdict.score),
            "expected": number(|verdict| verdict.expected),
            "lower": number(|verdict| verdict.lower),
            "upper": number(|verdict| verdict.upper),
            "reason": verdict.map(|verdict| &verdict.reason),
        })
    });
    let usage = result.usage.figures(detector.limits());
    let usage = usage.iter().map(|figure| json!({"resource": figure.name, "used": figure.used, "limit": figure.limit}));
    json!({
        "detector": detector.manifest.name,
        "version": detector.manifest.version,
        "digest": detector.digest,
        "step": file.series.step,
        "rows": rows.collect::<Vec<_>>(),
        "insufficient_history": result.insufficient_history,
        "figures": result.figures.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "usage": usage.collect::<Vec<_>>(),
    })
}
