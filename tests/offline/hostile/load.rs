//! Refused files: wrong formats, forbidden imports, and expensive instantiation.

use super::artefact::{Artefact, refused, spread};
use super::component::{component, nested, with_component, with_copies, with_handles, with_module};
use costwarden_tests::is_compiled_code;
use costwarden_tests::three_services::{daily, workdir, workdir_with_history};
use text_plugin::Plugin;

const LOG: &str = "costwarden:detector/log@1.0.0";

pub(crate) fn artefacts() -> Vec<Artefact> {
    let whole = Plugin::default().core();
    let mut oversized = whole.clone();
    oversized.resize(8_000_001, 0);
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0x55;
    let fields = |name, fields: &str| Artefact::plugin(name, &Plugin { fields, ..Plugin::default() });
    let imports = |name, imports: &str| Artefact::plugin(name, &Plugin { imports, ..Plugin::default() });
    let memory = |name, memory: &str| Artefact::plugin(name, &Plugin { memory, ..Plugin::default() });
    let text = |name, text: &str| Artefact::new(name, wat::parse_str(text).expect("the text is right"));
    let edited = |name, from: &str, to: &str| {
        Artefact::new(name, replaced(&Plugin { name, ..Plugin::default() }.core(), from, to))
    };
    vec![
        // Other things than plugins.
        Artefact::new("nothing", []),
        Artefact::new("garbage", *b"GIF89a and so on"),
        Artefact::new("text", *b" (module)"),
        Artefact::new("truncated", &whole[..whole.len() / 2]),
        Artefact::new("header", &whole[..8]),
        Artefact::new("component-header", *b"\0asm\x0d\0\x01\0"),
        Artefact::new("component-garbage", *b"\0asm\x0d\0\x01\0garbage"),
        Artefact::new("oversized", oversized),
        Artefact::new("damaged", damaged),
        imports("endless-import", &format!("(import \"{}\" \"f\" (func))", "e".repeat(90_000))),
        // Features that are switched off.
        memory("memory64", "i64 2"),
        memory("shared-memory", "2 2 shared"),
        fields("two-memories", "(memory 1)"),
        fields("tail-call", "(func $t (return_call $t))"),
        fields("exception", "(tag $t) (func (throw $t))"),
        fields("garbage-collected", "(type $s (struct (field i32)))"),
        fields("relaxed-simd", "(func (param v128 v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))"),
        // Imports and exports.
        imports("wasi", r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#),
        text("wasi-component", r#"(component (import "wasi:filesystem/types@0.2.0" (instance)))"#),
        imports("extra-import", r#"(import "env" "system" (func (param i32) (result i32)))"#),
        text("imported-memory", r#"(module (import "env" "memory" (memory 1)) (export "memory" (memory 0)))"#),
        imports("mistyped-import", &format!(r#"(import "{LOG}" "emit" (func (param i64)))"#)),
        imports("unknown-function", &format!(r#"(import "{LOG}" "read" (func))"#)),
        imports("ungranted", r#"(import "costwarden:detector/reference@1.0.0" "read" (func (param i32 i32 i32)))"#),
        text(
            "mistyped-exports",
            r#"(module (memory (export "memory") 1) (func (export "costwarden:detector/detector@1.0.0#fit")))"#,
        ),
        edited("without-memory", "\x06memory\x02", "\x06memorx\x02"),
        edited("another-name", "another-name", "somebody-els"),
        // What it says of itself.
        Artefact::plugin("no-schema", &Plugin { schema: "[1]", ..Plugin::default() }),
        Artefact::plugin(
            "endless-name",
            &Plugin {
                describe: "(i32.store (i32.const 20) (i32.const 100000000)) (i32.const 16)",
                ..Plugin::default()
            },
        ),
        Artefact::plugin(
            "large-summary",
            &Plugin {
                describe: "(i32.store (i32.const 36) (i32.const 2000000)) (i32.const 16)",
                memory: "100",
                ..Plugin::default()
            },
        ),
        // What it takes to start up.
        memory("large-memory", "10000"),
        Artefact::new(
            "two-halves",
            with_module(
                component(&Plugin { name: "two-halves", memory: "130", ..Plugin::default() }),
                "(module (memory 130))",
            ),
        ),
        fields("large-table", "(table 1000000 funcref)"),
        fields("many-tables", &"(table 1 funcref)".repeat(20)),
        Artefact::new(
            "many-modules",
            (0..70).fold(component(&Plugin { name: "many-modules", ..Plugin::default() }), |component, _| {
                with_module(component, "(module)")
            }),
        ),
        fields("many-globals", &"(global i64 (i64.const 7))".repeat(500_000)),
        Artefact::new(
            "elements-over-elements",
            over_and_over(&format!("(elem (global.get $at) func {})", "$f ".repeat(5_000))),
        ),
        Artefact::new(
            "data-over-data",
            over_and_over(&format!("(data (global.get $at) \"{}\")", "x".repeat(1_000_000))),
        ),
        Artefact::new(
            "handles",
            with_handles(
                component(&Plugin { name: "handles", ..Plugin::default() }),
                r#"(module (import "handles" "new" (func $new (param i32) (result i32)))
                    (func $start (loop (drop (call $new (i32.const 1))) (br 0))) (start $start))"#,
            ),
        ),
        fields("data-outside", r#"(data (i32.const 131072) "x")"#),
        fields("start-traps", "(func $start unreachable) (start $start)"),
        fields("loop-in-start", "(func $start (loop (br 0))) (start $start)"),
        Artefact::plugin("loop-in-describe", &Plugin { describe: "(loop (br 0)) (i32.const 16)", ..Plugin::default() }),
        // Types and components in each other.
        text("deep-types", &format!("(component {})", deep_types(200))),
        Artefact::new("joined", with_component(component(&Plugin::default()), &component(&Plugin::default()))),
        Artefact::new("nested", nested(2_000)),
    ]
}

/// Sixty modules overwrite each other's memory before the first instruction, at an address unknown to the compiler.
fn over_and_over(writes: &str) -> Vec<u8> {
    let first = r#"(module (global (export "at") i32 (i32.const 0)) (memory (export "memory") 16)
        (table (export "table") 50000 funcref))"#;
    let other = format!(
        r#"(module (import "first" "at" (global $at i32)) (import "first" "memory" (memory 16))
            (import "first" "table" (table 50000 funcref)) (func $f) {})"#,
        writes.repeat(5)
    );
    with_copies(component(&Plugin::default()), first, &other, 60)
}

/// Lists of lists, nested to the given depth.
fn deep_types(depth: usize) -> String {
    let list = |inner: usize| format!("(type $t{} (list $t{inner}))", inner + 1);
    (0..depth).fold("(type $t0 (list u8))".to_owned(), |types, inner| types + &list(inner))
}

/// Replaces a name by a name of the same length.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("it is in there");
    [&bytes[..at], to.as_bytes(), &bytes[at + to.len()..]].concat()
}

#[test]
fn unloadable_files_are_refused() {
    let workdir = workdir();
    let artefacts = artefacts();
    spread(&workdir, &artefacts, "");
    insta::assert_snapshot!(refused(&workdir, &artefacts), @r#"
    nothing: empty, expected a .wasm core module or component built for costwarden:detector@1
    garbage: not WebAssembly, expected a .wasm core module or component built for costwarden:detector@1
    text: WebAssembly text, expected a .wasm core module or component built for costwarden:detector@1: convert the file with `wasm-tools parse`
    truncated: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: unexpected end-of-file (at offset 0x153)
    header: does not export `costwarden:detector/detector`: build the plugin for the contract costwarden:detector@1.0.0
    component-header: does not export `costwarden:detector/detector`: build the plugin for the contract costwarden:detector@1.0.0
    component-garbage: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: unexpected end-of-file (at offset 0xa)
    oversized: larger than 8000000 bytes (plugins.limits.module_bytes)
    damaged: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: type mismatch: expected i64 but nothing on stack (at offset 0x186)
    endless-import: imports `eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee…`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI
    memory64: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: memory64 must be enabled for 64-bit memories (at offset 0x3d)
    shared-memory: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: threads must be enabled for shared memories (at offset 0x3d)
    two-memories: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: multiple memories (at offset 0x3c)
    tail-call: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: tail calls support is not enabled (at offset 0x1b9)
    exception: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: exceptions proposal not enabled (at offset 0x45)
    garbage-collected: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: cannot define struct types when gc types are disabled (at offset 0xb)
    relaxed-simd: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: relaxed SIMD support is not enabled (at offset 0x1bf)
    wasi: imports `wasi_snapshot_preview1`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI
    wasi-component: imports `wasi:filesystem/types@0.2.0`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI
    extra-import: imports `env`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI
    imported-memory: imports `env`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI
    mistyped-import: does not match the contract costwarden:detector@1.0.0: failed to decode world from module: module was not valid: failed to resolve import `costwarden:detector/log@1.0.0::emit`: failed to validate import interface `costwarden:detector/log@1.0.0`: type mismatch for function `emit`: expected `[I32, I32, I32] -> []` but found `[I64] -> []`
    unknown-function: does not match the contract costwarden:detector@1.0.0: failed to decode world from module: module was not valid: failed to resolve import `costwarden:detector/log@1.0.0::read`: import interface `costwarden:detector/log@1.0.0` is missing function `read` that is required by the module
    ungranted: reads reference data, but the config grants none: add `reference = "DIRECTORY"` under `[plugins.grants.ungranted]`
    mistyped-exports: does not match the contract costwarden:detector@1.0.0: failed to decode world from module: module was not valid: failed to classify export `costwarden:detector/detector@1.0.0#fit`: failed to validate export for `costwarden:detector/detector@1.0.0`: type mismatch for function `fit`: expected `[I32, I32, I32, I32, I32, I32, I32, I32] -> [I32]` but found `[] -> []`
    without-memory: does not match the contract costwarden:detector@1.0.0: module does not export a memory named `memory`
    another-name: declares the name `somebody-els`, but the rules use `another-name`: use `somebody-els` as the name of the file and as `detector` in the rules
    no-schema: `describe` returned a settings schema that is not a JSON object: invalid type: sequence, expected a map at line 1 column 0
    endless-name: `describe` failed: trapped: string pointer/length out of bounds of memory
    large-summary: `describe` failed: returned or passed more than 1048576 bytes in one call (plugins.limits.output_bytes)
    large-memory: `describe` failed: used up its fuel of 2000000 (plugins.limits.describe_fuel = 2000000)
    two-halves: `describe` failed: needs more memory than 16777216 bytes (plugins.limits.memory_bytes)
    large-table: `describe` failed: needs larger tables than 100000 elements (plugins.limits.table_elements)
    many-tables: `describe` failed: has 20 tables, more than 16 (plugins.limits.tables)
    many-modules: `describe` failed: has 65 instances, more than 64 (plugins.limits.instances)
    many-globals: needs more than 4194304 bytes in each instance for globals and functions, a fixed limit: build the plugin with fewer globals and functions
    elements-over-elements: `describe` failed: used up its fuel of 2000000 (plugins.limits.describe_fuel = 2000000)
    data-over-data: `describe` failed: used up its fuel of 2000000 (plugins.limits.describe_fuel = 2000000)
    handles: `describe` failed: trapped: cannot allocate another handle: store handle limit exceeded
    data-outside: `describe` failed: trapped: out of bounds memory access
    start-traps: `describe` failed: trapped: wasm `unreachable` instruction executed
    loop-in-start: `describe` failed: used up its fuel of 2000000 (plugins.limits.describe_fuel = 2000000)
    loop-in-describe: `describe` failed: used up its fuel of 2000000 (plugins.limits.describe_fuel = 2000000)
    deep-types: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: type nesting is too deep (at offset 0xf5)
    joined: contains several components with code, expected one component: link the code as core modules
    nested: does not export `costwarden:detector/detector`: build the plugin for the contract costwarden:detector@1.0.0
    "#);
}

/// Precompiled code from the cache of the same host, presented as a plugin.
#[test]
fn machine_code_is_no_plugin() {
    let workdir = workdir_with_history();
    let entries = std::fs::read_dir(workdir.path().join("state/compiled")).expect("the cache");
    let mut entries = entries.map(|entry| entry.expect("read").path());
    let entry = std::fs::read(entries.find(|entry| is_compiled_code(entry)).expect("an entry")).expect("read");
    let code = entry.windows(4).position(|window| window == b"\x7fELF").expect("machine code");
    let artefacts = [Artefact::new("cache-entry", &entry[..]), Artefact::new("machine-code", &entry[code..])];
    spread(&workdir, &artefacts, "");
    insta::assert_snapshot!(refused(&workdir, &artefacts), @"
    cache-entry: not WebAssembly, expected a .wasm core module or component built for costwarden:detector@1
    machine-code: machine code, expected a .wasm core module or component built for costwarden:detector@1: the host compiles plugins itself
    ");
    assert_eq!(daily(&workdir).0, 1, "the healthy rule runs");
}
