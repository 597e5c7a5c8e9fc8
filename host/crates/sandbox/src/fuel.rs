//! The CPU limit: a fuel meter, added to a plugin's code before compilation.
//!
//! The host adds a core module to each component, before all other modules. The module holds a number: the remaining
//! fuel of the call. Every function subtracts the cost of its instructions and traps if no fuel is left. The checks are
//! at the start of a function that calls functions or is long, at each iteration of a loop, and after about a thousand
//! units without a check. So endless code always reaches a check. Code between two checks uses at most the thousand
//! units, once for each call that returns to its caller, and the stack limits the number of those calls. The cost of
//! laying out memories, tables and globals is charged before any code of the plugin runs ([`layout`]).
//!
//! wasmtime's built-in fuel has the same effect but costs more. Without fuel, the code calls the host, and the host may
//! add fuel and return. So all live registers must survive a call at each iteration of a loop. This meter never
//! returns.

mod body;
mod component;
mod layout;
mod module;

pub(super) use self::component::OWN_INSTANCES;

use wasm_encoder::reencode;
use wasmparser::{Parser, Validator, WasmFeatures};
use wasmtime::component::{Component, ComponentExportIndex, Instance, Linker};
use wasmtime::{Error, Store, StoreContextMut, Trap, Val, WasmCoreDump};

use super::contract::Unfit;
use super::output;
use super::session::State;

/// Sources of the fuel meter. Cached code with a meter made of different sources is invalid.
pub(super) const SOURCES: [&str; 5] = [
    include_str!("fuel.rs"),
    include_str!("fuel/body.rs"),
    include_str!("fuel/component.rs"),
    include_str!("fuel/layout.rs"),
    include_str!("fuel/module.rs"),
];

/// Allowed WebAssembly features: WebAssembly 2.0 and extended constant expressions. A feature that no detector needs
/// would only add attack surface. Relaxed SIMD also differs between machines. The meter knows the cost of every allowed
/// instruction.
const FEATURES: WasmFeatures =
    WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST).union(WasmFeatures::COMPONENT_MODEL);

/// Names of the imported function with the budget and the exported function with the remaining fuel. A plugin with
/// either name would define the name twice, and a component with duplicate names is invalid.
const BUDGET: &str = "fuel-budget";
const LEFT: &str = "fuel-left";
/// Names of the core module with the counter, seen from the importing modules, and of the counter in the module.
pub const METER: &str = "costwarden:fuel";
pub const COUNTER: &str = "left";

/// Fuel charged by the host for a call of an import, in addition to a unit per byte.
pub(super) const IMPORT: u64 = 500;

/// Returns the component with a fuel meter.
///
/// # Errors
/// The component is invalid or contains code that the contract does not allow.
pub(super) fn metered(component: &[u8]) -> Result<Vec<u8>, Unfit> {
    Validator::new_with_features(FEATURES).validate_all(component).map_err(|error| invalid(&error))?;
    component::metered(component).map_err(unfit)
}

/// Returns a core module with the fuel meter, in the form used inside a component. For tests of the meter.
///
/// # Errors
/// See [`metered`].
pub fn metered_module(module: &[u8]) -> Result<Vec<u8>, Unfit> {
    Validator::new_with_features(FEATURES).validate_all(module).map_err(|error| invalid(&error))?;
    module::metered(Parser::new(0), module).map(wasm_encoder::Module::finish).map_err(unfit)
}

/// Returns true if the import of a component belongs to the meter.
pub(super) fn is_own(import: &str) -> bool {
    import == BUDGET
}

/// Defines the import of the meter in the linker.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.root().func_wrap(BUDGET, |store: StoreContextMut<'_, State>, ()| Ok((store.data().fuel.budget,)))
}

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

    /// Charges fuel for host work in an import, so imports cannot bypass the limit. During the call, the limit applies
    /// to imports alone; at the end, to imports and the plugin's code together.
    pub(super) fn charge(&mut self, units: u64) -> wasmtime::Result<()> {
        self.imports = self.imports.saturating_add(units);
        if self.imports > self.budget.unsigned_abs() { Err(Trap::OutOfFuel.into()) } else { Ok(()) }
    }

    /// Returns the total fuel used, given the fuel left to the plugin's code.
    fn used(&self, left: i64) -> wasmtime::Result<u64> {
        let budget = self.budget.unsigned_abs();
        let own = u64::try_from(self.budget.saturating_sub(left)).unwrap_or(budget);
        let used = own.saturating_add(self.imports);
        if used > budget { Err(Trap::OutOfFuel.into()) } else { Ok(used) }
    }
}

/// The export with the remaining fuel of a compiled plugin.
pub(super) struct Gauge(ComponentExportIndex);

impl Gauge {
    /// Finds the export of the remaining fuel.
    ///
    /// # Panics
    /// If the component has no meter.
    pub(super) fn of(component: &Component) -> Self {
        Self(component.get_export_index(None, LEFT).expect("every plugin is metered before it is compiled"))
    }

    /// Returns the fuel used by a completed call.
    ///
    /// # Errors
    /// The plugin's code and the imports used more than the budget together.
    pub(super) fn used(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<u64> {
        let left = instance.get_typed_func::<(), (i64,)>(&mut *store, &self.0)?.call(&mut *store, ())?.0;
        store.data().fuel.used(left)
    }
}

/// The fuel used by a trapped call, and whether the call ran out of fuel.
pub(super) struct Burnt {
    pub(super) fuel: u64,
    pub(super) is_dry: bool,
}

/// Determines the fuel used by a trapped call.
///
/// The host cannot call a trapped instance, so the counter is read from the engine's core dump. The result is exact if
/// the code ran out of fuel, executed `unreachable` (the end of a panic) or failed in an import. After any other trap,
/// the last write of the counter may be out of date, so the whole budget counts.
pub(super) fn burnt(store: &mut Store<State>, error: &Error) -> Burnt {
    let fuel = store.data().fuel;
    let all = |is_dry| Burnt { fuel: fuel.budget.unsigned_abs(), is_dry };
    let trap = error.downcast_ref::<Trap>();
    if matches!(trap, Some(Trap::OutOfFuel)) {
        return all(true);
    }
    // The meter's instance is created first.
    let meter = error.downcast_ref::<WasmCoreDump>().and_then(|dump| dump.instances().first().copied());
    let counter = meter.and_then(|meter| meter.get_global(&mut *store, COUNTER));
    match (counter.map(|counter| counter.get(&mut *store)), trap) {
        (Some(Val::I64(left)), _) if left < 0 => all(true),
        (Some(Val::I64(left)), None | Some(Trap::UnreachableCodeReached)) => {
            fuel.used(left).map_or(all(true), |fuel| Burnt { fuel, is_dry: false })
        }
        _ => all(false),
    }
}

fn unfit(error: reencode::Error<Unfit>) -> Unfit {
    match error {
        reencode::Error::UserError(unfit) => unfit,
        reencode::Error::ParseError(error) => invalid(&error),
        other => invalid(&other),
    }
}

fn invalid(error: &dyn std::error::Error) -> Unfit {
    Unfit::Invalid(output::said(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metered_text(text: &str) -> Result<Vec<u8>, String> {
        metered(&wat::parse_str(text).expect("text")).map_err(|error| error.to_string())
    }

    fn is_valid(component: &[u8]) -> bool {
        Validator::new_with_features(FEATURES).validate_all(component).is_ok()
    }

    #[test]
    fn parts_keep_finding_each_other() {
        let component = metered_text(
            r#"(component
                (type $number u32)
                (import "host" (func $host (param "a" $number) (result u32)))
                (core func $lowered (canon lower (func $host)))
                (core module $first (func (export "twice") (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))
                (core module $second
                    (import "first" "twice" (func $twice (param i32) (result i32)))
                    (import "host" "host" (func $host (param i32) (result i32)))
                    (global $own (mut i32) (i32.const 1))
                    (func (export "run") (param i32) (result i32)
                        (global.set $own (call $twice (call $host (local.get 0))))
                        (global.get $own)))
                (core instance $f (instantiate $first))
                (core instance $h (export "host" (func $lowered)))
                (core instance $s (instantiate $second (with "first" (instance $f)) (with "host" (instance $h))))
                (component $part
                    (alias outer 1 $number (type $outer))
                    (import "run" (func $run (param "a" $outer) (result u32)))
                    (export "run" (func $run)))
                (func $run (param "a" $number) (result u32) (canon lift (core func $s "run")))
                (instance $i (instantiate $part (with "run" (func $run))))
                (export "api" (instance $i)))"#,
        );
        assert!(is_valid(&component.expect("metered")));
    }

    #[test]
    fn the_meter_is_nobody_elses() {
        let takes = r#"(component (core module (import "costwarden:fuel" "left" (global (mut i64)))))"#;
        assert!(metered_text(takes).expect_err("refused").starts_with("imports `costwarden:fuel`"));
        for poses in [
            r#"(component (import "fuel-budget" (func (result s64))))"#,
            r#"(component (import "host" (func $f (result s64))) (export "fuel-left" (func $f)))"#,
        ] {
            assert!(!is_valid(&metered_text(poses).expect("metered")), "{poses}");
        }
    }

    #[test]
    fn the_sources_are_all_there_are() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let parts = std::fs::read_dir(folder.join("fuel")).expect("there").map(|part| part.expect("read").path());
        let mut there: Vec<_> = parts
            .chain([folder.join("fuel.rs")])
            .map(|part| std::fs::read_to_string(part).expect("a source"))
            .collect();
        there.sort_unstable();
        let mut known = SOURCES;
        known.sort_unstable();
        assert!(there == known, "a part of the meter is missing in SOURCES, or this program is older than its sources");
    }

    #[test]
    fn what_plugins_are_not_made_of_is_refused() {
        for (text, why) in [
            ("(component (core module (memory i64 1)))", "memory64"),
            ("(component (core module (memory 1) (memory 1)))", "multiple memories"),
            ("(component (core module (func $f (return_call $f))))", "tail calls"),
            ("(component (core module (memory 1 1 shared)))", "threads"),
            ("(component (core module (func (drop (ref.i31 (i32.const 1))))))", "gc"),
        ] {
            let refused = metered_text(text).expect_err("refused");
            assert!(refused.contains(why), "{why}: {refused}");
        }
    }
}
