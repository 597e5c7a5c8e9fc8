//! The command `plugin run`: evaluates a series from a file, or the series of a folder, and prints the verdicts and the resource usage.

use std::path::{Path, PathBuf};

use model::count::counted;
use plugin::authoring::peak_usage::PeakUsage;
use plugin::authoring::score::{LabelledRows, ScoreFigures, Scoring};
use plugin::authoring::series_file::{self, SeriesFile, SeriesRow};
use plugin::authoring::trial_figure::trial_figure;
use plugin::authoring::verdict_csv::{self, ShownRows, verdict_csv};
use plugin::authoring::walk::TrialResult;
use sandbox::{Detector, Limits, Verdict};
use serde_json::{Value, json};
use tracing::Level;

use super::folder::{self, score_line};
use super::trial::Trial;
use super::{Format, InputArgs, RunArgs, TrialEnvironment};
use crate::cli::args::ALL_DAYS;
use crate::cli::load_store;
use crate::cli::plot::PlotTarget;
use crate::cli::present::{self, Form};
use crate::cli::series::stored;
use crate::pipeline::Grade;

pub(super) async fn run(args: &RunArgs, config: Option<PathBuf>, form: Form) -> anyhow::Result<Grade> {
    let plot = PlotTarget::of(args.plot.as_ref())?;
    let format = if form == Form::Json { Format::Json } else { args.format };
    anyhow::ensure!(
        plot != Some(PlotTarget::Terminal) || format == Format::Table,
        "--plot without a file draws between the lines of --format table: name a file with --plot FILE.svg"
    );
    let environment = TrialEnvironment::new(config.clone())?;
    let detector = environment.load(&args.file, &args.load)?;
    let trial = Trial::new(&detector, &args.trial, &environment)?;
    let output = Output { format, plot, rows: if args.alerts { ShownRows::Anomalous } else { ShownRows::All } };
    if let Some(folder) = args.input.input.as_ref().filter(|input| input.is_dir()) {
        anyhow::ensure!(
            plot.is_none() && !args.alerts && format != Format::Csv,
            "--input {}: a folder gives one table, without --plot, --alerts and --format csv: name one file for these options",
            folder.display()
        );
        let form = if format == Format::Json { Form::Json } else { Form::Text };
        folder::run(&trial, folder, form)?;
        return Ok(Grade::Done);
    }
    for file in series_of(&args.input, config).await? {
        run_file(&file, &trial, output)?;
    }
    Ok(Grade::Done)
}

/// Reads the file, the files of the folder, or the series of the store.
pub(super) async fn series_of(input: &InputArgs, config: Option<PathBuf>) -> anyhow::Result<Vec<SeriesFile>> {
    let InputArgs { input, series } = input;
    if let Some(key) = series {
        let stored = stored(&load_store(config).await?, key, ALL_DAYS).await?;
        return Ok(vec![series_file::parse(&key.to_string(), &stored.csv())?]);
    }
    let input = input.as_deref().expect("the command line requires --input or --series");
    let files = if input.is_dir() { series_file::files_of(input)? } else { vec![input.to_owned()] };
    files.iter().map(|file| read_series(file)).collect()
}

/// Reads a series and prints the warnings.
pub(super) fn read_series(input: &Path) -> anyhow::Result<SeriesFile> {
    let file = series_file::read(input)?;
    for warning in &file.warnings {
        present::complaint(Level::WARN, &format!("{}: {warning}", file.origin));
    }
    Ok(file)
}

/// The output format, the shown rows, and the destination of the plot if any.
#[derive(Clone, Copy)]
struct Output<'a> {
    format: Format,
    rows: ShownRows,
    plot: Option<PlotTarget<'a>>,
}

fn run_file(file: &SeriesFile, trial: &Trial<'_>, output: Output<'_>) -> anyhow::Result<()> {
    let Output { format, rows, plot } = output;
    let detector = trial.detector;
    let result = trial.run(file)?;
    if let Some(target) = plot {
        let title = format!("{}, {} {}", file.series.id, detector.manifest.name, detector.manifest.version);
        target.draw(&trial_figure(file, &result, &title, trial.unit))?;
    }
    match format {
        Format::Csv => present::out(verdict_csv(file, &result, rows).trim_end()),
        Format::Json => present::out(&as_json(detector, file, &result, rows).to_string()),
        Format::Table => {
            if rows == ShownRows::Anomalous || plot.is_none() {
                table(file, &result, rows);
            }
            present::out(&usage_table(&result.usage, detector.limits()).to_string());
            summary_lines(detector, file, &result).iter().for_each(|line| present::out(line));
        }
    }
    Ok(())
}

/// Returns the counts, and the scores of a file with labels.
pub(super) fn summary_lines(detector: &Detector, file: &SeriesFile, result: &TrialResult) -> Vec<String> {
    let score = score(file, result).map(|figures| score_line(&figures));
    [summary(detector, file, result)].into_iter().chain(score).collect()
}

/// Returns the scores of a file with labels.
fn score(file: &SeriesFile, result: &TrialResult) -> Option<ScoreFigures> {
    let rows = LabelledRows::new(file, result)?;
    let mut scoring = Scoring::default();
    scoring.add(&rows);
    Some(scoring.figures())
}

fn verdict<'a>(result: &'a TrialResult, row: &SeriesRow) -> Option<&'a Verdict> {
    result.verdicts[row.point?].as_ref()
}

/// Prints the verdicts, if any.
fn table(file: &SeriesFile, result: &TrialResult, rows: ShownRows) {
    let mut table = present::table(&verdict_csv::HEADER, &[1, 2, 3, 4, 5]);
    for row in rows.of(file, result) {
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
    if !table.is_empty() {
        present::out(&table.to_string());
        present::out("");
    }
}

fn summary(detector: &Detector, file: &SeriesFile, result: &TrialResult) -> String {
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
        file.origin,
        counted(file.rows.len(), "row"),
        result.insufficient_history
    )
}

fn usage_table(usage: &PeakUsage, limits: &Limits) -> present::Table {
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

fn as_json(detector: &Detector, file: &SeriesFile, result: &TrialResult, rows: ShownRows) -> Value {
    let rows = rows.of(file, result).map(|row| {
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
        "score": score(file, result),
    })
}
