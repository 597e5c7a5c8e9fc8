//! The CPU limit: a meter that is put into a plugin's code before it is compiled.
//!
//! Each component gets a core module of the host's own, first of all, which holds one number: the fuel that is left of
//! the call's budget. Every function takes from it what its instructions cost, and traps where nothing is left: when it
//! begins, if it calls others or is long; at each turn of a loop; and after some thousand units without a look. So code
//! that goes on for ever comes to a check, and what runs up to the next is those thousand units at most, in each of the
//! calls that end one after the other, of which the stack holds only so many. What laying out a plugin's memories, tables
//! and globals takes is gone before any of its code runs ([`layout`]).
//!
//! The engine's own meter does the same and costs more: where fuel runs dry it calls the host, which may put in more and
//! come back, so that whatever lives in a register has to outlive a call at each turn of a loop. This one never comes
//! back.

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

/// What the meter is made of: code that it was put into by another one is none to use.
pub(super) const SOURCES: [&str; 5] = [
    include_str!("fuel.rs"),
    include_str!("fuel/body.rs"),
    include_str!("fuel/component.rs"),
    include_str!("fuel/layout.rs"),
    include_str!("fuel/module.rs"),
];

/// What plugins may be made of: WebAssembly 2.0 and constants that are computed. What no detector needs can be no way
/// out, and relaxed SIMD, besides, differs from machine to machine. The meter knows what each of these costs.
const FEATURES: WasmFeatures =
    WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST).union(WasmFeatures::COMPONENT_MODEL);

/// The function by which a component asks for its budget, and the one that tells what is left of it. A plugin that has
/// one of these itself has it twice, which no component may.
const BUDGET: &str = "fuel-budget";
const LEFT: &str = "fuel-left";
/// The core module that holds the number, as others know it, and the number in it.
pub(crate) const METER: &str = "costwarden:fuel";
pub(crate) const COUNTER: &str = "left";

/// What the host charges for a call of an import, besides a unit a byte.
pub(super) const IMPORT: u64 = 500;

/// The component with a meter in it.
///
/// # Errors
/// It is not valid, or has code in what the contract has no use for.
pub(super) fn metered(component: &[u8]) -> Result<Vec<u8>, Unfit> {
    Validator::new_with_features(FEATURES).validate_all(component).map_err(|error| invalid(&error))?;
    component::metered(component).map_err(unfit)
}

/// A core module with the meter in it, as a part of a component has it: for tests of the meter.
///
/// # Errors
/// As [`metered`].
pub(crate) fn metered_module(module: &[u8]) -> Result<Vec<u8>, Unfit> {
    Validator::new_with_features(FEATURES).validate_all(module).map_err(|error| invalid(&error))?;
    module::metered(Parser::new(0), module).map(wasm_encoder::Module::finish).map_err(unfit)
}

/// Whether a component's import is the meter's.
pub(super) fn is_own(import: &str) -> bool {
    import == BUDGET
}

/// Defines what the meter asks for.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.root().func_wrap(BUDGET, |store: StoreContextMut<'_, State>, ()| Ok((store.data().fuel.budget,)))
}

/// What one call may use, and what the host has done for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fuel {
    budget: i64,
    /// Used by imports.
    imports: u64,
}

impl Fuel {
    pub(super) fn new(budget: u64) -> Self {
        Self { budget: i64::try_from(budget).unwrap_or(i64::MAX), imports: 0 }
    }

    /// Takes fuel for work that the host does for a plugin, so that imports cannot be a way around the limit. They are
    /// limited by themselves while a call lasts, and together with its own code when it ends.
    pub(super) fn charge(&mut self, units: u64) -> wasmtime::Result<()> {
        self.imports = self.imports.saturating_add(units);
        if self.imports > self.budget.unsigned_abs() { Err(Trap::OutOfFuel.into()) } else { Ok(()) }
    }

    /// With so much left to the plugin's own code.
    fn used(&self, left: i64) -> wasmtime::Result<u64> {
        let budget = self.budget.unsigned_abs();
        let own = u64::try_from(self.budget.saturating_sub(left)).unwrap_or(budget);
        let used = own.saturating_add(self.imports);
        if used > budget { Err(Trap::OutOfFuel.into()) } else { Ok(used) }
    }
}

/// Where a compiled plugin tells what is left.
pub(super) struct Gauge(ComponentExportIndex);

impl Gauge {
    /// # Panics
    /// If the component has no meter.
    pub(super) fn of(component: &Component) -> Self {
        Self(component.get_export_index(None, LEFT).expect("every plugin is metered before it is compiled"))
    }

    /// What a call that ended has used.
    ///
    /// # Errors
    /// More than its budget, together with what imports did for it.
    pub(super) fn used(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<u64> {
        let left = instance.get_typed_func::<(), (i64,)>(&mut *store, &self.0)?.call(&mut *store, ())?.0;
        store.data().fuel.used(left)
    }
}

/// What a call that trapped has used, and whether it trapped for want of fuel.
pub(super) struct Burnt {
    pub(super) fuel: u64,
    pub(super) is_dry: bool,
}

/// Looks into what is left of a call that trapped.
///
/// Its instance cannot be asked any more, so the number is taken out of what the engine keeps of it. That is exact where
/// code ran dry, gave up (`unreachable`, a panic's end) or failed in an import. Anything else may have happened anywhere
/// since the number was written last, and counts as all of the budget.
pub(super) fn burnt(store: &mut Store<State>, error: &Error) -> Burnt {
    let fuel = store.data().fuel;
    let all = |is_dry| Burnt { fuel: fuel.budget.unsigned_abs(), is_dry };
    let trap = error.downcast_ref::<Trap>();
    if matches!(trap, Some(Trap::OutOfFuel)) {
        return all(true);
    }
    // The meter's instance is the first of all.
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
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detector");
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
