//! A core module for the contract, written in WebAssembly text. It behaves well until a test replaces a part.
//!
//! Memory layout: address and length of a list at 8, the manifest at 16, its texts from 256, up to 600 results from
//! 4096, a list of verdicts from 16384, their reason from 24576, and arguments of the host from 65536.

use std::fmt::Write as _;

/// The parts of the module. Text values are WebAssembly text.
pub struct Plugin<'a> {
    /// The name in the manifest.
    pub name: &'a str,
    /// The version of the contract.
    pub version: &'a str,
    /// The summary in the manifest.
    pub summary: &'a str,
    /// The settings schema in the manifest.
    pub schema: &'a str,
    /// Imports; the text format requires them first.
    pub imports: &'a str,
    /// Additional fields of the module.
    pub fields: &'a str,
    /// Instructions of `describe`; the result is the address of a manifest.
    pub describe: &'a str,
    /// Instructions of `check-settings`; the result is the address of a list of issues.
    pub check: &'a str,
    /// Instructions of `fit`; the result is the address of a list of results. Local 7 is the number of series.
    pub fit: &'a str,
    /// Instructions of `judge`, as for `fit`.
    pub judge: &'a str,
    /// Instructions of `cabi_realloc`; the result is an address. The locals are old address, old size, alignment and
    /// new size.
    pub realloc: &'a str,
    /// The type of the memory, in pages.
    pub memory: &'a str,
    /// Whether the manifest asks for groups of series.
    pub is_group: bool,
    /// The verdict of [`ONE_VERDICT`].
    pub verdict: Verdict<'a>,
}

/// The verdict that `(call $verdicts (local.get 7) (i32.const 1))` returns for each window.
#[derive(Clone, Copy)]
pub struct Verdict<'a> {
    /// Index of the point.
    pub index: u32,
    /// Score.
    pub score: f64,
    /// Expected value.
    pub expected: f64,
    /// Upper bound.
    pub upper: f64,
    /// Reason, not necessarily UTF-8.
    pub reason: &'a [u8],
}

/// Instructions of a `judge` with one verdict for each window.
pub const ONE_VERDICT: &str = "(call $verdicts (local.get 7) (i32.const 1))";

impl Default for Plugin<'_> {
    fn default() -> Self {
        Self {
            name: "hostile",
            version: "1.0.0",
            summary: "does nothing",
            schema: "{}",
            imports: "",
            fields: "",
            describe: "(i32.const 16)",
            check: "(i32.const 8)",
            fit: "(call $fits (local.get 7))",
            judge: "(call $verdicts (local.get 7) (i32.const 0))",
            realloc: "(call $allocate (local.get 3))",
            memory: "2",
            is_group: false,
            verdict: Verdict::default(),
        }
    }
}

impl Default for Verdict<'_> {
    fn default() -> Self {
        Self { index: 0, score: 0.5, expected: 1_000.0, upper: 2_000.0, reason: b"as usual" }
    }
}

impl Plugin<'_> {
    /// Assembles the module.
    pub fn core(&self) -> Vec<u8> {
        wat::parse_str(self.text()).expect("the text is right")
    }

    fn text(&self) -> String {
        let Self { version, imports, fields, describe, check, fit, judge, realloc, memory, .. } = self;
        let (manifest, texts) = self.manifest();
        let (verdicts, reason) = (escaped(&self.verdict.bytes()), escaped(self.verdict.reason));
        let export = format!("costwarden:detector/detector@{version}");
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {memory})
                (global $free (mut i32) (i32.const 65536))
                (data (i32.const 16) "{manifest}")
                (data (i32.const 256) "{texts}")
                (data (i32.const 16384) "{verdicts}")
                (data (i32.const 24576) "{reason}")
                (func $allocate (param $size i32) (result i32)
                    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                    (global.get $free)
                    (global.set $free (i32.add (global.get $free) (local.get $size))))
                (func $list (param $at i32) (param $len i32) (result i32)
                    (i32.store (i32.const 8) (local.get $at)) (i32.store (i32.const 12) (local.get $len)) (i32.const 8))
                ;; As many baselines without state: all zeros.
                (func $fits (param $series i32) (result i32) (call $list (i32.const 4096) (local.get $series)))
                ;; As many lists of the first verdicts.
                (func $verdicts (param $windows i32) (param $each i32) (result i32) (local $left i32) (local $at i32)
                    (local.set $left (local.get $windows))
                    (local.set $at (i32.const 4096))
                    (block $done (loop $next
                        (br_if $done (i32.eqz (local.get $left)))
                        (i32.store offset=4 (local.get $at) (i32.const 16384))
                        (i32.store offset=8 (local.get $at) (local.get $each))
                        (local.set $at (i32.add (local.get $at) (i32.const 16)))
                        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                        (br $next)))
                    (call $list (i32.const 4096) (local.get $windows)))
                (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "{export}#describe") (result i32) {describe})
                (func (export "{export}#check-settings") (param i32 i32) (result i32) {check})
                (func $fit (export "{export}#fit") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {fit})
                (func $judge (export "{export}#judge") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {judge})
                {fields})"#
        )
    }

    /// The record of the manifest, and its texts.
    fn manifest(&self) -> (String, String) {
        let (mut record, mut texts, mut address) = (Vec::new(), Vec::new(), 256);
        for text in [self.name, "0.0.1", self.summary, self.schema] {
            record.extend(reference(address, text.as_bytes()));
            texts.extend(text.as_bytes());
            address += length(text.as_bytes());
        }
        record.extend(1_u32.to_le_bytes());
        record.push(u8::from(self.is_group));
        (escaped(&record), escaped(&texts))
    }
}

impl Verdict<'_> {
    /// The record of the verdict, twice: the list of two verdicts holds the same verdict twice.
    fn bytes(&self) -> Vec<u8> {
        let Self { index, score, expected, upper, reason } = self;
        let mut bytes = u64::from(*index).to_le_bytes().to_vec();
        for number in [*score, *expected, 0.0, *upper] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(reference(24_576, reason));
        bytes.repeat(2)
    }
}

/// Address and length in the layout of the canonical ABI.
fn reference(address: u32, bytes: &[u8]) -> Vec<u8> {
    [address.to_le_bytes(), length(bytes).to_le_bytes()].concat()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("short")
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}
