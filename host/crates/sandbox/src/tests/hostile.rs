//! Tests with plugins in forms that no SDK produces, written in WebAssembly text: unloadable files, and behaviour that
//! only hand-written code has.

use std::fs;

use model::series::Window;
use text_plugin::{ONE_VERDICT, Plugin};

use super::{Artifact, Batching, Detector, Grants, Limits, context, sandbox, series};
use crate::run::time_account::TimeAccount;

/// A plugin in the sandbox.
trait Sandboxed {
    fn load(&self) -> Result<Detector, String>;
    /// Reiterations the failure of a fit of a single series.
    fn fails(&self, limits: Limits) -> String;
}

impl Sandboxed for Plugin<'_> {
    fn load(&self) -> Result<Detector, String> {
        load(&self.core(), Limits::default())
    }

    fn fails(&self, limits: Limits) -> String {
        let detector = load(&self.core(), limits).expect("loads");
        let outcome = detector.fit(&context("{}"), &[series("d/p/s", 5)]);
        outcome.results.into_iter().next().expect("one result").expect_err("fails").to_string()
    }
}

fn load(bytes: &[u8], limits: Limits) -> Result<Detector, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("hostile.wasm");
    fs::write(&path, bytes).expect("written");
    let loaded = Artifact::read(&path, limits.module_bytes).map_err(|error| error.to_string()).and_then(|artifact| {
        sandbox(limits).load("hostile", &artifact, &Grants::default()).map_err(|error| error.to_string())
    });
    loaded.map_err(|error| error.replace(&directory.path().display().to_string(), "plugins"))
}

fn refused(bytes: &[u8]) -> String {
    load(bytes, Limits::default()).err().expect("does not load")
}

#[test]
fn other_files_are_refused_with_the_expected_format() {
    let core = Plugin::default().core();
    insta::assert_snapshot!(refused(b""), @"plugins/hostile.wasm: empty, expected a .wasm core module or component built for costwarden:detector@1");
    insta::assert_snapshot!(refused(b"\x7fELF and so on"), @"plugins/hostile.wasm: machine code, expected a .wasm core module or component built for costwarden:detector@1: the host compiles plugins itself");
    insta::assert_snapshot!(refused(b"\n(module)"), @"plugins/hostile.wasm: WebAssembly text, expected a .wasm core module or component built for costwarden:detector@1: convert the file with `wasm-tools parse`");
    insta::assert_snapshot!(refused(&core[..4]), @"plugins/hostile.wasm: not WebAssembly, expected a .wasm core module or component built for costwarden:detector@1");
    insta::assert_snapshot!(refused(&core[..core.len() / 2]), @"plugins/hostile.wasm: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: unexpected end-of-file (at offset 0x153)");
    insta::assert_snapshot!(refused(b"\0asm\x0d\0\x01\0garbage"), @"plugins/hostile.wasm: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: unexpected end-of-file (at offset 0xa)");
    insta::assert_snapshot!(refused(b"\0asm\x01\0\0\0"), @"plugins/hostile.wasm: does not export `costwarden:detector/detector`: build the plugin for the contract costwarden:detector@1.0.0");
    insta::assert_snapshot!(load(&core, Limits { module_bytes: 100, ..Limits::default() }).err().expect("too large"), @"plugins/hostile.wasm: larger than 100 bytes (plugins.limits.module_bytes)");
}

#[test]
fn the_world_section_of_a_module_is_not_read() {
    let mut core = Plugin::default().core();
    let section = b"\x13component-type:worldgarbage";
    core.extend([0, section.len() as u8]);
    core.extend(section);
    assert!(load(&core, Limits::default()).is_ok());
}

#[test]
fn damaged_bytes_do_not_stop_the_host() {
    let core = Plugin::default().core();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let mut damaged = core.clone();
        for _ in 0..random.usize(1..4) {
            let index = random.usize(8..damaged.len());
            damaged[index] = random.u8(..);
        }
        // The load may succeed or fail, but it must return.
        let _ = load(&damaged, Limits { describe_fuel: 10_000, ..Limits::default() });
    }
}

/// The limit on output refuses the reason. With a higher limit on output, the limit on reasons refuses it.
#[test]
fn a_reason_of_100_mb_is_refused() {
    let judge = "(i32.store (i32.const 16424) (i32.const 1048576)) (i32.store (i32.const 16428) (i32.const 104857600))
        (call $verdicts (local.get 7) (i32.const 1))";
    let plugin = Plugin { judge, memory: "1700", ..Plugin::default() };
    let judged = |limits: Limits| {
        let detector = load(&plugin.core(), limits).expect("loads");
        let window = Window { series: series("d/p/s", 5), state: Vec::new(), judge_from: 0 };
        let outcome = detector.judge(&context("{}"), &[window]);
        outcome.results.into_iter().next().expect("one result").expect_err("fails").to_string()
    };
    insta::assert_snapshot!(judged(Limits::default()), @"plugin `hostile`, rule `watch`, series `d/p/s`: returned or passed more than 33554432 bytes in one call (plugins.limits.output_bytes)");
    insta::assert_snapshot!(judged(Limits { output_bytes: 200 << 20, call_seconds: 100, ..Limits::default() }), @"plugin `hostile`, rule `watch`, series `d/p/s`: returned a reason of 104857600 bytes, more than 1024 (plugins.limits.reason_bytes)");
}

#[test]
fn other_paths_than_files_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let fault =
        |name: &str| Artifact::read(&directory.path().join(name), u64::MAX).expect_err("not read").fault.to_string();
    insta::assert_snapshot!(fault("absent.wasm"), @"cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(fault(""), @"not a regular file, expected a .wasm core module or component built for costwarden:detector@1");
}

#[test]
fn imports_without_a_grant_are_refused() {
    let with = |imports: &str| Plugin { imports, ..Plugin::default() }.load().err().expect("refused");
    let preview1 = r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#;
    insta::assert_snapshot!(with(preview1), @"plugins/hostile.wasm: imports `wasi_snapshot_preview1`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI");
    insta::assert_snapshot!(with(r#"(import "env" "now" (func))"#), @"plugins/hostile.wasm: imports `env`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI");
    let glue = r#"(import "__wbindgen_placeholder__" "__wbindgen_throw" (func (param i32 i32)))"#;
    insta::assert_snapshot!(with(glue), @"plugins/hostile.wasm: imports `__wbindgen_placeholder__`, the glue of wasm-bindgen to JavaScript, and a plugin runs without JavaScript: build with plain cargo and costwarden-sdk, without wasm-bindgen; `cargo tree --target wasm32-unknown-unknown --invert wasm-bindgen` names the crate that needs wasm-bindgen");
    let reference = Plugin {
        imports: r#"(import "costwarden:detector/reference@1.0.0" "read" (func (param i32 i32 i32)))"#,
        ..Plugin::default()
    };
    insta::assert_snapshot!(reference.load().err().expect("refused"), @r#"plugins/hostile.wasm: reads reference data, but the config grants none: add `reference = "DIRECTORY"` under `[plugins.grants.hostile]`"#);

    let wasi = wat::parse_str(r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#).expect("right");
    insta::assert_snapshot!(refused(&wasi), @"plugins/hostile.wasm: imports `wasi:cli/environment@0.2.0`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI");
    let nothing = wat::parse_str("(component)").expect("right");
    insta::assert_snapshot!(refused(&nothing), @"plugins/hostile.wasm: does not export `costwarden:detector/detector`: build the plugin for the contract costwarden:detector@1.0.0");
}

#[test]
fn another_contract_is_refused() {
    insta::assert_snapshot!(Plugin { version: "2.0.0", ..Plugin::default() }.load().err().expect("refused"), @"plugins/hostile.wasm: built for the contract costwarden:detector@2.0.0, but this host supports 1.0.0: build the plugin with an SDK for 1.0.0, or update costwarden");
    assert!(Plugin { version: "1.0.1", ..Plugin::default() }.load().is_ok(), "a compatible version loads");
    let other = wat::parse_str(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $d (export "describe" (func $f)))
            (export "costwarden:detector/detector@1.0.0" (instance $d)))"#,
    );
    insta::assert_snapshot!(refused(&other.expect("right")), @"plugins/hostile.wasm: does not match the contract costwarden:detector@1.0.0: instance export `costwarden:detector/detector@1.0.0` does not have export `check-settings`");
}

/// The fuel would last for hours.
#[test]
fn a_clock_ends_a_call() {
    let endless = Plugin { fit: "(loop (br 0)) (i32.const 8)", ..Plugin::default() };
    let limits = Limits { fuel_per_call: 1 << 50, call_seconds: 1, ..Limits::default() };
    insta::assert_snapshot!(endless.fails(limits), @"plugin `hostile`, rule `watch`, series `d/p/s`: ran longer than 1 seconds (plugins.limits.call_seconds)");
}

/// Each call of a hostile plugin may stay below the clock of a call.
#[test]
fn all_calls_share_an_account_of_time() {
    let mut detector = Plugin::default().load().expect("loads");
    detector.plugin.time = TimeAccount::new(0);
    let outcome = detector.fit(&context("{}"), &[series("d/p/s", 5)]);
    let failure = outcome.results.into_iter().next().expect("one result").expect_err("fails");
    insta::assert_snapshot!(failure, @"plugin `hostile`, rule `watch`, series `d/p/s`: used 12 seconds of processor time more than the fuel, the data and the number of its calls allow (plugins.limits.call_seconds)");
    assert!(failure.is_transient());
}

#[test]
fn an_invalid_manifest_is_refused() {
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(40), "]".repeat(40));
    insta::assert_snapshot!(Plugin { schema: &deep, ..Plugin::default() }.load().err().expect("refused"), @"plugins/hostile.wasm: `describe` returned a settings schema that is JSON with more than 32 levels");
    insta::assert_snapshot!(Plugin { schema: "[1]", ..Plugin::default() }.load().err().expect("refused"), @"plugins/hostile.wasm: `describe` returned a settings schema that is not a JSON object: invalid type: sequence, expected a map at line 1 column 0");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("other.wasm");
    fs::write(&path, Plugin::default().core()).expect("written");
    let artifact = Artifact::read(&path, u64::MAX).expect("read");
    let loaded = sandbox(Limits::default()).load("other", &artifact, &Grants::default());
    insta::assert_snapshot!(loaded.err().expect("refused").fault, @"declares the name `hostile`, but the rules use `other`: use `hostile` as the name of the file and as `detector` in the rules");
    let summary = Plugin { summary: "\u{1b}[31mred\nline", ..Plugin::default() };
    assert_eq!(summary.load().expect("loads").manifest.summary, " [31mred line");
}

#[test]
fn limits_apply_to_instantiation() {
    let hang = "(func $hang (loop (br 0))) (start $hang)";
    insta::assert_snapshot!(Plugin { fields: hang, ..Plugin::default() }.load().err().expect("refused"), @"plugins/hostile.wasm: `describe` failed: used up its fuel of 100000000 (plugins.limits.describe_fuel = 100000000)");
    let trap = "(func $trap unreachable) (start $trap)";
    insta::assert_snapshot!(Plugin { fields: trap, ..Plugin::default() }.load().err().expect("refused"), @"plugins/hostile.wasm: `describe` failed: trapped: wasm `unreachable` instruction executed");
    let large = Plugin { memory: "10000", ..Plugin::default() };
    insta::assert_snapshot!(large.load().err().expect("refused"), @"plugins/hostile.wasm: `describe` failed: needs more memory than 268435456 bytes (plugins.limits.memory_bytes)");
    insta::assert_snapshot!(Plugin { fields: "(table 1000000 funcref)", ..Plugin::default() }.load().err().expect("refused"), @"plugins/hostile.wasm: `describe` failed: needs larger tables than 100000 elements (plugins.limits.table_elements)");
    let tables = "(table 1 funcref)".repeat(20);
    insta::assert_snapshot!(Plugin { fields: &tables, ..Plugin::default() }.load().err().expect("refused"), @"plugins/hostile.wasm: `describe` failed: has 20 tables, more than 16 (plugins.limits.tables)");
    insta::assert_snapshot!(Plugin { fields: "(memory 1)", ..Plugin::default() }.load().err().expect("refused"), @"plugins/hostile.wasm: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: multiple memories (at offset 0x3c)");
}

#[test]
fn code_that_no_compiler_makes_is_contained() {
    let fit = |fit: &str| Plugin { fit, ..Plugin::default() }.fails(Limits::default());
    insta::assert_snapshot!(fit("unreachable"), @"plugin `hostile`, rule `watch`, series `d/p/s`: trapped: wasm `unreachable` instruction executed");
    insta::assert_snapshot!(fit("(i32.div_u (i32.const 1) (i32.const 0))"), @"plugin `hostile`, rule `watch`, series `d/p/s`: trapped: integer divide by zero");
    insta::assert_snapshot!(fit("(i32.load (i32.const -8))"), @"plugin `hostile`, rule `watch`, series `d/p/s`: trapped: out of bounds memory access");
    insta::assert_snapshot!(fit("(call $fit (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7))"), @"plugin `hostile`, rule `watch`, series `d/p/s`: needs a deeper stack than 524288 bytes (plugins.limits.stack_bytes)");
    // An empty list instead of a result, a list outside the memory, and a result pointer without alignment.
    insta::assert_snapshot!(fit("(i32.const 8)"), @"plugin `hostile`, rule `watch`, series `d/p/s`: returned 0 results for 1 series");
    insta::assert_snapshot!(fit("(i64.store (i32.const 8) (i64.const -1)) (i32.const 8)"), @"plugin `hostile`, rule `watch`, series `d/p/s`: trapped: list pointer/length out of bounds of memory");
    insta::assert_snapshot!(fit("(i32.const 9)"), @"plugin `hostile`, rule `watch`, series `d/p/s`: trapped: return pointer not aligned");
    // A refusal with text that is not UTF-8.
    insta::assert_snapshot!(fit("
        (i32.store (i32.const 1024) (i32.const 1032)) (i32.store (i32.const 1028) (i32.const 1))
        (i32.store8 (i32.const 1032) (i32.const 1)) (i32.store8 (i32.const 1036) (i32.const 1))
        (i32.store (i32.const 1040) (i32.const 2000)) (i32.store (i32.const 1044) (i32.const 1))
        (i32.store8 (i32.const 2000) (i32.const 255)) (i32.const 1024)"), @"plugin `hostile`, rule `watch`, series `d/p/s`: trapped: invalid utf-8 sequence of 1 bytes from index 0");
    // Repeated fills of the memory: a single instruction each time.
    insta::assert_snapshot!(fit("(loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 131072)) (br 0)) (i32.const 8)"), @"plugin `hostile`, rule `watch`, series `d/p/s`: used up its fuel of 70000000 (plugins.limits.fit_fuel_per_series = 20000000)");
    // Repeated growth, denied each time.
    insta::assert_snapshot!(fit("(loop (drop (memory.grow (i32.const 65535))) (br 0)) (i32.const 8)"), @"plugin `hostile`, rule `watch`, series `d/p/s`: used up its fuel of 70000000 (plugins.limits.fit_fuel_per_series = 20000000)");
    let table = Plugin {
        fields: "(table $t 1 funcref)",
        fit: "(if (i32.eq (table.grow $t (ref.null func) (i32.const 1000000)) (i32.const -1)) (then unreachable)) (i32.const 8)",
        ..Plugin::default()
    };
    insta::assert_snapshot!(table.fails(Limits::default()), @"plugin `hostile`, rule `watch`, series `d/p/s`: needs larger tables than 100000 elements (plugins.limits.table_elements)");
}

/// No call sees an earlier call's writes to memory or globals: neither an individual call for a series of the same
/// batch, nor another batch, nor the other function.
#[test]
fn calls_share_no_memory() {
    let check = "(if (i32.load (i32.const 60000)) (then unreachable)) (i32.store (i32.const 60000) (i32.const 1)) \
        (if (global.get $was_called) (then unreachable)) (global.set $was_called (i32.const 1))";
    let plugin = Plugin {
        fields: "(global $was_called (mut i32) (i32.const 0))",
        fit: &format!("{check} (call $fits (local.get 7))"),
        judge: &format!("{check} {ONE_VERDICT}"),
        ..Plugin::default()
    };
    let mut detector = plugin.load().expect("loads");
    detector.batching = Batching { series: 1, threads: 1 };
    let history: Vec<_> = (0..20).map(|i| series(&format!("d/p/{i}"), 1)).collect();
    let windows: Vec<_> =
        history.iter().map(|series| Window { series: series.clone(), state: Vec::new(), judge_from: 0 }).collect();
    for _ in 0..2 {
        assert!(detector.fit(&context("{}"), &history).results.iter().all(Result::is_ok));
        let judged = detector.judge(&context("{}"), &windows).results;
        assert!(
            judged.iter().all(|verdicts| verdicts.as_ref().is_ok_and(|verdicts| verdicts.len() == 1)),
            "{judged:?}"
        );
    }
}

#[test]
fn a_group_is_a_single_call() {
    let plugin = Plugin { is_group: true, fit: "unreachable", ..Plugin::default() };
    let mut detector = plugin.load().expect("loads");
    detector.batching.series = 2;
    let group: Vec<_> = ["a", "b", "c"].iter().map(|id| series(id, 5)).collect();
    let outcome = detector.fit(&context("{}"), &group);
    assert_eq!((outcome.usage.batches, outcome.usage.retried), (1, 0));
    let messages: Vec<_> =
        outcome.results.iter().map(|result| result.as_ref().expect_err("fails").to_string()).collect();
    insta::assert_snapshot!(messages[2], @"plugin `hostile`, rule `watch`, series `c`: trapped: wasm `unreachable` instruction executed");
    assert_eq!(messages.len(), 3);
}

#[test]
fn calls_of_imports_have_limits() {
    let log = |fit: &str, limits: Limits| {
        let imports = r#"(import "costwarden:detector/log@1.0.0" "emit" (func $emit (param i32 i32 i32)))"#;
        Plugin { imports, fit, memory: "32", ..Plugin::default() }.fails(limits)
    };
    let endless = "(loop (call $emit (i32.const 1) (i32.const 1048576) (i32.const 1048576)) (br 0)) (i32.const 8)";
    insta::assert_snapshot!(log(endless, Limits::default()), @"plugin `hostile`, rule `watch`, series `d/p/s`: used up its fuel of 70000000 (plugins.limits.fit_fuel_per_series = 20000000)");
    insta::assert_snapshot!(log(endless, Limits { output_bytes: 1_000_000, ..Limits::default() }), @"plugin `hostile`, rule `watch`, series `d/p/s`: returned or passed more than 1000000 bytes in one call (plugins.limits.output_bytes)");
    let outside = "(call $emit (i32.const 1) (i32.const 2097152) (i32.const 1)) (i32.const 8)";
    insta::assert_snapshot!(log(outside, Limits::default()), @"plugin `hostile`, rule `watch`, series `d/p/s`: trapped: string pointer/length out of bounds of memory");
    let level = "(call $emit (i32.const 9) (i32.const 0) (i32.const 1)) (i32.const 8)";
    insta::assert_snapshot!(log(level, Limits::default()), @"plugin `hostile`, rule `watch`, series `d/p/s`: trapped: unexpected discriminant: 9");
}

/// Reiterations the fuel used by a fit that counts down from `iterations` and then runs `end`.
fn fuel_used(iterations: u32, end: &str) -> u64 {
    let fit = format!(
        "(local.set 0 (i32.const {iterations}))
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) {end}"
    );
    let plugin = Plugin { fit: &fit, ..Plugin::default() };
    let outcome = plugin.load().expect("loads").fit(&context("{}"), &[series("d/p/s", 5)]);
    assert_eq!(outcome.results[0].is_ok(), end.contains("$fits"), "{:?}", outcome.results);
    outcome.usage.fuel
}

#[test]
fn every_instruction_of_a_loop_costs_fuel() {
    for end in ["(call $fits (local.get 7))", "unreachable"] {
        assert_eq!(fuel_used(3_000, end) - fuel_used(1_000, end), 2_000 * 5, "{end}");
    }
    // The place of this trap is unknown, so the whole budget counts.
    assert_eq!(fuel_used(1_000, "(i32.div_u (i32.const 1) (i32.const 0))"), 70_000_000);
}

/// Calls without a loop: each function calls the next function twice.
#[test]
fn a_tree_of_calls_runs_out_of_fuel() {
    let tree: String = (0..64).map(|i| format!("(func $f{i} (call $f{next}) (call $f{next}))", next = i + 1)).collect();
    let fields = format!("{tree} (func $f64)");
    let plugin = Plugin { fields: &fields, fit: "(call $f0) (i32.const 8)", ..Plugin::default() };
    insta::assert_snapshot!(plugin.fails(Limits::default()), @"plugin `hostile`, rule `watch`, series `d/p/s`: used up its fuel of 70000000 (plugins.limits.fit_fuel_per_series = 20000000)");
}
