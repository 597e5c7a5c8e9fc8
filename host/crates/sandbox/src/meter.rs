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

use wasm_encoder::reencode;
use wasmparser::{Parser, Validator, WasmFeatures};

use crate::contract::InvalidPlugin;
use crate::text;

pub(crate) use self::component::METER_INSTANCES;

/// Sources of the fuel meter. Cached code with a meter made of different sources is invalid.
pub(crate) const SOURCES: [&str; 5] = [
    include_str!("meter.rs"),
    include_str!("meter/body.rs"),
    include_str!("meter/component.rs"),
    include_str!("meter/layout.rs"),
    include_str!("meter/module.rs"),
];

/// Allowed WebAssembly features: WebAssembly 2.0 and extended constant expressions. A feature that no detector needs
/// would only add attack surface. Relaxed SIMD also differs between machines. The meter knows the cost of every allowed
/// instruction.
const FEATURES: WasmFeatures =
    WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST).union(WasmFeatures::COMPONENT_MODEL);

/// Names of the imported function with the budget and the exported function with the remaining fuel. A plugin with
/// either name would define the name twice, and a component with duplicate names is invalid.
pub(crate) const BUDGET: &str = "fuel-budget";
pub(crate) const REMAINING: &str = "fuel-left";
/// Names of the core module with the counter, seen from the importing modules, and of the counter in the module.
pub const METER: &str = "costwarden:fuel";
pub const COUNTER: &str = "left";

/// Returns the component with a fuel meter.
///
/// # Errors
/// The component is invalid or contains code that the contract does not allow.
pub(crate) fn metered_component(component: &[u8]) -> Result<Vec<u8>, InvalidPlugin> {
    Validator::new_with_features(FEATURES).validate_all(component).map_err(|error| invalid(&error))?;
    component::add_meter(component).map_err(invalid_plugin)
}

/// Returns a core module with the fuel meter, in the form used inside a component. For tests of the meter.
///
/// # Errors
/// See [`metered_component`].
pub fn metered_module(module: &[u8]) -> Result<Vec<u8>, InvalidPlugin> {
    Validator::new_with_features(FEATURES).validate_all(module).map_err(|error| invalid(&error))?;
    module::add_meter(Parser::new(0), module).map(wasm_encoder::Module::finish).map_err(invalid_plugin)
}

/// Returns true if the import of a component belongs to the meter.
pub(crate) fn is_meter_import(import: &str) -> bool {
    import == BUDGET
}

fn invalid_plugin(error: reencode::Error<InvalidPlugin>) -> InvalidPlugin {
    match error {
        reencode::Error::UserError(error) => error,
        reencode::Error::ParseError(error) => invalid(&error),
        other => invalid(&other),
    }
}

fn invalid(error: &dyn std::error::Error) -> InvalidPlugin {
    InvalidPlugin::Invalid(text::error_text(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metered_text(text: &str) -> Result<Vec<u8>, String> {
        metered_component(&wat::parse_str(text).expect("text")).map_err(|error| error.to_string())
    }

    fn is_valid(component: &[u8]) -> bool {
        Validator::new_with_features(FEATURES).validate_all(component).is_ok()
    }

    #[test]
    fn indices_still_refer_to_the_same_items() {
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
    fn a_plugin_cannot_replace_the_meter() {
        let import = r#"(component (core module (import "costwarden:fuel" "left" (global (mut i64)))))"#;
        assert!(metered_text(import).expect_err("refused").starts_with("imports `costwarden:fuel`"));
        for duplicate in [
            r#"(component (import "fuel-budget" (func (result s64))))"#,
            r#"(component (import "host" (func $f (result s64))) (export "fuel-left" (func $f)))"#,
        ] {
            assert!(!is_valid(&metered_text(duplicate).expect("metered")), "{duplicate}");
        }
    }

    #[test]
    fn all_source_files_of_the_meter_are_listed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = std::fs::read_dir(folder.join("meter")).expect("the folder").map(|file| file.expect("read").path());
        let mut sources: Vec<_> = files
            .chain([folder.join("meter.rs")])
            .map(|file| std::fs::read_to_string(file).expect("a source"))
            .collect();
        sources.sort_unstable();
        let mut listed = SOURCES;
        listed.sort_unstable();
        assert!(
            sources == listed,
            "a file of the meter is missing in SOURCES, or this program is older than the files"
        );
    }

    #[test]
    fn code_with_other_features_is_refused() {
        for (text, feature) in [
            ("(component (core module (memory i64 1)))", "memory64"),
            ("(component (core module (memory 1) (memory 1)))", "multiple memories"),
            ("(component (core module (func $f (return_call $f))))", "tail calls"),
            ("(component (core module (memory 1 1 shared)))", "threads"),
            ("(component (core module (func (drop (ref.i31 (i32.const 1))))))", "gc"),
        ] {
            let refused = metered_text(text).expect_err("refused");
            assert!(refused.contains(feature), "{feature}: {refused}");
        }
    }
}
