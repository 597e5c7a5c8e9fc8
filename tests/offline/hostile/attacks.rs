//! Small plugins that cost much: time of the compiler, the start of an instance, work that is cheap in fuel, large results,
//! and files that are expensive to inspect.

use serde_json::json;
use wasm_encoder::{CustomSection, Section as _};

use super::artefact::Artefact;
use super::component::{component, copied_data, with_copies};
use text_plugin::{ONE_VERDICT, Plugin, Verdict};

const EMIT: &str = r#"(import "costwarden:detector/log@1.0.0" "emit" (func $emit (param i32 i32 i32)))"#;
/// Pages of a memory just below the default limit.
const LARGE: &str = "3900";

fn fields(name: &'static str, fields: &str) -> Artefact {
    Artefact::plugin(name, &Plugin { fields, ..Plugin::default() })
}

fn endless(body: &str) -> String {
    format!("(loop $again {body} (br $again)) (i32.const 8)")
}

/// Work for the compiler.
pub(crate) fn compiler() -> Vec<Artefact> {
    let types = (0..100_000).map(|odd| format!("(type (func (param i32 i64) (result {})))", ["i32", "f64"][odd % 2]));
    let exports = (0..90_000).map(|number| format!("(export \"e{number}\" (func $fit))"));
    let shuffle =
        "local.get 1 i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 local.get 1 i8x16.popcnt i8x16.add ";
    let many_values = {
        let (result, values) = ("i64 ".repeat(1_000), "(i64.const 1) ".repeat(1_000));
        let (targets, drops) = ("$a $b ".repeat(2_000), "drop ".repeat(1_000));
        format!(
            "(func (param i32) (block $a (result {result}) (block $b (result {result})
                {values} (br_table {targets} $a (local.get 0))) {drops} {values}) {drops})"
        )
    };
    let deep_ifs = format!("(func (param i32) {} {})", "local.get 0 if ".repeat(300_000), "end ".repeat(300_000));
    let deep_loops =
        format!("(func (param i32) {} {})", "loop ".repeat(100_000), "local.get 0 br_if 0 end ".repeat(100_000));
    let tables = format!("(func (param i32) (block $a (br_table {} $a (local.get 0))))", "$a ".repeat(2_000));
    vec![
        fields("branch-table", &tables.replace(&"$a ".repeat(2_000), &"$a ".repeat(1_000_000))),
        fields("branch-tables", &tables.repeat(500)),
        fields("branch-values", &many_values),
        fields("nested-ifs", &deep_ifs),
        fields("nested-loops", &deep_loops),
        fields("many-types", &types.collect::<String>()),
        fields("many-data", &"(data (i32.const 70000) \"x\")".repeat(90_000)),
        fields("many-elements", &format!("(table 10 funcref) {}", "(elem (i32.const 0) $fit)".repeat(90_000))),
        fields("many-exports", &exports.collect::<String>()),
        fields("shuffles", &format!("(func (param v128 v128) (result v128) local.get 0 {})", shuffle.repeat(100_000))),
    ]
}

/// Work at the start of an instance.
pub(crate) fn start() -> Vec<Artefact> {
    let touch = "(func $start (memory.fill (i32.const 65536) (i32.const 1) (i32.const 250000000))) (start $start)";
    // The trap for more than one series leads to a call for each series, each with a start.
    let trap = "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 190000000))
        (if (i32.gt_u (local.get 7) (i32.const 1)) (then unreachable)) (call $fits (local.get 7))";
    let copies = "(module (import \"first\" \"f\" (func)) (memory 1))";
    vec![
        fields("start-loops", "(func $start (loop (br 0))) (start $start)"),
        Artefact::plugin("start-touches", &Plugin { fields: touch, memory: LARGE, ..Plugin::default() }),
        Artefact::plugin("start-again", &Plugin { fit: trap, memory: LARGE, ..Plugin::default() }),
        Artefact::new("start-copies", copied_data()),
        fields("table-large", "(table 100000000 funcref)"),
        Artefact::plugin(
            "data-large",
            &large_data(&format!("(data (i32.const 70000) \"{}\")", "x".repeat(20_000_000))),
        ),
        Artefact::new(
            "instances",
            with_copies(
                component(&Plugin { name: "instances", ..Plugin::default() }),
                "(module (func (export \"f\")))",
                copies,
                60,
            ),
        ),
    ]
}

fn large_data(data: &str) -> Plugin<'_> {
    Plugin { memory: LARGE, fields: data, ..Plugin::default() }
}

/// Calls that take much time for their fuel.
pub(crate) fn calls() -> Vec<Artefact> {
    let fit = |name, memory, fit: &str| Artefact::plugin(name, &Plugin { memory, fit, ..Plugin::default() });
    let zero = format!(
        "(func $zero (local {}) (br_if 0 (i32.eqz (local.get 7))) (drop (local.get 44999)))",
        "i32 ".repeat(45_000)
    );
    // Each load depends on the load before, in memory that no cache holds.
    let chase = "(local $at i32)
        (loop $fill
            (i32.store (local.get $at) (i32.rem_u (i32.add (i32.mul (local.get $at) (i32.const 1664525))
                (i32.const 1013904224)) (i32.const 250000000)))
            (local.set $at (i32.add (local.get $at) (i32.const 64)))
            (br_if $fill (i32.lt_u (local.get $at) (i32.const 250000000))))
        (loop $again (local.set $at (i32.and (i32.load (local.get $at)) (i32.const -64))) (br $again)) (i32.const 8)";
    let touch = "(local $at i32) (loop $again (i32.store (local.get $at) (i32.const 1))
        (local.set $at (i32.rem_u (i32.add (local.get $at) (i32.const 4096)) (i32.const 250000000))) (br $again))
        (i32.const 8)";
    let frames = format!(
        "(func $deeper (param i32) (local {}) (local.set 3 (i64.extend_i32_u (local.get 0)))
            (call $deeper (local.get 0)) (drop (local.get 3)))",
        "i64 ".repeat(10_000)
    );
    let post = |of: &str| {
        format!("(func (export \"cabi_post_costwarden:detector/detector@1.0.0#{of}\") (param i32) (loop (br 0)))")
    };
    vec![
        Artefact::plugin(
            "zeroed-locals",
            &Plugin { fields: &zero, fit: &endless("(call $zero)"), ..Plugin::default() },
        ),
        fit("chased-loads", LARGE, chase),
        fit("touched-pages", LARGE, touch),
        fit("fill-large", LARGE, &endless("(memory.fill (i32.const 0) (i32.const 1) (i32.const 250000000))")),
        fit("copy-large", LARGE, &endless("(memory.copy (i32.const 0) (i32.const 4097) (i32.const 250000000))")),
        fit("grow-pages", "2", &endless("(drop (memory.grow (i32.const 1)))")),
        Artefact::plugin(
            "grow-table",
            &Plugin {
                fields: "(table $t 1 funcref)",
                fit: &endless("(drop (table.grow $t (ref.null func) (i32.const 1)))"),
                ..Plugin::default()
            },
        ),
        Artefact::plugin(
            "large-frames",
            &Plugin { fields: &frames, fit: "(call $deeper (i32.const 1)) (i32.const 8)", ..Plugin::default() },
        ),
        Artefact::plugin("endless-describe", &Plugin { describe: &endless(""), ..Plugin::default() }),
        Artefact::plugin("endless-check", &Plugin { check: &endless(""), ..Plugin::default() }),
        fields("endless-post", &post("describe")),
        fields("endless-post-check", &post("check-settings")),
    ]
}

/// Large and wrong results.
pub(crate) fn results() -> Vec<Artefact> {
    let describe = "(memory.fill (i32.const 100000) (i32.const 32) (i32.const 33000000))
        (i32.store (i32.const 40) (i32.const 100000)) (i32.store (i32.const 44) (i32.const 33000000)) (i32.const 16)";
    let check = |name, check: &str| Artefact::plugin(name, &Plugin { memory: "600", check, ..Plugin::default() });
    let overlap = "(local $at i32) (local.set $at (i32.const 65536))
        (loop $next
            (i32.store (local.get $at) (i32.const 100000)) (i32.store offset=4 (local.get $at) (i32.const 30000000))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const 81536))))
        (i32.store (i32.const 8) (i32.const 65536)) (i32.store (i32.const 12) (i32.const 1000)) (i32.const 8)";
    let flood =
        "(i32.store (i32.const 8) (i32.const 65536)) (i32.store (i32.const 12) (i32.const 2000000)) (i32.const 8)";
    let log = |name, level: u32, bytes: u32| {
        let call = endless(&format!("(call $emit (i32.const {level}) (i32.const 256) (i32.const {bytes}))"));
        Artefact::plugin(name, &Plugin { imports: EMIT, memory: "600", fit: &call, ..Plugin::default() })
    };
    let realloc = |name, realloc: &str| Artefact::plugin(name, &Plugin { realloc, ..Plugin::default() });
    let verdict = |name, verdict: Verdict<'_>| {
        Artefact::plugin(name, &Plugin { judge: ONE_VERDICT, verdict, ..Plugin::default() })
    };
    vec![
        Artefact::plugin("schema-large", &Plugin { memory: "600", describe, ..Plugin::default() }),
        check("issues-flood", flood),
        check("issues-overlap", overlap),
        log("log-lines", 1, 100),
        log("log-large", 3, 31_000_000),
        realloc("realloc-outside", "(i32.const -1)"),
        realloc("realloc-same", "(i32.const 65536)"),
        verdict("not-a-number", Verdict { score: f64::NAN, ..Verdict::default() }),
        verdict("infinite", Verdict { expected: f64::INFINITY, ..Verdict::default() }),
        Artefact::plugin(
            "results-max",
            &Plugin { fit: "(call $list (i32.const 4096) (i32.const -1))", ..Plugin::default() },
        ),
    ]
}

/// Files that are expensive to inspect.
pub(crate) fn files() -> Vec<Artefact> {
    let with_section = |name: &'static str, section: &str, data: &[u8]| {
        let mut bytes = Plugin { name, ..Plugin::default() }.core();
        CustomSection { name: section.into(), data: data.into() }.append_to(&mut bytes);
        Artefact::new(name, bytes)
    };
    let emit = r#"(import "costwarden:detector/log@1.0.0" "emit" (func (param i32 i32 i32)))"#;
    // Each property refers to a choice of choices.
    let choice = |of: &str| json!({"anyOf": vec![json!({"$ref": of}); 200]});
    let schema = json!({
        "$defs": {"a": choice("#/$defs/b"), "b": choice("#/$defs/c"), "c": {"type": "number"}},
        "properties": (0..200).map(|number| (format!("p{number}"), choice("#/$defs/a"))).collect::<serde_json::Map<_, _>>(),
    });
    let manifest = json!({"contract": "1.0.0", "name": "nested-choices", "version": "0.0.1", "summary": "",
        "minPoints": 1, "scope": "each", "settingsSchema": schema});
    vec![
        with_section("custom-large", "notes", &vec![7; 60_000_000]),
        with_section("nested-choices", "costwarden:manifest", manifest.to_string().as_bytes()),
        with_section("manifest-deep", "costwarden:manifest", "[".repeat(1_000_000).as_bytes()),
        Artefact::plugin("imports-many", &Plugin { imports: &emit.repeat(100_000), ..Plugin::default() }),
    ]
}
