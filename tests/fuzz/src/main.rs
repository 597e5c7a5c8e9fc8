//! Fuzzing of the sandbox and of the parsers of foreign data with generated and damaged input: every input must get an
//! answer in time. Also fuzzing of the fuel meter with generated modules: every instruction must be paid.
//!
//! Each target runs in a watched process. A crash or hang leaves its input in `target/fuzz/`, and the
//! target continues with the next input. Inputs derive from the seed: equal seeds give equal inputs, as many as the
//! time allows.

mod bill;
mod damage;
mod manifest;
mod meter;
mod modules;
mod registry;
mod sandboxed;
mod state;
mod toml;
mod watch;
mod work;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Fuzzes the sandbox and the parsers of foreign data. Exit codes: 0 no anomalies; 1 anomalies; 2 the run failed.
#[derive(Debug, Parser)]
#[command(name = "fuzz")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all targets in parallel.
    Run {
        /// Duration in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Seed of the first input.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Try an input from an earlier run again.
    Replay { target: Target, file: PathBuf },
    /// Try inputs until the process is killed.
    #[command(hide = true)]
    Work(WorkArgs),
}

#[derive(Debug, Args)]
struct WorkArgs {
    target: Target,
    /// Seed of the first input; each further input uses the next seed.
    seed: u64,
    /// File for the current input.
    current: PathBuf,
}

/// A fuzzing target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The bytes of a plugin: loaded, and called after a successful load.
    Modules,
    /// The bytes of a state and a series, judged by a bundled detector.
    State,
    /// A module with and without the meter.
    Meter,
    /// The answers of a registry to a pull.
    Registry,
    /// A small plugin with a packed manifest, inspected.
    Manifest,
    /// A document of the billing API.
    Bill,
    /// A rule file or a lock.
    Toml,
    /// The messages of a worker.
    Worker,
}

impl Target {
    const ALL: [Self; 8] =
        [Self::Modules, Self::State, Self::Meter, Self::Registry, Self::Manifest, Self::Bill, Self::Toml, Self::Worker];

    fn as_str(self) -> &'static str {
        match self {
            Self::Modules => "modules",
            Self::State => "state",
            Self::Meter => "meter",
            Self::Registry => "registry",
            Self::Manifest => "manifest",
            Self::Bill => "bill",
            Self::Toml => "toml",
            Self::Worker => "worker",
        }
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run { seconds, seed } => watch::run(Duration::from_secs(seconds), seed),
        Command::Replay { target, file } => work::replay(target, &file).map(|()| 0),
        Command::Work(WorkArgs { target, seed, current }) => work::work(target, seed, &current).map(|()| 0),
    };
    match done {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzz: {error}");
            ExitCode::from(2)
        }
    }
}

/// A path inside the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Name and bytes of the bundled plugins from `make build`.
fn bundled() -> Result<Vec<(String, Vec<u8>)>, String> {
    let folder = repository("plugins/dist");
    let error = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut plugins = Vec::new();
    for file in std::fs::read_dir(&folder).map_err(|cause| error(&folder, cause))? {
        let path = file.map_err(|cause| error(&folder, cause))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        plugins.push((name, std::fs::read(&path).map_err(|cause| error(&path, cause))?));
    }
    // Equal seeds need an equal order.
    plugins.sort();
    Ok(plugins)
}
