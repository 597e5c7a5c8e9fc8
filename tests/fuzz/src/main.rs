//! Generated and damaged input through the sandbox: whatever it is, there is an answer, in time. And generated modules
//! through its meter: whatever they do is paid for.
//!
//! Three targets, each a process of its own that is watched: one that crashes or hangs leaves the input that did it in
//! `target/fuzz/`, and the others go on. Inputs follow from the seed: the same seed tries the same ones, as many as there
//! is time for.

mod meter;
mod modules;
mod state;
mod watch;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Fuzzes the sandbox. Exit codes: 0 nothing found; 1 something was found; 2 it could not be tried.
#[derive(Debug, Parser)]
#[command(name = "fuzz")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every target, at the same time.
    Run {
        /// For how long.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Where inputs begin.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Try one input again, which a run has kept.
    Replay { target: Target, file: PathBuf },
    /// Try inputs until this process is ended.
    #[command(hide = true)]
    Work(WorkArgs),
}

#[derive(Debug, Args)]
struct WorkArgs {
    target: Target,
    /// Of the first input; each further one has the next.
    seed: u64,
    /// Where to write the input that is being tried.
    current: PathBuf,
}

/// What is fuzzed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// A plugin's bytes, loaded, and called where they load.
    Modules,
    /// The bytes of a state and a series, judged by a bundled detector.
    State,
    /// A module, with the meter in it and without.
    Meter,
}

impl Target {
    const ALL: [Self; 3] = [Self::Modules, Self::State, Self::Meter];

    fn as_str(self) -> &'static str {
        match self {
            Self::Modules => "modules",
            Self::State => "state",
            Self::Meter => "meter",
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

/// A folder of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The bundled plugins, which `make build` builds: name and bytes.
fn bundled() -> Result<Vec<(String, Vec<u8>)>, String> {
    ["tutorial", "seasonal-mad", "newcomer"]
        .into_iter()
        .map(|name| {
            let path = repository("plugins/dist").join(format!("{name}.wasm"));
            let bytes = std::fs::read(&path);
            bytes.map(|bytes| (name.to_owned(), bytes)).map_err(|error| format!("{}: {error}", path.display()))
        })
        .collect()
}
