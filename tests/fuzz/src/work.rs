//! The worker: generates one input per seed, and writes the input to a file before the trial.

use std::io::Write as _;
use std::path::Path;

use crate::manifest::Manifest;
use crate::meter::Meter;
use crate::modules::Modules;
use crate::registry::Registry;
use crate::state::State;
use crate::toml::Toml;
use crate::worker::Worker;
use crate::{Target, bill};

/// A prepared target.
enum Ready {
    Modules(Modules),
    State(State),
    Meter(Meter),
    Registry(Registry),
    Manifest(Manifest),
    Bill,
    Toml(Toml),
    Worker(Worker),
}

/// Maximum entropy of an input, in bytes.
const ENTROPY_BYTES: usize = 4096;

/// Tries inputs without end; prints each seed to standard output before the trial.
pub(crate) fn work(target: Target, seed: u64, current: &Path) -> Result<(), String> {
    let ready = Ready::new(target)?;
    for seed in seed.. {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut entropy = vec![0; random.usize(16..ENTROPY_BYTES)];
        random.fill(&mut entropy);
        let Some(input) = ready.input(&entropy) else { continue };
        std::fs::write(current, &input).map_err(|error| format!("{}: {error}", current.display()))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{seed}").and_then(|()| out.flush()).map_err(|error| error.to_string())?;
        drop(out);
        ready.run(&input)?;
    }
    Ok(())
}

/// Tries one input.
pub(crate) fn replay(target: Target, file: &Path) -> Result<(), String> {
    let input = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ready::new(target)?.run(&input)
}

impl Ready {
    fn new(target: Target) -> Result<Self, String> {
        Ok(match target {
            Target::Modules => Self::Modules(Modules::new()?),
            Target::State => Self::State(State::new()?),
            Target::Meter => Self::Meter(Meter::new()?),
            Target::Registry => Self::Registry(Registry::new()?),
            Target::Manifest => Self::Manifest(Manifest::new()?),
            Target::Bill => Self::Bill,
            Target::Toml => Self::Toml(Toml::new()?),
            Target::Worker => Self::Worker(Worker::new()),
        })
    }

    /// The input from the given entropy; `None` if the entropy is not enough for an input.
    fn input(&self, entropy: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Modules(modules) => modules.input(entropy),
            Self::State(_) => Some(entropy.to_vec()),
            Self::Meter(_) => Meter::input(entropy),
            Self::Registry(registry) => registry.input(entropy),
            Self::Manifest(manifest) => manifest.input(entropy),
            Self::Bill => bill::input(entropy),
            Self::Toml(toml) => toml.input(entropy),
            Self::Worker(worker) => worker.input(entropy),
        }
    }

    fn run(&self, input: &[u8]) -> Result<(), String> {
        match self {
            Self::Modules(modules) => {
                modules.run(input);
                Ok(())
            }
            Self::State(state) => state.run(input),
            Self::Meter(meter) => meter.run(input),
            Self::Registry(registry) => registry.run(input),
            Self::Manifest(_) => {
                Manifest::run(input);
                Ok(())
            }
            Self::Bill => bill::run(input),
            Self::Toml(toml) => toml.run(input),
            Self::Worker(_) => Worker::run(input),
        }
    }
}
