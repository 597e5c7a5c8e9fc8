//! Plugins as no SDK makes them, written as WebAssembly text: what cannot be loaded, and what only hand-written code
//! can do.

use std::fs;

use wit_component::StringEncoding;
use wit_component::metadata::Bindgen;

use super::{Detector, Grants, Limits, call, sandbox, series};

/// A core module for the contract that does nothing, and where it may do worse.
pub(super) struct Plugin<'a> {
    pub(super) version: &'a str,
    pub(super) world: &'a str,
    pub(super) summary: &'a str,
    pub(super) schema: &'a str,
    /// Imports, which text format wants first.
    pub(super) imports: &'a str,
    /// More fields of the module.
    pub(super) fields: &'a str,
    /// Instructions of `fit`, which leave the address of a list: address 8 is an empty one.
    pub(super) fit: &'a str,
    pub(super) memory_pages: u32,
}

impl Default for Plugin<'_> {
    fn default() -> Self {
        Self {
            version: "1.0.0",
            world: "plugin",
            summary: "does nothing",
            schema: "{}",
            imports: "",
            fields: "",
            fit: "i32.const 8",
            memory_pages: 2,
        }
    }
}

impl Plugin<'_> {
    /// The module's bytes, with the section that says which world it is built for.
    pub(super) fn core(&self) -> Vec<u8> {
        let mut core = self.bare();
        let wit = include_str!("../../../../plugin-sdk/wit/detector.wit")
            .replace("costwarden:detector@1.0.0", &format!("costwarden:detector@{}", self.version));
        let mut contract = Bindgen::default().resolve;
        let package = contract.push_str("detector.wit", &wit).expect("the contract");
        let world = contract.select_world(&[package], Some(self.world)).expect("its world");
        wit_component::embed_component_metadata(&mut core, &contract, world, StringEncoding::UTF8).expect("embedded");
        core
    }

    /// The module's bytes, as any compiler would leave them.
    pub(super) fn bare(&self) -> Vec<u8> {
        let Self { version, imports, fields, fit, memory_pages, .. } = self;
        let texts = ["hostile", "0.0.1", self.summary, self.schema];
        // The manifest at address 16: four texts as address and length, min-points, scope. The texts lie from 256 on.
        let (mut record, mut data, mut address) = (Vec::new(), String::new(), 256_u32);
        for text in texts {
            record.extend(address.to_le_bytes());
            record.extend((text.len() as u32).to_le_bytes());
            data += text;
            address += text.len() as u32;
        }
        record.extend(1_u32.to_le_bytes());
        record.push(0);
        let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let (record, data) = (escaped(&record), escaped(data.as_bytes()));
        let text = format!(
            r#"(module
                {imports}
                (memory (export "memory") {memory_pages})
                (global $free (mut i32) (i32.const 65536))
                (data (i32.const 16) "{record}")
                (data (i32.const 256) "{data}")
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                    (global.get $free)
                    (global.set $free (i32.add (global.get $free) (local.get 3))))
                (func (export "costwarden:detector/detector@{version}#describe") (result i32) (i32.const 16))
                (func (export "costwarden:detector/detector@{version}#check-settings") (param i32 i32) (result i32)
                    (i32.const 8))
                (func $fit (export "costwarden:detector/detector@{version}#fit")
                    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {fit})
                (func (export "costwarden:detector/detector@{version}#judge")
                    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
                {fields})"#
        );
        wat::parse_str(text).expect("the text is right")
    }

    fn load(&self) -> Result<Detector, String> {
        load(&self.core(), Limits::default())
    }

    /// Why a fit of one series fails.
    fn fit(&self, limits: Limits) -> String {
        let detector = load(&self.core(), limits).expect("loads");
        let outcome = detector.fit(&call("{}"), &[series("d/p/s", 5)]);
        outcome.results.into_iter().next().expect("one result").expect_err("fails").to_string()
    }
}

fn load(bytes: &[u8], limits: Limits) -> Result<Detector, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("hostile.wasm");
    fs::write(&path, bytes).expect("written");
    let loaded = sandbox(limits).load("hostile", &path, &Grants::default());
    loaded.map_err(|error| error.to_string().replace(&directory.path().display().to_string(), "plugins"))
}

fn refused(bytes: &[u8]) -> String {
    load(bytes, Limits::default()).err().expect("does not load")
}

#[test]
fn what_is_no_plugin_is_refused_with_what_was_expected() {
    let core = Plugin::default().core();
    insta::assert_snapshot!(refused(b""), @"");
    insta::assert_snapshot!(refused(b"\x7fELF and so on"), @"");
    insta::assert_snapshot!(refused(b"\n(module)"), @"");
    insta::assert_snapshot!(refused(&core[..4]), @"");
    insta::assert_snapshot!(refused(&core[..core.len() / 2]), @"");
    insta::assert_snapshot!(refused(b"\0asm\x0d\0\x01\0garbage"), @"");
    insta::assert_snapshot!(refused(b"\0asm\x01\0\0\0"), @"");
    insta::assert_snapshot!(refused(&Plugin::default().bare()), @"");
    insta::assert_snapshot!(load(&core, Limits { module_bytes: 100, ..Limits::default() }).err().expect("too large"), @"");
}

#[test]
fn no_bytes_bring_the_host_down() {
    let core = Plugin::default().core();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let mut damaged = core.clone();
        for _ in 0..random.usize(1..4) {
            let place = random.usize(8..damaged.len());
            damaged[place] = random.u8(..);
        }
        // Loads or does not: it comes back.
        let _ = load(&damaged, Limits { describe_fuel: 10_000, ..Limits::default() });
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let fault = |name: &str| {
        let loaded = sandbox(Limits::default()).load("hostile", &directory.path().join(name), &Grants::default());
        loaded.err().expect("does not load").fault.to_string()
    };
    insta::assert_snapshot!(fault("absent.wasm"), @"");
    insta::assert_snapshot!(fault(""), @"");
}

#[test]
fn what_is_not_granted_is_refused() {
    let with = |imports: &str| Plugin { imports, ..Plugin::default() };
    let preview1 = r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#;
    insta::assert_snapshot!(with(preview1).load().err().expect("refused"), @"");
    insta::assert_snapshot!(with(r#"(import "env" "now" (func))"#).load().err().expect("refused"), @"");
    let reference = Plugin {
        world: "plugin-with-reference",
        imports: r#"(import "costwarden:detector/reference@1.0.0" "read" (func (param i32 i32 i32)))"#,
        ..Plugin::default()
    };
    insta::assert_snapshot!(reference.load().err().expect("refused"), @"");
    // A world that could import it does not matter, an import does.
    assert!(Plugin { world: "plugin-with-reference", ..Plugin::default() }.load().is_ok());

    let wasi = wat::parse_str(r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#).expect("right");
    insta::assert_snapshot!(refused(&wasi), @"");
    let nothing = wat::parse_str("(component)").expect("right");
    insta::assert_snapshot!(refused(&nothing), @"");
}

#[test]
fn another_contract_is_refused() {
    insta::assert_snapshot!(Plugin { version: "2.0.0", ..Plugin::default() }.load().err().expect("refused"), @"");
    assert!(Plugin { version: "1.0.1", ..Plugin::default() }.load().is_ok(), "a compatible version loads");
    let other = wat::parse_str(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $d (export "describe" (func $f)))
            (export "costwarden:detector/detector@1.0.0" (instance $d)))"#,
    );
    insta::assert_snapshot!(refused(&other.expect("right")), @"");
}

#[test]
fn a_manifest_is_held_to_its_word() {
    insta::assert_snapshot!(Plugin { schema: "[1]", ..Plugin::default() }.load().err().expect("refused"), @"");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("other.wasm");
    fs::write(&path, Plugin::default().core()).expect("written");
    let loaded = sandbox(Limits::default()).load("other", &path, &Grants::default());
    insta::assert_snapshot!(loaded.err().expect("refused").fault, @"");
    let summary = Plugin { summary: "\u{1b}[31mred\nline", ..Plugin::default() };
    assert_eq!(summary.load().expect("loads").manifest.summary, " [31mred line");
}

#[test]
fn starting_up_has_limits_too() {
    let hang = "(func $hang (loop (br 0))) (start $hang)";
    insta::assert_snapshot!(Plugin { fields: hang, ..Plugin::default() }.load().err().expect("refused"), @"");
    let trap = "(func $trap unreachable) (start $trap)";
    insta::assert_snapshot!(Plugin { fields: trap, ..Plugin::default() }.load().err().expect("refused"), @"");
    let large = Plugin { memory_pages: 10_000, ..Plugin::default() };
    insta::assert_snapshot!(large.load().err().expect("refused"), @"");
    insta::assert_snapshot!(Plugin { fields: "(table 1000000 funcref)", ..Plugin::default() }.load().err().expect("refused"), @"");
    let tables = "(table 1 funcref)".repeat(20);
    insta::assert_snapshot!(Plugin { fields: &tables, ..Plugin::default() }.load().err().expect("refused"), @"");
    insta::assert_snapshot!(Plugin { fields: "(memory 1)", ..Plugin::default() }.load().err().expect("refused"), @"");
}

#[test]
fn code_that_no_compiler_makes_is_contained() {
    let fit = |fit: &str| Plugin { fit, ..Plugin::default() }.fit(Limits::default());
    insta::assert_snapshot!(fit("unreachable"), @"");
    insta::assert_snapshot!(fit("(i32.div_u (i32.const 1) (i32.const 0))"), @"");
    insta::assert_snapshot!(fit("(i32.load (i32.const -8))"), @"");
    insta::assert_snapshot!(fit("(call $fit (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (local.get 7))"), @"");
    // An empty list where one result is expected, then a list that cannot be in memory, and one not even aligned.
    insta::assert_snapshot!(fit("(i32.const 8)"), @"");
    insta::assert_snapshot!(fit("(i64.store (i32.const 8) (i64.const -1)) (i32.const 8)"), @"");
    insta::assert_snapshot!(fit("(i32.const 9)"), @"");
    // A refusal that is no text.
    insta::assert_snapshot!(fit("
        (i32.store (i32.const 1024) (i32.const 1032)) (i32.store (i32.const 1028) (i32.const 1))
        (i32.store8 (i32.const 1032) (i32.const 1)) (i32.store8 (i32.const 1036) (i32.const 1))
        (i32.store (i32.const 1040) (i32.const 2000)) (i32.store (i32.const 1044) (i32.const 1))
        (i32.store8 (i32.const 2000) (i32.const 255)) (i32.const 1024)"), @"");
    // Memory that is filled over and over, which is one instruction each time.
    insta::assert_snapshot!(fit("(loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 131072)) (br 0)) (i32.const 8)"), @"");
    // Growing that is denied over and over.
    insta::assert_snapshot!(fit("(loop (drop (memory.grow (i32.const 65535))) (br 0)) (i32.const 8)"), @"");
    let table = Plugin {
        fields: "(table $t 1 funcref)",
        fit: "(if (i32.eq (table.grow $t (ref.null func) (i32.const 1000000)) (i32.const -1)) (then unreachable)) (i32.const 8)",
        ..Plugin::default()
    };
    insta::assert_snapshot!(table.fit(Limits::default()), @"");
}

#[test]
fn imports_take_no_more_than_they_may() {
    let log = |fit: &str, limits: Limits| {
        let imports = r#"(import "costwarden:detector/log@1.0.0" "emit" (func $emit (param i32 i32 i32)))"#;
        Plugin { imports, fit, memory_pages: 32, ..Plugin::default() }.fit(limits)
    };
    let endless = "(loop (call $emit (i32.const 1) (i32.const 0) (i32.const 2097152)) (br 0)) (i32.const 8)";
    insta::assert_snapshot!(log(endless, Limits::default()), @"");
    insta::assert_snapshot!(log(endless, Limits { output_bytes: 2_000_000, ..Limits::default() }), @"");
    let outside = "(call $emit (i32.const 1) (i32.const 2097152) (i32.const 1)) (i32.const 8)";
    insta::assert_snapshot!(log(outside, Limits::default()), @"");
    let level = "(call $emit (i32.const 9) (i32.const 0) (i32.const 1)) (i32.const 8)";
    insta::assert_snapshot!(log(level, Limits::default()), @"");
}
