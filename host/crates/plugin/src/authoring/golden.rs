//! Golden cases of a plugin project: an input series, the parameters of the trial, and the exact expected verdicts.
//!
//! A case is a folder `golden/<case>/` with `input.csv`, `expected.csv` and optionally `case.toml` and `reference/`. A
//! case with intents (`alerts` in `case.toml`) needs no `expected.csv`. The result depends only on the case and the plugin,
//! and is the same on every machine.

mod case_file;
mod intent;

use std::collections::BTreeMap;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use config_file::toml::Diagnostic;
use model::incident::ACCEPT_AFTER_DAYS;
use sandbox::{CallContext, Detector};

use super::batch_position;
use super::series_file::{self, SeriesFile, SeriesFileError};
use super::verdict_csv::{ShownRows, verdict_csv};
use super::walk::{self, IncidentTraining, TrialParameters, TrialResult};

pub use self::intent::AlertDifference;

/// A golden case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldenCase {
    /// Name of the folder.
    pub name: String,
    pub input: PathBuf,
    pub expected: PathBuf,
    /// The folder `reference` of the case, if present.
    pub reference: Option<PathBuf>,
    /// Timestamps of the only anomalous rows; `None` for a case without intents.
    pub alerts: Option<Vec<String>>,
    pub unit: String,
    mode: CaseMode,
    settings: String,
    locale: String,
    history_days: Option<NonZero<u16>>,
    /// Timestamps of the points that the first fit ignores as known incidents.
    excluded: Vec<String>,
}

/// The steps of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CaseMode {
    /// A single fit, then `judge` over all points from the named point on; by default over the last tenth.
    JudgeFrom(Option<String>),
    /// A walk with this number of points per step.
    Walk(NonZero<usize>),
}

/// The series and the verdicts of a case.
#[derive(Debug, Clone)]
pub struct CaseRun {
    pub file: SeriesFile,
    pub result: TrialResult,
}

/// Returns the project's cases sorted by name, each with an error if the folder is invalid.
///
/// # Errors
/// Fails if there are no cases.
pub fn read_cases(project: &Path) -> Result<BTreeMap<String, Result<GoldenCase, GoldenError>>, GoldenError> {
    // Messages show `golden`, not `./golden`.
    let golden = project.strip_prefix(".").unwrap_or(project).join("golden");
    let entries = match std::fs::read_dir(&golden) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(GoldenError::NoCases(golden)),
        Err(source) => return Err(GoldenError::Read(golden, source)),
    };
    let mut cases = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|source| GoldenError::Read(golden.clone(), source))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') {
            cases.insert(name.clone(), case_file::read(name, &path));
        }
    }
    if cases.is_empty() { Err(GoldenError::NoCases(golden)) } else { Ok(cases) }
}

/// Returns the built plugin of a project: in the project's folder, in `dist`, or under the folder's name in the `dist`
/// beside the project.
///
/// # Errors
/// Fails if there is no plugin or more than one candidate.
pub fn find_plugin(project: &Path) -> Result<PathBuf, GoldenError> {
    let absolute = project.canonicalize().map_err(|source| GoldenError::Read(project.to_owned(), source))?;
    let expected = format!("{}.wasm", absolute.file_name().unwrap_or_default().to_string_lossy());
    for folder in [project.to_owned(), project.join("dist")] {
        // A missing or unreadable `dist` counts as empty.
        let mut plugins: Vec<PathBuf> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
            .collect();
        plugins.sort();
        let named = plugins.iter().find(|path| path.file_name().is_some_and(|name| *name == *expected));
        match (&plugins[..], named) {
            ([], _) => {}
            // Among several plugins, the folder's name decides.
            ([one], _) | (_, Some(one)) => return Ok(one.strip_prefix(".").unwrap_or(one).to_owned()),
            _ => return Err(GoldenError::ManyPlugins(plugins)),
        }
    }
    let beside = absolute.parent().map(|parent| parent.join("dist").join(expected)).filter(|path| path.exists());
    beside.ok_or_else(|| GoldenError::NoPlugin(project.to_owned()))
}

impl CaseRun {
    /// Returns the verdicts in the form of `expected.csv`.
    pub fn csv(&self) -> String {
        verdict_csv(&self.file, &self.result, ShownRows::All)
    }
}

impl GoldenCase {
    /// Evaluates the series of the case.
    ///
    /// # Errors
    /// Fails if the input cannot be read, the settings are not accepted, the results depend on the batch, or the detector
    /// fails.
    pub fn run(&self, detector: &Detector) -> Result<CaseRun, GoldenError> {
        let file = series_file::read(&self.input)?;
        let issues = detector.check_settings(&self.settings).map_err(|failure| self.error(failure.to_string()))?;
        if let Some(issue) = issues.first() {
            return Err(self.error(format!("settings {}: {}", issue.location(), issue.message)));
        }
        let step = file.series.step;
        let context = CallContext { rule: "golden", settings: &self.settings, unit: &self.unit, locale: &self.locale };
        batch_position::check(detector, &context, &file.series).map_err(|error| self.error(error.to_string()))?;
        let known_incidents = self.points("excluded", &self.excluded, &file)?;
        let parameters = TrialParameters {
            detector,
            context,
            history_points: self
                .history_days
                .map_or_else(|| walk::default_history_points(step), |days| walk::points_of_days(days.get(), step)),
            incidents: IncidentTraining::Excluded { accept_after_days: ACCEPT_AFTER_DAYS },
            known_incidents: &known_incidents,
        };
        let result = match &self.mode {
            CaseMode::Walk(every) => walk::walk(&parameters, &file.series, every.get()),
            CaseMode::JudgeFrom(from) => {
                let default = walk::default_judge_from(file.series.values.len());
                let from = from.as_ref().map_or(Some(default), |text| file.find(text));
                let from = from.ok_or_else(|| {
                    let expected = "expected a timestamp of the file or a row number from 0";
                    self.error(format!("judge_from is not a point of input.csv, {expected}"))
                })?;
                walk::fit_and_judge(&parameters, &file.series, from)
            }
        };
        let result = result.map_err(|error| self.error(error.failure.with_advice()))?;
        Ok(CaseRun { file, result })
    }

    /// Compares the anomalous rows with the intents of the case.
    ///
    /// # Errors
    /// Fails if a timestamp of `alerts` is not a row of the input.
    pub fn alert_difference(&self, run: &CaseRun) -> Result<Option<AlertDifference>, GoldenError> {
        let Some(alerts) = &self.alerts else { return Ok(None) };
        self.points("alerts", alerts, &run.file)?;
        Ok(AlertDifference::new(alerts, run))
    }

    /// Returns the points of timestamps as written in the input.
    fn points(&self, key: &str, timestamps: &[String], file: &SeriesFile) -> Result<Vec<usize>, GoldenError> {
        let point = |text: &String| {
            let row = file.rows.iter().find(|row| row.timestamp == *text);
            row.and_then(|row| row.point).ok_or_else(|| {
                self.error(format!("{key}: {text:?} is not a row of input.csv, expected a timestamp as in the file"))
            })
        };
        timestamps.iter().map(point).collect()
    }

    fn error(&self, message: String) -> GoldenError {
        GoldenError::Case { name: self.name.clone(), message }
    }
}

/// Errors of golden cases.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    #[error("{} has no cases, expected a folder with an input.csv for each case", .0.display())]
    NoCases(PathBuf),
    #[error("{} has no input.csv, expected an input.csv in each folder of golden", .0.display())]
    NoInput(PathBuf),
    #[error(
        "{} has no plugin, expected one .wasm file in the folder or in dist: build the plugin with `costwarden plugin build`, or name the file with --plugin",
        .0.display()
    )]
    NoPlugin(PathBuf),
    #[error("more than one plugin: {}: name one file with --plugin", .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    ManyPlugins(Vec<PathBuf>),
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    #[error("{}", .0.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n"))]
    Toml(Vec<Diagnostic>),
    #[error(transparent)]
    SeriesFile(#[from] SeriesFileError),
    #[error("case {name}: {message}")]
    Case { name: String, message: String },
}
