//! The fuel used by a call, read from the meter in the plugin's code.

use wasmtime::component::{Component, ComponentExportIndex, Instance};
use wasmtime::{Error, Store, Trap, Val, WasmCoreDump};

use super::store_data::StoreData;
use crate::meter::{COUNTER, REMAINING};

/// The export with the remaining fuel of a compiled plugin.
pub(super) struct FuelGauge(ComponentExportIndex);

impl FuelGauge {
    /// Finds the export of the remaining fuel.
    ///
    /// # Panics
    /// If the component has no meter.
    pub(super) fn of(component: &Component) -> Self {
        Self(component.get_export_index(None, REMAINING).expect("every plugin is metered before it is compiled"))
    }

    /// Returns the fuel used by a completed call.
    ///
    /// # Errors
    /// The plugin's code and the imports used more than the budget together.
    pub(super) fn used(&self, store: &mut Store<StoreData>, instance: &Instance) -> wasmtime::Result<u64> {
        let remaining = instance.get_typed_func::<(), (i64,)>(&mut *store, &self.0)?.call(&mut *store, ())?.0;
        store.data().fuel.used(remaining)
    }
}

/// The fuel used by a trapped call.
pub(super) struct TrappedFuel {
    pub(super) used: u64,
    /// True if the call ran out of fuel.
    pub(super) is_exhausted: bool,
}

/// Determines the fuel used by a trapped call.
///
/// The host cannot call a trapped instance, so the counter is read from the engine's core dump. The result is exact if
/// the code ran out of fuel, executed `unreachable` (the end of a panic) or failed in an import. After any other trap,
/// the last write of the counter may be out of date, so the whole budget counts.
pub(super) fn fuel_after_trap(store: &mut Store<StoreData>, error: &Error) -> TrappedFuel {
    let fuel = store.data().fuel;
    let whole_budget = |is_exhausted| TrappedFuel { used: fuel.budget().unsigned_abs(), is_exhausted };
    let trap = error.downcast_ref::<Trap>();
    if matches!(trap, Some(Trap::OutOfFuel)) {
        return whole_budget(true);
    }
    // The meter's instance is created first.
    let meter = error.downcast_ref::<WasmCoreDump>().and_then(|dump| dump.instances().first().copied());
    let counter = meter.and_then(|meter| meter.get_global(&mut *store, COUNTER));
    match (counter.map(|counter| counter.get(&mut *store)), trap) {
        (Some(Val::I64(remaining)), _) if remaining < 0 => whole_budget(true),
        (Some(Val::I64(remaining)), None | Some(Trap::UnreachableCodeReached)) => {
            fuel.used(remaining).map_or_else(|_| whole_budget(true), |used| TrappedFuel { used, is_exhausted: false })
        }
        _ => whole_budget(false),
    }
}
