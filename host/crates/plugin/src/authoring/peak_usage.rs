//! Resource usage of plugin calls, compared with the limits.

use sandbox::{Fitted, Limits, Usage, Verdict};

/// The highest usage among several calls, per limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PeakUsage {
    fit: PeakFuel,
    judge: PeakFuel,
    memory_bytes: usize,
    state_bytes: usize,
    /// Size in the host's memory.
    output_bytes: usize,
    reason_bytes: usize,
}

/// A figure and the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageFigure {
    pub name: &'static str,
    pub used: u64,
    pub limit: u64,
    /// Keys in `[plugins.limits]`.
    pub keys: &'static str,
}

/// Fuel of the most expensive call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct PeakFuel {
    used: u64,
    budget: u64,
}

impl PeakUsage {
    /// Adds a fit; `None` for a series with insufficient history.
    pub(super) fn add_fit(&mut self, usage: Usage, fitted: Option<&Fitted>) {
        self.fit.add(usage);
        self.memory_bytes = self.memory_bytes.max(usage.memory_bytes);
        let Some(Fitted { state, figures }) = fitted else { return };
        let names: usize = figures.iter().map(|(name, _)| name.len()).sum();
        let bytes = size_of::<Fitted>() + state.len() + size_of_val(figures.as_slice()) + names;
        self.state_bytes = self.state_bytes.max(state.len());
        self.output_bytes = self.output_bytes.max(bytes);
    }

    /// Adds a call of `judge`.
    pub(super) fn add_judge<'a>(&mut self, usage: Usage, verdicts: impl Iterator<Item = &'a Verdict>) {
        self.judge.add(usage);
        self.memory_bytes = self.memory_bytes.max(usage.memory_bytes);
        let mut bytes = 0;
        for verdict in verdicts {
            bytes += size_of::<Verdict>() + verdict.reason.len();
            self.reason_bytes = self.reason_bytes.max(verdict.reason.len());
        }
        self.output_bytes = self.output_bytes.max(bytes);
    }

    /// Returns each figure with the limit in force; omits the fuel of calls that never happened.
    pub fn figures(&self, limits: &Limits) -> Vec<UsageFigure> {
        let bytes =
            |name, used: usize, limit: usize, keys| UsageFigure { name, used: used as u64, limit: limit as u64, keys };
        let fuel = |name, fuel: PeakFuel, keys| UsageFigure { name, used: fuel.used, limit: fuel.budget, keys };
        let figures = [
            fuel("fuel of fit", self.fit, "fuel_per_call, fit_fuel_per_series"),
            fuel("fuel of judge", self.judge, "fuel_per_call, judge_fuel_per_series"),
            bytes("memory, bytes", self.memory_bytes, limits.memory_bytes, "memory_bytes"),
            bytes("state, bytes", self.state_bytes, limits.state_bytes, "state_bytes"),
            bytes("output of a call, bytes", self.output_bytes, limits.output_bytes, "output_bytes"),
            bytes("reason, bytes", self.reason_bytes, limits.reason_bytes, "reason_bytes"),
        ];
        figures.into_iter().filter(|figure| figure.limit > 0).collect()
    }
}

impl UsageFigure {
    pub fn percent(&self) -> f64 {
        100.0 * self.used as f64 / self.limit as f64
    }
}

impl PeakFuel {
    fn add(&mut self, usage: Usage) {
        if usage.fuel > self.used {
            *self = Self { used: usage.fuel, budget: usage.budget };
        }
    }
}
