//! The sandbox for the fuzz targets (`tests/fuzz`).

use std::path::Path;

use crate::detector::{self, Artifact, Call, Compiler, Failure, Grants, Limits, fuel};
use crate::series::Window;

/// By what names a metered module imports the number of units that it has left, a mutable `i64`.
pub const NUMBER: (&str, &str) = (fuel::METER, fuel::COUNTER);

/// A core module with the meter in it.
///
/// # Errors
/// It is not valid, or made of what plugins may not be made of.
pub fn metered(module: &[u8]) -> Result<Vec<u8>, String> {
    fuel::metered_module(module).map_err(|error| error.to_string())
}

/// A sandbox that compiles in this process, under limits that no input takes long to meet.
pub struct Sandbox(detector::Sandbox);

/// A plugin that loaded.
pub struct Plugin(detector::Detector);

/// A series, of whatever values.
#[derive(Debug, Clone)]
pub struct Series {
    pub start: i64,
    pub utc_offset: i32,
    pub step: u32,
    pub values: Vec<f64>,
    pub excluded: Vec<u32>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failed {
    /// The plugin says that it cannot, or not yet.
    Refused(String),
    /// It broke a limit, the contract or itself.
    Broken(String),
}

const CALL: Call<'static> = Call { rule: "fuzz", settings: "{}", unit: "KRW", locale: "en" };

impl Sandbox {
    /// Under a fuel that a call can use up in some milliseconds, or the default where plugins are to have enough.
    ///
    /// # Errors
    /// The engine cannot be had.
    pub fn new(fuel: Option<u64>) -> Result<Self, String> {
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
        detector::Sandbox::new(limits, None, Compiler::Here).map(Self).map_err(|error| error.to_string())
    }

    /// What its plugins run in.
    #[must_use]
    pub fn engine(&self) -> &wasmtime::Engine {
        self.0.engine()
    }

    /// Loads a plugin under the name that it gives itself.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn load(&self, bytes: Vec<u8>) -> Result<Plugin, String> {
        let artifact = Artifact::new(Path::new("fuzzed.wasm"), bytes);
        self.0.load_any(&artifact, &Grants::default()).map(Plugin).map_err(|error| error.to_string())
    }
}

impl Plugin {
    /// The state that it learns of the series.
    ///
    /// # Errors
    /// It gives none.
    pub fn fit(&self, series: &Series) -> Result<Vec<u8>, Failed> {
        let fitted = self.0.fit(&CALL, &[series.clone().into()]).results.remove(0);
        fitted.map(|fitted| fitted.state).map_err(Failed::from)
    }

    /// How many verdicts it has on the values from that one on.
    ///
    /// # Errors
    /// It gives none.
    pub fn judge(&self, series: &Series, state: Vec<u8>, judge_from: u32) -> Result<usize, Failed> {
        let window = Window { series: series.clone().into(), state, judge_from };
        let judged = self.0.judge(&CALL, &[window]).results.remove(0);
        judged.map(|verdicts| verdicts.len()).map_err(Failed::from)
    }
}

impl From<Series> for crate::series::Series {
    fn from(series: Series) -> Self {
        let Series { start, utc_offset, step, values, excluded } = series;
        Self { id: "d/p/fuzzed".to_owned(), start, utc_offset, step, values, excluded }
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Learning(_) | Failure::Refused { .. } => Self::Refused(failure.to_string()),
            Failure::Broken { .. } => Self::Broken(failure.to_string()),
        }
    }
}
