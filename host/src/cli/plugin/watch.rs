//! The command `plugin watch`: builds, tests and draws a project again after each change of a file.

use std::convert::Infallible;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use plugin::authoring::sources::Sources;
use plugin::authoring::trial_figure::trial_figure;

use super::built::{WrittenPlugin, build_plugin};
use super::run::{read_series, summary_lines};
use super::test::{CaseRuns, ExpectedFiles};
use super::trial::Trial;
use super::{TrialEnvironment, WatchArgs};
use crate::cli::plot::PlotTarget;
use crate::cli::present::{self, Form};

/// Time between two looks at the files. Polling also works in containers and on network file systems.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Series of a new project.
const DEFAULT_INPUT: &str = "series.csv";
/// Clears a terminal.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// The state of the watched files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WatchedFiles {
    sources: Sources,
    cases: Sources,
    input: Sources,
}

/// The plugin of a project, with the sources of the build.
struct BuiltSources {
    plugin: PathBuf,
    sources: Sources,
}

/// Runs until the process is interrupted.
///
/// # Errors
/// Fails for invalid options, and if the folder of the project cannot be read.
pub(super) fn watch(args: &WatchArgs, environment: &TrialEnvironment) -> anyhow::Result<Infallible> {
    let file = args.plot.clone().map(Some);
    let target = PlotTarget::of(file.as_ref())?.unwrap_or(PlotTarget::Terminal);
    let mut built: Option<BuiltSources> = None;
    loop {
        let files = WatchedFiles::of(args)?;
        if std::io::stdout().is_terminal() {
            present::out(CLEAR);
        }
        if built.as_ref().is_none_or(|built| !built.sources.equals_without_locks(&files.sources)) {
            built = report(build_plugin(&args.directory, None, &args.load.cache, environment))
                .map(|WrittenPlugin { file, .. }| BuiltSources { plugin: file, sources: files.sources.clone() });
        }
        if let Some(BuiltSources { plugin, .. }) = &built {
            report(test(args, plugin, environment));
            report(draw(args, plugin, environment, target));
        }
        present::out(&format!(
            "watching {}: save a file to repeat, or interrupt with Ctrl+C",
            args.directory.display()
        ));
        files.wait_for_change(args)?;
    }
}

/// Prints an error, and returns the value otherwise: the next change may correct the error.
fn report<T>(result: anyhow::Result<T>) -> Option<T> {
    result.map_err(|error| present::failure(&error)).ok()
}

fn test(args: &WatchArgs, plugin: &Path, environment: &TrialEnvironment) -> anyhow::Result<()> {
    let WatchArgs { directory: project, load, .. } = args;
    CaseRuns { project, plugin, load, expected: ExpectedFiles::Compare }.run(environment, Form::Text)?;
    Ok(())
}

fn draw(args: &WatchArgs, plugin: &Path, environment: &TrialEnvironment, target: PlotTarget<'_>) -> anyhow::Result<()> {
    let input = input(args);
    if args.input.is_none() && !input.exists() {
        return Ok(());
    }
    let file = read_series(&input)?;
    let detector = environment.load(plugin, &args.load)?;
    let trial = Trial::new(&detector, &args.trial, environment)?;
    let result = trial.run(&file)?;
    let title = format!("{}, {} {}", file.series.id, detector.manifest.name, detector.manifest.version);
    target.draw(&trial_figure(&file, &result, &title, trial.unit))?;
    summary_lines(&detector, &file, &result).iter().for_each(|line| present::out(line));
    Ok(())
}

fn input(args: &WatchArgs) -> PathBuf {
    args.input
        .clone()
        .unwrap_or_else(|| args.directory.strip_prefix(".").unwrap_or(&args.directory).join(DEFAULT_INPUT))
}

impl WatchedFiles {
    fn of(args: &WatchArgs) -> anyhow::Result<Self> {
        let folder = || format!("{} cannot be read", args.directory.display());
        Ok(Self {
            sources: Sources::of(&args.directory).with_context(folder)?,
            cases: Sources::all_of(&args.directory.join("golden")).with_context(folder)?,
            input: Sources::of_file(&input(args)),
        })
    }

    /// Waits until a file differs, and then until no file changes any more: an editor may write a file in parts.
    fn wait_for_change(&self, args: &WatchArgs) -> anyhow::Result<()> {
        let mut previous = self.clone();
        loop {
            std::thread::sleep(POLL_INTERVAL);
            let files = Self::of(args)?;
            if files == previous && !files.equals_without_locks(self) {
                return Ok(());
            }
            previous = files;
        }
    }

    fn equals_without_locks(&self, other: &Self) -> bool {
        self.sources.equals_without_locks(&other.sources) && self.cases == other.cases && self.input == other.input
    }
}
