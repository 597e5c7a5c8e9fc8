//! Resource limits of a plugin. `[plugins.limits]` sets the fields under the same names.

use serde::{Deserialize, Serialize};

use crate::call::CallKind;

/// Limits of a call, or of a series in a call. Messages name a limit in the form `plugins.limits.NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Fuel of every call, whatever the input, for startup and allocation. A unit is about a WebAssembly instruction.
    pub fuel_per_call: u64,
    /// Additional fuel of `fit` for each series. Mean and deviation of 90 points cost 13,000 in a Rust plugin and
    /// 250,000 in a Python plugin.
    pub fit_fuel_per_series: u64,
    /// Additional fuel of `judge` for each series.
    pub judge_fuel_per_series: u64,
    /// Fuel of `describe` and of `check-settings`.
    pub describe_fuel: u64,
    /// Wall-clock seconds of a call with its retries: the limit behind the fuel for code that needs far more time for a
    /// unit of fuel than usual. `describe` and `check-settings` may use a fifth of them as processor time.
    pub call_seconds: u64,
    /// Total bytes of all linear memories of an instance. Every core runs a single instance at a time.
    pub memory_bytes: usize,
    /// Total elements of all tables of an instance.
    pub table_elements: usize,
    /// Core modules in a plugin. A Rust plugin has 1 to 3, a Python plugin about 20.
    pub instances: usize,
    /// Linear memories in a plugin.
    pub memories: usize,
    /// Tables in a plugin.
    pub tables: usize,
    /// Bytes of native stack, at most 2 MiB.
    pub stack_bytes: usize,
    /// Bytes of the plugin file.
    pub module_bytes: u64,
    /// Seconds of processor time for compiling a plugin. A Rust plugin takes less than a second, a Python plugin about
    /// five.
    pub compile_seconds: u64,
    /// Resident memory of the process that compiles a plugin, in bytes. A Rust plugin takes less than 100 MB, a Python or
    /// JavaScript plugin about 370 MB.
    pub compile_memory_bytes: u64,
    /// Bytes of the state fitted for a series. Every state is stored.
    pub state_bytes: usize,
    /// Bytes of all values returned by a call, in the host's representation. Also limits a single argument of an
    /// import.
    pub output_bytes: usize,
    /// Bytes of the reason of a verdict, and of the message of a refusal or an issue.
    pub reason_bytes: usize,
    /// Lines logged by a call. Further lines are counted and dropped.
    pub log_lines: usize,
    /// Total bytes of the lines logged by a call.
    pub log_bytes: usize,
    /// Bytes of a file of reference data.
    pub reference_bytes: u64,
    /// Total bytes of reference data read by a call.
    pub reference_bytes_per_call: u64,
}

/// A fuel limit with the config key, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FuelLimit {
    pub(crate) key: &'static str,
    pub(crate) units: u64,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Limits {
    pub(crate) fn fuel_limit(&self, kind: CallKind) -> FuelLimit {
        match kind {
            CallKind::Describe => FuelLimit { key: "describe_fuel", units: self.describe_fuel },
            CallKind::Fit => FuelLimit { key: "fit_fuel_per_series", units: self.fit_fuel_per_series },
            CallKind::Judge => FuelLimit { key: "judge_fuel_per_series", units: self.judge_fuel_per_series },
        }
    }

    /// Returns the seconds of processor time that all calls of a plugin may take beyond the allowance of their work.
    pub(crate) fn all_calls_seconds(&self) -> u64 {
        self.call_seconds.saturating_add(self.describe_seconds())
    }

    /// Returns the seconds of processor time of `describe` and of `check-settings`.
    pub(crate) fn describe_seconds(&self) -> u64 {
        self.call_seconds.div_ceil(5)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_per_call: 50_000_000,
            fit_fuel_per_series: 20_000_000,
            judge_fuel_per_series: 10_000_000,
            describe_fuel: 100_000_000,
            call_seconds: 10,
            memory_bytes: 256 * MIB,
            table_elements: 100_000,
            instances: 64,
            memories: 4,
            tables: 16,
            stack_bytes: 512 * KIB,
            module_bytes: 64 * MIB as u64,
            compile_seconds: 15,
            compile_memory_bytes: 576 * MIB as u64,
            state_bytes: 64 * KIB,
            output_bytes: 32 * MIB,
            reason_bytes: KIB,
            log_lines: 100,
            log_bytes: 16 * KIB,
            reference_bytes: MIB as u64,
            reference_bytes_per_call: 16 * MIB as u64,
        }
    }
}
