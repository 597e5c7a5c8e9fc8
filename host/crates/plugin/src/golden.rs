//! Golden cases of a plugin project: an input series, the parameters of the trial, and the exact expected verdicts.
//!
//! A case is a folder `golden/<case>/` with `input.csv`, `expected.csv` and optionally `case.toml`. The result depends
//! only on the case and the plugin, and is the same on every machine.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::points::{self, PointsError};
use super::verdicts;
use super::walk::{self, Incidents, Trace, Trial};
use config_file::toml::{Diagnostic, Document};
use model::incident::ACCEPT_AFTER_DAYS;
use sandbox::{Call, Detector, Failure};

/// A golden case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Name of the folder.
    pub name: String,
    pub input: PathBuf,
    pub expected: PathBuf,
    play: Play,
    settings: String,
    unit: String,
    locale: String,
    history_days: Option<NonZero<u16>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Play {
    /// A single fit, then a judgement of all points from the named point on; by default of the last tenth.
    Once(Option<String>),
    Walk(NonZero<usize>),
}

/// Returns the project's cases sorted by name, each with an error if the folder is invalid.
///
/// # Errors
/// Fails if there are no cases.
pub fn cases(project: &Path) -> Result<BTreeMap<String, Result<Case, GoldenError>>, GoldenError> {
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
            cases.insert(name.clone(), case(name, &path));
        }
    }
    if cases.is_empty() { Err(GoldenError::NoCases(golden)) } else { Ok(cases) }
}

/// Returns the built plugin of a project: in the project's folder, in `dist`, or under the folder's name in the `dist`
/// beside the project.
///
/// # Errors
/// Fails if there is no plugin or more than one candidate.
pub fn built(project: &Path) -> Result<PathBuf, GoldenError> {
    let whole = project.canonicalize().map_err(|source| GoldenError::Read(project.to_owned(), source))?;
    let own = format!("{}.wasm", whole.file_name().unwrap_or_default().to_string_lossy());
    for folder in [project.to_owned(), project.join("dist")] {
        // A missing or unreadable `dist` counts as empty.
        let mut found: Vec<PathBuf> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
            .collect();
        found.sort();
        let named = found.iter().find(|path| path.file_name().is_some_and(|name| *name == *own));
        match (&found[..], named) {
            ([], _) => {}
            // Among several plugins, the folder's name decides.
            ([one], _) | (_, Some(one)) => return Ok(one.strip_prefix(".").unwrap_or(one).to_owned()),
            _ => return Err(GoldenError::ManyPlugins(found)),
        }
    }
    let beside = whole.parent().map(|parent| parent.join("dist").join(own)).filter(|path| path.exists());
    beside.ok_or_else(|| GoldenError::NoPlugin(project.to_owned()))
}

impl Case {
    /// Returns the current verdicts of the detector in CSV.
    ///
    /// # Errors
    /// Fails if the input cannot be read, the settings are not accepted, or the detector fails.
    pub fn run(&self, detector: &Detector) -> Result<String, GoldenError> {
        let of_case = |message: String| GoldenError::Case { name: self.name.clone(), message };
        let points = points::read(&self.input)?;
        let issues = detector.check_settings(&self.settings).map_err(|failure| of_case(failure.to_string()))?;
        if let Some(issue) = issues.first() {
            return Err(of_case(format!("settings {}: {}", issue.place(), issue.message)));
        }
        let step = points.series.step;
        let trial = Trial {
            detector,
            call: Call { rule: "golden", settings: &self.settings, unit: &self.unit, locale: &self.locale },
            history: self
                .history_days
                .map_or_else(|| walk::usual_history(step), |days| walk::history(days.get(), step)),
            incidents: Incidents::Excluded { accept_after_days: ACCEPT_AFTER_DAYS },
        };
        let trace: Result<Trace, Failure> = match &self.play {
            Play::Walk(every) => walk::walk(&trial, &points.series, every.get()).map_err(|stopped| stopped.failure),
            Play::Once(from) => {
                let usual = walk::usual_start(points.series.values.len());
                let from = from.as_ref().map_or(Some(usual), |text| points.find(text));
                let from = from.ok_or_else(|| of_case("judge_from is no point of input.csv, expected a timestamp as written there, or a row counted from 0".to_owned()))?;
                walk::once(&trial, &points.series, from).map_err(|stopped| stopped.failure)
            }
        };
        Ok(verdicts::csv(&points, &trace.map_err(|failure| of_case(failure.advised()))?))
    }
}

/// Reads a case from a folder.
///
/// # Errors
/// Fails if there is no input; otherwise returns every fault of `case.toml`.
fn case(name: String, folder: &Path) -> Result<Case, GoldenError> {
    if !folder.join("input.csv").exists() {
        return Err(GoldenError::NoInput(folder.to_owned()));
    }
    let mut case = Case {
        name,
        input: folder.join("input.csv"),
        expected: folder.join("expected.csv"),
        play: Play::Once(None),
        settings: "{}".to_owned(),
        unit: "KRW".to_owned(),
        locale: "en".to_owned(),
        history_days: None,
    };
    let path = folder.join("case.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(case),
        Err(source) => return Err(GoldenError::Read(path, source)),
    };
    let document = Document::new(&path, &text);
    if let Some(mut root) = document.root() {
        let both = root.has("judge_from") && root.has("walk");
        if both {
            root.fail("walk", "stands beside judge_from, expected one of them");
        }
        let from = root.text("judge_from");
        let walk = root.whole("walk", 1..=1_000_000).and_then(|every| NonZero::new(every as usize));
        case.play = walk.map_or(Play::Once(from), Play::Walk);
        case.history_days = root.whole("history_days", 1..=3_660).and_then(|days| NonZero::new(days as u16));
        case.settings = root.json("settings").map_or(case.settings, |settings| settings.json.to_string());
        case.unit = root.text("unit").unwrap_or(case.unit);
        case.locale = root.text("locale").unwrap_or(case.locale);
        root.finish();
    }
    let errors = document.into_errors();
    if errors.is_empty() { Ok(case) } else { Err(GoldenError::Toml(errors)) }
}

/// Errors of golden cases.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    #[error("{} has no cases, expected folders in it, each with an input.csv", .0.display())]
    NoCases(PathBuf),
    #[error("{} has no input.csv, expected one in each folder of golden", .0.display())]
    NoInput(PathBuf),
    #[error(
        "{} has no plugin, expected one .wasm file in it or in its dist: build it with `costwarden plugin build`, or name it with --plugin",
        .0.display()
    )]
    NoPlugin(PathBuf),
    #[error("more than one plugin: {}; name one with --plugin", .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    ManyPlugins(Vec<PathBuf>),
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    #[error("{}", .0.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n"))]
    Toml(Vec<Diagnostic>),
    #[error(transparent)]
    Points(#[from] PointsError),
    #[error("case {name}: {message}")]
    Case { name: String, message: String },
}
