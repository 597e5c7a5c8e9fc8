//! The command `plugin test`: runs the golden cases of a project and prints a diff for each difference.

use std::fs;
use std::io::{ErrorKind, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use model::count::counted;
use plugin::authoring::golden::{self, AlertDifference, CaseRun, GoldenCase};
use sandbox::Detector;
use serde_json::json;
use similar::TextDiff;
use tracing::Level;

use super::built::current_plugin;
use super::{LoadArgs, TestArgs, TrialEnvironment};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;

/// The result of a case.
enum CaseOutcome {
    Same,
    /// The expected file was updated.
    Written(PathBuf),
    /// The expected file is missing.
    MissingExpected(PathBuf),
    /// The verdicts differ from the expected file: the path and a unified diff.
    Different(PathBuf, String),
    /// The alerts differ from the intents.
    Alerts(AlertDifference),
    Failed(String),
}

/// The use of the expected files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpectedFiles {
    Compare,
    Update,
}

/// The golden cases of a project, and the plugin under test.
pub(super) struct CaseRuns<'a> {
    pub(super) project: &'a Path,
    pub(super) plugin: &'a Path,
    pub(super) load: &'a LoadArgs,
    pub(super) expected: ExpectedFiles,
}

pub(super) fn test(args: &TestArgs, environment: &TrialEnvironment, form: Form) -> anyhow::Result<Grade> {
    let TestArgs { directory: project, plugin, update, load } = args;
    // A project without cases fails before a build.
    golden::read_cases(project)?;
    let plugin = match plugin {
        Some(plugin) => plugin.clone(),
        None => current_plugin(project, &load.cache, environment)?,
    };
    let expected = if *update { ExpectedFiles::Update } else { ExpectedFiles::Compare };
    CaseRuns { project, plugin: &plugin, load, expected }.run(environment, form)
}

impl CaseRuns<'_> {
    /// Runs all cases and prints the outcomes.
    pub(super) fn run(&self, environment: &TrialEnvironment, form: Form) -> anyhow::Result<Grade> {
        let cases = golden::read_cases(self.project)?;
        // The reference data of a case replaces the granted data, so a project may need no grant.
        let mut granted = None;
        let mut failed = 0;
        for (name, case) in &cases {
            let outcome = match case {
                Ok(case) => self.run_case(case, &mut granted, environment)?,
                Err(error) => CaseOutcome::Failed(error.to_string()),
            };
            failed += usize::from(!matches!(outcome, CaseOutcome::Same | CaseOutcome::Written(_)));
            match form {
                Form::Text => text(name, &outcome),
                Form::Json => as_json(name, &outcome),
            }
        }
        if form == Form::Text {
            let passed = cases.len() - failed;
            let cases = counted(cases.len(), "case");
            present::out(&format!("{}: {cases}, {passed} passed, {failed} failed", self.plugin.display()));
        }
        Ok(if failed == 0 { Grade::Done } else { Grade::Failed })
    }

    fn run_case(
        &self,
        case: &GoldenCase,
        granted: &mut Option<Detector>,
        environment: &TrialEnvironment,
    ) -> anyhow::Result<CaseOutcome> {
        let run = match (&case.reference, &granted) {
            (Some(reference), _) => case.run(&environment.load_granted(self.plugin, reference, &self.load.cache)?),
            (None, Some(granted)) => case.run(granted),
            (None, None) => case.run(granted.insert(environment.load(self.plugin, self.load)?)),
        };
        let difference = |run: &CaseRun| case.alert_difference(run);
        let run = match run.and_then(|run| Ok((difference(&run)?, run))) {
            Ok((None, run)) => run,
            Ok((Some(difference), _)) => return Ok(CaseOutcome::Alerts(difference)),
            Err(error) => return Ok(CaseOutcome::Failed(error.to_string())),
        };
        match self.expected {
            // The intents are the only expectation.
            _ if case.alerts.is_some() && !case.expected.exists() => Ok(CaseOutcome::Same),
            ExpectedFiles::Update => update(case, &run.csv()),
            ExpectedFiles::Compare => compare(case, &run.csv()),
        }
    }
}

fn compare(case: &GoldenCase, actual: &str) -> anyhow::Result<CaseOutcome> {
    let expected = match fs::read_to_string(&case.expected) {
        // Line ends are no difference: a checkout may have converted the file to CRLF.
        Ok(expected) => expected.replace("\r\n", "\n"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(CaseOutcome::MissingExpected(case.expected.clone()));
        }
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", case.expected.display())),
    };
    if expected == actual {
        return Ok(CaseOutcome::Same);
    }
    let path = case.expected.display().to_string();
    let diff = TextDiff::from_lines(expected.as_str(), actual).unified_diff().header(&path, "actual").to_string();
    Ok(CaseOutcome::Different(case.expected.clone(), diff))
}

fn update(case: &GoldenCase, actual: &str) -> anyhow::Result<CaseOutcome> {
    if matches!(compare(case, actual)?, CaseOutcome::Same) {
        return Ok(CaseOutcome::Same);
    }
    fs::write(&case.expected, actual).with_context(|| format!("{} cannot be written", case.expected.display()))?;
    Ok(CaseOutcome::Written(case.expected.clone()))
}

fn text(name: &str, outcome: &CaseOutcome) {
    match outcome {
        CaseOutcome::Same => present::out(&format!("{name}: as expected")),
        CaseOutcome::Written(file) => {
            present::out(&format!("{name}: wrote {}: review the file", file.display()));
        }
        CaseOutcome::MissingExpected(file) => {
            let file = file.display();
            present::complaint(
                Level::ERROR,
                &format!("{name}: {file} is absent: write the file with --update and review the file"),
            );
        }
        CaseOutcome::Different(file, diff) => {
            present::complaint(Level::ERROR, &format!("{name}: differs from {}", file.display()));
            present::out(&colored(diff));
        }
        CaseOutcome::Alerts(difference) => present::complaint(Level::ERROR, &format!("{name}: {difference}")),
        CaseOutcome::Failed(error) => present::complaint(Level::ERROR, error),
    }
}

/// Colors a diff if standard output is a terminal.
fn colored(diff: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return diff.trim_end().to_owned();
    }
    let color = |line: &str| match line.as_bytes().first() {
        Some(b'-') => format!("\u{1b}[31m{line}\u{1b}[0m"),
        Some(b'+') => format!("\u{1b}[32m{line}\u{1b}[0m"),
        Some(b'@') => format!("\u{1b}[36m{line}\u{1b}[0m"),
        _ => line.to_owned(),
    };
    diff.lines().map(color).collect::<Vec<_>>().join("\n")
}

fn as_json(name: &str, outcome: &CaseOutcome) {
    let (outcome, message) = match outcome {
        CaseOutcome::Same => ("same", None),
        CaseOutcome::Written(_) => ("written", None),
        CaseOutcome::MissingExpected(_) => ("missing_expected", None),
        CaseOutcome::Different(_, diff) => ("different", Some(diff.clone())),
        CaseOutcome::Alerts(difference) => ("alerts", Some(difference.to_string())),
        CaseOutcome::Failed(error) => ("failed", Some(error.clone())),
    };
    present::out(&json!({"case": name, "outcome": outcome, "message": message}).to_string());
}
