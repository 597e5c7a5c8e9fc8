//! Plugins that fail after loading: each breach is reported once, with rule and series.

use super::artefact::{Artefact, LIMITS, contained, spread};
use costwarden_tests::three_services::{LAST, MINIMAL, check, workdir, workdir_with_history};
use text_plugin::{ONE_VERDICT, Plugin, Verdict};

const EMIT: &str = r#"(import "costwarden:detector/log@1.0.0" "emit" (func $emit (param i32 i32 i32)))"#;

/// Endless work.
pub(crate) fn cpu() -> Vec<Artefact> {
    let fit = |name, fit: &str| Artefact::plugin(name, &Plugin { fit, ..Plugin::default() });
    let endless = |body: &str| format!("(loop $again {body} (br $again)) (i32.const 8)");
    let recursion = "(call $fit (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) \
        (local.get 6) (local.get 7))";
    let post = |of: &str| {
        format!("(func (export \"cabi_post_costwarden:detector/detector@1.0.0#{of}\") (param i32) (loop (br 0)))")
    };
    vec![
        fit("loop-in-fit", &endless("")),
        Artefact::plugin("loop-in-judge", &Plugin { judge: &endless(""), ..Plugin::default() }),
        Artefact::plugin("loop-in-realloc", &Plugin { realloc: &endless(""), ..Plugin::default() }),
        Artefact::plugin("loop-after-fit", &Plugin { fields: &post("fit"), ..Plugin::default() }),
        Artefact::plugin("loop-after-judge", &Plugin { fields: &post("judge"), ..Plugin::default() }),
        fit("memory-fill", &endless("(memory.fill (i32.const 0) (i32.const 0) (i32.const 131072))")),
        fit("memory-copy", &endless("(memory.copy (i32.const 0) (i32.const 8) (i32.const 131064))")),
        Artefact::plugin(
            "memory-init",
            &Plugin {
                fields: &format!("(data $d \"{}\")", "x".repeat(50_000)),
                fit: &endless("(memory.init $d (i32.const 65536) (i32.const 0) (i32.const 50000))"),
                ..Plugin::default()
            },
        ),
        Artefact::plugin(
            "table-fill",
            &Plugin {
                fields: "(table $t 50000 funcref)",
                fit: &endless("(table.fill $t (i32.const 0) (ref.null func) (i32.const 50000))"),
                ..Plugin::default()
            },
        ),
        Artefact::plugin(
            "table-copy",
            &Plugin {
                fields: "(table $t 50000 funcref)",
                fit: &endless("(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 49999))"),
                ..Plugin::default()
            },
        ),
        fit("nothing-to-fill", &endless("(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))")),
        fit("function-looked-up", &endless("(drop (ref.func $fit))")),
        long_functions(),
        fit("denied-growth", &endless("(drop (memory.grow (i32.const 65535)))")),
        Artefact::plugin(
            "log-flood",
            &Plugin {
                imports: EMIT,
                fit: &endless("(call $emit (i32.const 1) (i32.const 256) (i32.const 100))"),
                ..Plugin::default()
            },
        ),
        fit("deep-recursion", recursion),
        Artefact::plugin(
            "indirect-recursion",
            &Plugin {
                fields: "(type $f (func)) (table funcref (elem $deeper)) \
                    (func $deeper (type $f) (call_indirect (type $f) (i32.const 0)) (call_indirect (type $f) (i32.const 0)))",
                fit: "(call $deeper) (i32.const 8)",
                ..Plugin::default()
            },
        ),
    ]
}

/// Successive calls of a long function without loops: total work is calls times length. The failure must come close to
/// the end of the budget.
pub(crate) fn long_functions() -> Artefact {
    let (steps, calls) = ("local.get 0 i64.rotl ".repeat(10_000), "local.get 0 call $long local.set 0 ".repeat(10_000));
    let fields = format!(
        "(func $long (param i64) (result i64) local.get 0 {steps})
         (func $calls (param i64) {calls})"
    );
    let fit = "(call $calls (i64.const 7)) (call $emit (i32.const 3) (i32.const 256) (i32.const 19))
        (call $fits (local.get 7))";
    Artefact::plugin("long-functions", &Plugin { imports: EMIT, fields: &fields, fit, ..Plugin::default() })
}

/// Excessive memory.
pub(crate) fn memory() -> Vec<Artefact> {
    let grow = "(loop $more (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)) (br $more)) \
        (i32.const 8)";
    let grow_table = "(loop $more (if (i32.eq (table.grow $t (ref.null func) (i32.const 60000)) (i32.const -1)) \
        (then unreachable)) (br $more)) (i32.const 8)";
    vec![
        Artefact::plugin("memory-growth", &Plugin { fit: grow, ..Plugin::default() }),
        Artefact::plugin(
            "table-growth",
            &Plugin { fields: "(table $t 1 funcref)", fit: grow_table, ..Plugin::default() },
        ),
        Artefact::plugin(
            "growth-in-realloc",
            &Plugin {
                realloc: "(if (i32.eq (memory.grow (i32.const 300)) (i32.const -1)) (then unreachable)) (i32.const 65536)",
                ..Plugin::default()
            },
        ),
    ]
}

/// Violations of the canonical ABI, impossible with an SDK.
pub(crate) fn abi() -> Vec<Artefact> {
    let fit = |name, fit: &str| Artefact::plugin(name, &Plugin { fit, ..Plugin::default() });
    let judge = |name, judge: &str| Artefact::plugin(name, &Plugin { judge, ..Plugin::default() });
    let realloc = |name, realloc: &str| Artefact::plugin(name, &Plugin { realloc, ..Plugin::default() });
    // The first result is a refusal with a text: discriminants at 4096 and 4100, the text's address and length after it.
    let refusal = |discriminants: (u32, u32), text: (u32, u32)| {
        format!(
            "(i32.store8 (i32.const 4096) (i32.const {})) (i32.store8 (i32.const 4100) (i32.const {}))
             (i32.store (i32.const 4104) (i32.const {})) (i32.store (i32.const 4108) (i32.const {}))
             (i32.store8 (i32.const 2000) (i32.const 255)) (call $list (i32.const 4096) (local.get 7))",
            discriminants.0, discriminants.1, text.0, text.1
        )
    };
    vec![
        fit("list-of-u32-max", "(call $list (i32.const 4096) (i32.const -1))"),
        fit("list-beyond-the-end", "(call $list (i32.const 131000) (i32.const 100))"),
        fit("overflowing-list", "(call $list (i32.const -8) (i32.const 3))"),
        fit("misaligned-list", "(call $list (i32.const 4097) (local.get 7))"),
        fit("misaligned-return", "(i32.const 9)"),
        fit("return-beyond-the-end", "(i32.const 131068)"),
        fit("return-of-minus-one", "(i32.const -4)"),
        judge("verdicts-of-u32-max", "(call $verdicts (local.get 7) (i32.const -1))"),
        fit("string-of-u32-max", &refusal((1, 1), (0, u32::MAX))),
        fit("invalid-utf8", &refusal((1, 1), (2000, 1))),
        fit("bad-result", &refusal((2, 0), (0, 0))),
        fit("bad-refusal", &refusal((1, 9), (0, 0))),
        Artefact::plugin(
            "invalid-reason",
            &Plugin {
                judge: ONE_VERDICT,
                verdict: Verdict { reason: b"\xed\xa0\x80", ..Verdict::default() },
                ..Plugin::default()
            },
        ),
        realloc("realloc-outside", "(i32.const 131072)"),
        realloc("realloc-misaligned", "(i32.const 65537)"),
        realloc("realloc-of-minus-one", "(i32.const -1)"),
        Artefact::plugin(
            "import-in-realloc",
            &Plugin {
                imports: EMIT,
                realloc: "(call $emit (i32.const 1) (i32.const 256) (i32.const 5)) (call $allocate (local.get 3))",
                ..Plugin::default()
            },
        ),
        Artefact::plugin(
            "bad-level",
            &Plugin {
                imports: EMIT,
                fit: "(call $emit (i32.const 9) (i32.const 256) (i32.const 5)) (i32.const 8)",
                ..Plugin::default()
            },
        ),
        Artefact::plugin(
            "log-beyond-the-end",
            &Plugin {
                imports: EMIT,
                fit: "(call $emit (i32.const 1) (i32.const 131000) (i32.const -1)) (i32.const 8)",
                ..Plugin::default()
            },
        ),
    ]
}

/// Well-formed results without a meaning.
pub(crate) fn meaning() -> Vec<Artefact> {
    let answer = |name, judge: &str| Artefact::plugin(name, &Plugin { judge, ..Plugin::default() });
    let verdict = |name, verdict| Artefact::plugin(name, &Plugin { judge: ONE_VERDICT, verdict, ..Plugin::default() });
    let usual = Verdict::default();
    // The first baseline's state, or its figures, as so many bytes from 32768 on, which are zeros at first.
    let fit = |name, offset: u32, len: u32| {
        let fit = format!(
            "(i32.store (i32.const {}) (i32.const 32768)) (i32.store (i32.const {}) (i32.const {len}))
             (call $fits (local.get 7))",
            4096 + offset,
            4100 + offset,
        );
        Artefact::plugin(name, &Plugin { fit: &fit, memory: "200", ..Plugin::default() })
    };
    vec![
        answer("too-few-results", "(call $verdicts (i32.sub (local.get 7) (i32.const 1)) (i32.const 0))"),
        answer("too-many-results", "(call $verdicts (i32.add (local.get 7) (i32.const 1)) (i32.const 0))"),
        answer("no-results", "(call $verdicts (i32.const 0) (i32.const 0))"),
        answer("the-same-twice", "(call $verdicts (local.get 7) (i32.const 2))"),
        verdict("index-out-of-range", Verdict { index: 1, ..usual }),
        verdict("index-of-u32-max", Verdict { index: u32::MAX, ..usual }),
        verdict("nan-score", Verdict { score: f64::NAN, ..usual }),
        verdict("infinite-score", Verdict { score: f64::INFINITY, ..usual }),
        verdict("infinite-expectation", Verdict { expected: f64::NEG_INFINITY, ..usual }),
        verdict("nan-bound", Verdict { upper: f64::NAN, ..usual }),
        verdict("long-reason", Verdict { reason: &[b'x'; 1025], ..usual }),
        Artefact::plugin(
            "reason-of-12-mb",
            &Plugin {
                judge: "(i32.store (i32.const 16428) (i32.const 12000000)) (call $verdicts (local.get 7) (i32.const 1))",
                memory: "200",
                ..Plugin::default()
            },
        ),
        fit("large-state", 4, 4_097),
        fit("state-of-10-mb", 4, 10_000_000),
        fit("many-figures", 12, 65),
        fit("nameless-figure", 12, 1),
        Artefact::plugin(
            "many-results",
            &Plugin { fit: "(call $list (i32.const 32768) (i32.const 500000))", memory: "200", ..Plugin::default() },
        ),
    ]
}

#[track_caller]
fn ran(artefacts: &[Artefact]) -> String {
    let workdir = workdir_with_history();
    spread(&workdir, artefacts, "");
    contained(&workdir, artefacts)
}

#[test]
fn endless_work_runs_out_of_fuel() {
    insta::assert_snapshot!(ran(&cpu()), @"
    loop-in-fit: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    loop-in-judge: used up its fuel of 2100000 (plugins.limits.judge_fuel_per_series = 100000)
    loop-in-realloc: used up its fuel of 2000000 (plugins.limits.describe_fuel = 2000000)
    loop-after-fit: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    loop-after-judge: used up its fuel of 2100000 (plugins.limits.judge_fuel_per_series = 100000)
    memory-fill: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    memory-copy: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    memory-init: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    table-fill: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    table-copy: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    nothing-to-fill: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    function-looked-up: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    long-functions: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    denied-growth: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    log-flood: used up its fuel of 2100000 (plugins.limits.fit_fuel_per_series = 100000)
    deep-recursion: needs a deeper stack than 524288 bytes (plugins.limits.stack_bytes)
    indirect-recursion: needs a deeper stack than 524288 bytes (plugins.limits.stack_bytes)
    ");
}

/// A call ends soon after its fuel, even without a loop.
#[test]
fn no_call_runs_far_beyond_its_fuel() {
    let workdir = workdir_with_history();
    spread(&workdir, &[long_functions()], "");
    let run = workdir.run(&["daily", "--date", &LAST.to_string()]).expect(1);
    assert!(run.stderr.contains("`long-functions`") && run.stderr.contains("used up its fuel"), "{}", run.stderr);
    assert!(!run.stderr.contains("long-functions0.0.1"), "it spoke: {}", run.stderr);
    let enough = "fit_fuel_per_series = 1_000_000_000\n";
    let limits = LIMITS.replace("fit_fuel_per_series = 100_000\n", enough);
    workdir.write("costwarden.toml", &format!("{MINIMAL}{limits}"));
    let run = workdir.run(&["daily", "--date", &LAST.to_string()]).expect(0);
    assert!(run.stderr.contains("long-functions0.0.1"), "with enough it speaks: {}", run.stderr);
}

/// The log of a batch, and of the series called alone, has the limit of a single call.
#[test]
fn calls_over_single_series_log_no_more_than_one_over_all() {
    let fit = "(loop (call $emit (i32.const 3) (i32.const 256) (i32.const 5)) (br_if 0 (i32.lt_u
        (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20)))) unreachable";
    let fit = format!("(local.set 0 (i32.const 0)) {fit}");
    let workdir = workdir_with_history();
    spread(
        &workdir,
        &[Artefact::plugin("chatty", &Plugin { imports: EMIT, fit: &fit, ..Plugin::default() })],
        "log_lines = 25\n",
    );
    let run = workdir.run(&["daily", "--date", &LAST.to_string()]).expect(1);
    let told = |text: &str| run.stderr.lines().filter(|line| line.contains(text)).count();
    // Two fits, each of a batch of three that fails and then of each of the three: 20 and 25 lines, and one of the others.
    assert_eq!(told("chatt"), 2 * (20 + 25 + 1) + 1, "{}", run.stderr);
    assert_eq!(told("the plugin logs too much"), 2, "{}", run.stderr);
}

/// Each issue with settings is a line, and a plugin can return a million issues.
#[test]
fn of_many_issues_some_are_told() {
    let workdir = workdir();
    let issues = "(call $list (i32.const 65536) (i32.const 20000))";
    spread(&workdir, &[Artefact::plugin("fussy", &Plugin { check: issues, memory: "10", ..Plugin::default() })], "");
    let (code, text) = check(&workdir);
    assert_eq!(code, 2, "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("rule fussy: settings: ")).count(), 51, "{text}");
    assert!(text.contains("rule fussy: settings: and 19950 more"), "{text}");
}

#[test]
fn excessive_memory_is_denied() {
    insta::assert_snapshot!(ran(&memory()), @"
    memory-growth: needs more memory than 16777216 bytes (plugins.limits.memory_bytes)
    table-growth: needs larger tables than 100000 elements (plugins.limits.table_elements)
    growth-in-realloc: needs more memory than 16777216 bytes (plugins.limits.memory_bytes)
    ");
}

#[test]
fn violations_of_the_abi_trap() {
    insta::assert_snapshot!(ran(&abi()), @"
    list-of-u32-max: trapped: list pointer/length out of bounds of memory
    list-beyond-the-end: trapped: list pointer/length out of bounds of memory
    overflowing-list: trapped: list pointer/length out of bounds of memory
    misaligned-list: trapped: list pointer is not aligned
    misaligned-return: trapped: return pointer not aligned
    return-beyond-the-end: trapped: pointer out of bounds of memory
    return-of-minus-one: trapped: pointer out of bounds of memory
    verdicts-of-u32-max: trapped: list pointer/length out of bounds of memory
    string-of-u32-max: trapped: string pointer/length out of bounds of memory
    invalid-utf8: trapped: invalid utf-8 sequence of 1 bytes from index 0
    bad-result: trapped: invalid expected discriminant
    bad-refusal: trapped: unexpected discriminant: 9
    invalid-reason: trapped: invalid utf-8 sequence of 1 bytes from index 0
    realloc-outside: trapped: realloc return: beyond end of memory
    realloc-misaligned: trapped: realloc return: result not aligned
    realloc-of-minus-one: trapped: realloc return: beyond end of memory
    import-in-realloc: trapped: cannot leave component instance
    bad-level: trapped: unexpected discriminant: 9
    log-beyond-the-end: trapped: string pointer/length out of bounds of memory
    ");
}

#[test]
fn meaningless_results_are_refused() {
    insta::assert_snapshot!(ran(&meaning()), @"
    too-few-results: returned 0 results for 1 series
    too-many-results: returned 2 results for 1 series
    no-results: returned 0 results for 1 series
    the-same-twice: returned an invalid verdict: index 0: not above the previous index
    index-out-of-range: returned an invalid verdict: index 1: outside the judged points, from 0 to below 1
    index-of-u32-max: returned an invalid verdict: index 4294967295: outside the judged points, from 0 to below 1
    nan-score: returned an invalid verdict: index 0: score is NaN, not finite
    infinite-score: returned an invalid verdict: index 0: score is inf, not finite
    infinite-expectation: returned an invalid verdict: index 0: expected is -inf, not finite
    nan-bound: returned an invalid verdict: index 0: upper is NaN
    long-reason: returned a reason of 1025 bytes, more than 1024 (plugins.limits.reason_bytes)
    reason-of-12-mb: returned or passed more than 1048576 bytes in one call (plugins.limits.output_bytes)
    large-state: returned 4097 bytes of state, more than 4096 (plugins.limits.state_bytes)
    state-of-10-mb: returned or passed more than 1048576 bytes in one call (plugins.limits.output_bytes)
    many-figures: returned invalid figures: 65 figures, more than 64
    nameless-figure: returned invalid figures: the name `` is not 1 to 64 ASCII letters, digits, `_` and `-`
    many-results: returned or passed more than 1048576 bytes in one call (plugins.limits.output_bytes)
    ");
}

/// Memory and globals of an earlier call would reveal values of another series.
#[test]
fn no_state_survives_a_call() {
    let seen = "(if (i32.load (i32.const 60000)) (then unreachable)) (i32.store (i32.const 60000) (i32.const 1)) \
        (if (global.get $seen) (then unreachable)) (global.set $seen (i32.const 1))";
    let (fit, judge) = (format!("{seen} (call $fits (local.get 7))"), format!("{seen} {ONE_VERDICT}"));
    let fields = "(global $seen (mut i32) (i32.const 0))";
    let workdir = workdir_with_history();
    spread(
        &workdir,
        &[Artefact::plugin("watcher", &Plugin { fields, fit: &fit, judge: &judge, ..Plugin::default() })],
        "",
    );
    let (code, report, problems) = costwarden_tests::three_services::daily(&workdir);
    assert_eq!((code, problems.as_str()), (0, ""));
    // Six by two rules: each call to the watcher, two to fit and one to judge, met an instance of its own.
    assert_eq!(report["counts"]["verdicts"], 6);
}

/// Growing state is accepted while it is small enough.
#[test]
fn state_that_grows_every_day_meets_its_limit() {
    // The state of each series is as many bytes as the first series has values, times 150: 4200 at 28 days.
    let fit = "(local $at i32) (local.set $at (i32.const 4096))
        (loop $next
            (i32.store offset=4 (local.get $at) (i32.const 131072))
            (i32.store offset=8 (local.get $at) (i32.mul (i32.load offset=28 (local.get 6)) (i32.const 150)))
            (local.set $at (i32.add (local.get $at) (i32.const 20)))
            (br_if $next (i32.lt_u (local.get $at) (i32.add (i32.const 4096) (i32.mul (local.get 7) (i32.const 20))))))
        (call $fits (local.get 7))";
    let workdir = workdir_with_history();
    spread(&workdir, &[Artefact::plugin("growing", &Plugin { fit, memory: "4", ..Plugin::default() })], "");
    let before = workdir.run(&["daily", "--date", "2026-11-21", "--json"]).report();
    assert_eq!(before["problems"], serde_json::json!([]), "small enough");
    let (code, _, problems) = costwarden_tests::three_services::daily(&workdir);
    assert_eq!(code, 1);
    insta::assert_snapshot!(problems, @"plugin `growing`, rule `growing`, series `d/p/db`: returned 4200 bytes of state, more than 4096 (plugins.limits.state_bytes)");
}
