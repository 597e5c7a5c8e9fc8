//! The fuel budget of a call, and the fuel used by imports.

use wasmtime::Trap;

/// Fuel charged by the host for a call of an import, in addition to a unit per byte.
pub(super) const IMPORT_FUEL: u64 = 500;

/// The budget of a call and the fuel used by the host for the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fuel {
    budget: i64,
    /// Fuel used by imports.
    imports: u64,
}

impl Fuel {
    pub(super) fn new(budget: u64) -> Self {
        Self { budget: i64::try_from(budget).unwrap_or(i64::MAX), imports: 0 }
    }

    /// Returns the budget as a number of the meter.
    pub(super) fn budget(self) -> i64 {
        self.budget
    }

    /// Charges fuel for host work in an import, so imports cannot bypass the limit. During the call, the limit applies
    /// to imports alone; at the end, to imports and the plugin's code together.
    pub(super) fn charge(&mut self, units: u64) -> wasmtime::Result<()> {
        self.imports = self.imports.saturating_add(units);
        if self.imports > self.budget.unsigned_abs() { Err(Trap::OutOfFuel.into()) } else { Ok(()) }
    }

    /// Returns the total fuel used, given the fuel left to the plugin's code.
    ///
    /// # Errors
    /// The plugin's code and the imports used more than the budget together.
    pub(super) fn used(&self, remaining: i64) -> wasmtime::Result<u64> {
        let budget = self.budget.unsigned_abs();
        let code = u64::try_from(self.budget.saturating_sub(remaining)).unwrap_or(budget);
        let used = code.saturating_add(self.imports);
        if used > budget { Err(Trap::OutOfFuel.into()) } else { Ok(used) }
    }
}
