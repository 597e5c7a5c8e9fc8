//! The sandbox under limits that fuzz inputs reach within milliseconds.

use std::path::Path;

use model::series::{Series, Window};
use sandbox::{Artifact, CallContext, Detector, Failure, Grants, Isolation, Limits, Sandbox};

/// A series with random values.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) start: i64,
    pub(crate) utc_offset: i32,
    pub(crate) step: u32,
    pub(crate) values: Vec<f64>,
    pub(crate) excluded: Vec<u32>,
}

/// The reason for a missing result.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The plugin refused the input, or has insufficient history.
    Refused,
    /// The plugin exceeded a limit, broke the contract, or trapped.
    Broken(String),
}

const CONTEXT: CallContext<'static> = CallContext { rule: "fuzz", settings: "{}", unit: "KRW", locale: "en" };

/// Makes a sandbox that compiles in this process. `fuel` limits each call; `None` keeps the default limits.
///
/// # Errors
/// The engine is not available.
pub(crate) fn sandbox(fuel: Option<u64>) -> Result<Sandbox, String> {
    let default = Limits::default();
    let limits = match fuel {
        Some(fuel) => Limits {
            fuel_per_call: fuel,
            fit_fuel_per_series: fuel,
            judge_fuel_per_series: fuel,
            describe_fuel: fuel,
            memory_bytes: 16 << 20,
            ..default
        },
        None => default,
    };
    Sandbox::new(limits, None, Isolation::InProcess).map_err(|error| error.to_string())
}

/// Loads a plugin under its own name.
///
/// # Errors
/// The bytes are not a valid plugin.
pub(crate) fn load(sandbox: &Sandbox, bytes: Vec<u8>) -> Result<Detector, String> {
    let artifact = Artifact::new(Path::new("fuzzed.wasm"), bytes);
    sandbox.load_any(&artifact, &Grants::default()).map_err(|error| error.to_string())
}

/// Fits one series and returns the state.
///
/// # Errors
/// The plugin returns no state.
pub(crate) fn fit(detector: &Detector, input: &Input) -> Result<Vec<u8>, Failed> {
    let fitted = detector.fit(&CONTEXT, &[series(input)]).results.remove(0);
    fitted.map(|fitted| fitted.state).map_err(|failure| failed(&failure))
}

/// Judges the points from `judge_from` and returns the number of verdicts.
///
/// # Errors
/// The plugin returns no verdicts.
pub(crate) fn judge(detector: &Detector, input: &Input, state: Vec<u8>, judge_from: u32) -> Result<usize, Failed> {
    let window = Window { series: series(input), state, judge_from };
    let judged = detector.judge(&CONTEXT, &[window]).results.remove(0);
    judged.map(|verdicts| verdicts.len()).map_err(|failure| failed(&failure))
}

fn series(input: &Input) -> Series {
    let Input { start, utc_offset, step, values, excluded } = input.clone();
    Series { id: "d/p/fuzzed".to_owned(), start, utc_offset, step, values, excluded }
}

fn failed(failure: &Failure) -> Failed {
    match failure {
        Failure::InsufficientHistory(_) | Failure::Refused { .. } => Failed::Refused,
        Failure::Call { .. } => Failed::Broken(failure.to_string()),
    }
}
