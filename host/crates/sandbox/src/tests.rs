//! Tests of the sandbox with real plugins: the bundled plugins, and a plugin that misbehaves according to its settings.

mod code_cache;
mod escape;
mod frozen;
mod hostile;
mod resources;
mod state;
mod stored_results;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::series::{Series, Window};
use tracing_subscriber::layer::SubscriberExt as _;
use wasmparser::{Parser, Payload};

use super::*;
use crate::call::CallKind;
use crate::packed::PackedManifest;
use crate::protocol::Call;
use crate::run::CallBudget;
use crate::run::batch::Batching;
use crate::run::subject::CallSubject;

/// Returns the names of the bundled plugins, sorted: the built folders of `plugins/`.
fn bundled_plugins() -> Vec<String> {
    let folder = workspace().join("plugins/dist");
    let files = std::fs::read_dir(&folder);
    let files = files.unwrap_or_else(|error| panic!("{}: {error}: run make build first", folder.display()));
    let name = |path: PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut names: Vec<String> = files.map(|file| name(file.expect("read").path())).collect();
    names.sort();
    names
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("the workspace")
}

/// Reads a plugin built by `plugins/build.sh`. The path is relative to the workspace folder.
fn artifact(path: &str) -> Artifact {
    let path = workspace().join(path);
    assert!(path.exists(), "{} is absent: run make build first", path.display());
    Artifact::read(&path, u64::MAX).expect("read")
}

fn sandbox(limits: Limits) -> Sandbox {
    Sandbox::new(limits, None, Isolation::InProcess).expect("a sandbox")
}

fn tutorial() -> Detector {
    let loaded =
        sandbox(Limits::default()).load("tutorial", &artifact("plugins/dist/tutorial.wasm"), &Grants::default());
    loaded.expect("loads")
}

fn context(settings: &str) -> CallContext<'_> {
    CallContext { rule: "watch", settings, unit: "KRW", locale: "en" }
}

fn series(id: &str, len: usize) -> Series {
    let values = (0..len).map(|day| 1000.0 + (day * day % 37) as f64 + id.len() as f64).collect();
    Series { id: id.to_owned(), start: 1_767_193_200, utc_offset: 32_400, step: 86_400, values, excluded: vec![3] }
}

/// Returns the message of a failure without the line number of a panic.
fn message(failure: &Failure) -> String {
    let message = failure.to_string();
    match message.rsplit_once(".rs:") {
        Some((before, line)) => format!("{before}.rs:LINE{}", line.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => message,
    }
}

/// The misbehaving plugin, compiled once for all limits of a test.
struct Misbehaving {
    compiled: tempfile::TempDir,
}

impl Misbehaving {
    fn new() -> Self {
        Self { compiled: tempfile::tempdir().expect("a directory") }
    }

    fn load(&self, limits: Limits) -> Detector {
        let grants = Grants { reference: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) };
        let sandbox =
            Sandbox::new(limits, Some(self.compiled.path().join("compiled")), Isolation::InProcess).expect("a sandbox");
        sandbox.load("misbehaving", &artifact("target/test-plugins/misbehaving.wasm"), &grants).expect("loads")
    }

    /// Returns the result of a fit of a single series as text.
    fn fitted(&self, limits: Limits, settings: &str) -> String {
        let outcome = self.load(limits).fit(&context(settings), &[series("d/p/s", 30)]);
        match outcome.results.into_iter().next().expect("one result") {
            Ok(fitted) => format!("{} bytes of state, {:?}", fitted.state.len(), fitted.figures),
            Err(failure) => message(&failure),
        }
    }

    /// Returns the result of judging a single window after a successful fit as text.
    fn judged(&self, limits: Limits, settings: &str) -> String {
        let detector = self.load(limits);
        let series = series("d/p/s", 30);
        let fit = detector.fit(&context(r#"{"mode": "ok"}"#), std::slice::from_ref(&series));
        let state = fit.results.into_iter().next().expect("one result").expect("fits").state;
        let outcome = detector.judge(&context(settings), &[Window { series, state, judge_from: 28 }]);
        match outcome.results.into_iter().next().expect("one result") {
            Ok(verdicts) => format!("{} verdicts", verdicts.len()),
            Err(failure) => message(&failure),
        }
    }
}

/// Runs a closure with a separate log. Returns the result and the log.
pub(crate) fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&lines);
    let layer = tracing_subscriber::fmt::layer().without_time().with_ansi(false).with_target(false);
    let subscriber = tracing_subscriber::registry().with(layer.with_writer(move || Lines(Arc::clone(&writer))));
    let result = tracing::subscriber::with_default(subscriber, run);
    let lines = lines.lock().expect("whole").clone();
    (result, String::from_utf8(lines).expect("text"))
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_bundled_detector_fits_and_judges() {
    let detector = tutorial();
    assert_eq!((detector.manifest.name.as_str(), detector.manifest.scope), ("tutorial", Scope::Each));
    assert_eq!(detector.digest.len(), 64);
    let mut series = series("d/p/s", 30);
    let outcome = detector.fit(&context("{}"), std::slice::from_ref(&series));
    let fitted = outcome.results.into_iter().next().expect("one result").expect("fits");
    let mean = fitted.figures.iter().find(|(name, _)| name == "mean").expect("reported").1;
    assert!((1000.0..1100.0).contains(&mean), "{mean}");
    assert_eq!((outcome.usage.batches, outcome.usage.retried), (1, 0));
    assert!((1..20_000_000).contains(&outcome.usage.fuel), "{:?}", outcome.usage);

    series.values[29] = 5000.0;
    let outcome = detector.judge(&context("{}"), &[Window { series, state: fitted.state, judge_from: 28 }]);
    let verdicts = outcome.results.into_iter().next().expect("one result").expect("judges");
    assert_eq!(verdicts.iter().map(|v| (v.index, v.score >= 1.0)).collect::<Vec<_>>(), [(28, false), (29, true)]);
    assert_eq!(verdicts[1].expected, mean);
}

/// Growing the memory of an instance takes the time of several series.
#[test]
fn a_batch_of_daily_series_does_not_grow_the_memory() {
    for name in bundled_plugins() {
        let plugin = artifact(&format!("plugins/dist/{name}.wasm"));
        let payloads = Parser::new(0).parse_all(&plugin.bytes).map(|payload| payload.expect("valid"));
        let memories = payloads.filter_map(|payload| match payload {
            Payload::MemorySection(memories) => Some(memories.into_iter().map(|memory| memory.expect("valid").initial)),
            _ => None,
        });
        let declared = 65_536 * memories.flatten().sum::<u64>() as usize;

        let detector = sandbox(Limits::default()).load(&name, &plugin, &Grants::default()).expect("loads");
        // A detector of hourly series has more points.
        if detector.manifest.min_points > 90 {
            continue;
        }
        let history = vec![series("account/project/service", 90); 256];
        let fit = detector.fit(&context("{}"), &history);
        assert_eq!((fit.usage.batches, fit.usage.memory_bytes), (1, declared), "{name}");
        let states = fit.results.into_iter().map(|fitted| fitted.expect("fits").state);
        let windows = history.into_iter().zip(states).map(|(series, state)| Window { series, state, judge_from: 89 });
        let judge = detector.judge(&context("{}"), &windows.collect::<Vec<_>>());
        assert_eq!((judge.usage.batches, judge.usage.memory_bytes), (1, declared), "{name}");
    }
}

#[test]
fn insufficient_history_is_not_a_failed_call() {
    let outcome = tutorial().fit(&context("{}"), &[series("d/p/s", 10)]);
    assert_eq!(outcome.results, [Err(Failure::InsufficientHistory(11))]);
}

#[test]
fn a_plugin_checks_its_settings() {
    let detector = tutorial();
    assert_eq!(detector.check_settings("{}"), Ok(Vec::new()));
    let issues = detector.check_settings(r#"{"zScore": -1, "deviationRatio": 1}"#).expect("answers");
    let pointers: Vec<_> = issues.iter().map(|issue| issue.pointer.as_str()).collect();
    assert_eq!(pointers, ["/zScore", "/deviationRatio"]);
    assert_eq!(detector.check_settings("no JSON").expect("answers").len(), 1);
}

#[test]
fn every_exceeded_limit_has_a_message() {
    let tight = Limits {
        fuel_per_call: 1_000_000,
        fit_fuel_per_series: 2_000_000,
        judge_fuel_per_series: 2_000_000,
        memory_bytes: 4 << 20,
        stack_bytes: 64 << 10,
        state_bytes: 1000,
        output_bytes: 100_000,
        reason_bytes: 100,
        ..Limits::default()
    };
    let plugin = Misbehaving::new();
    let fit = |settings: &str| plugin.fitted(tight.clone(), settings);
    let judge = |settings: &str| plugin.judged(tight.clone(), settings);
    insta::assert_snapshot!(fit(r#"{"mode": "ok", "phase": "fit"}"#), @r#"9 bytes of state, [("last", 1032.0)]"#);
    insta::assert_snapshot!(judge(r#"{"mode": "ok"}"#), @"2 verdicts");
    insta::assert_snapshot!(fit(r#"{"mode": "endless-loop", "phase": "fit"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: used up its fuel of 3000000 (plugins.limits.fit_fuel_per_series = 2000000)");
    insta::assert_snapshot!(judge(r#"{"mode": "endless-loop"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: used up its fuel of 3000000 (plugins.limits.judge_fuel_per_series = 2000000)");
    insta::assert_snapshot!(plugin.fitted(Limits { memory_bytes: 4 << 20, ..Limits::default() }, r#"{"mode": "memory-growth", "phase": "fit"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: needs more memory than 4194304 bytes (plugins.limits.memory_bytes)");
    insta::assert_snapshot!(judge(r#"{"mode": "deep-recursion"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: needs a deeper stack than 65536 bytes (plugins.limits.stack_bytes)");
    insta::assert_snapshot!(fit(r#"{"mode": "oversized-state", "phase": "fit", "size": 5000}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned 5010 bytes of state, more than 1000 (plugins.limits.state_bytes)");
    insta::assert_snapshot!(fit(r#"{"mode": "oversized-output", "phase": "fit", "size": 10000}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned or passed more than 100000 bytes in one call (plugins.limits.output_bytes)");
    insta::assert_snapshot!(fit(r#"{"mode": "oversized-output", "phase": "fit", "size": 65}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned invalid figures: 65 figures, more than 64");
    insta::assert_snapshot!(judge(r#"{"mode": "oversized-output", "size": 10000}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned or passed more than 100000 bytes in one call (plugins.limits.output_bytes)");
    insta::assert_snapshot!(judge(r#"{"mode": "oversized-reason", "size": 101}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned a reason of 101 bytes, more than 100 (plugins.limits.reason_bytes)");
}

#[test]
fn output_outside_the_contract_is_refused() {
    let plugin = Misbehaving::new();
    let fit = |settings: &str| plugin.fitted(Limits::default(), settings);
    let judge = |settings: &str| plugin.judged(Limits::default(), settings);
    insta::assert_snapshot!(fit(r#"{"mode": "panic", "phase": "fit"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: trapped: wasm `unreachable` instruction executed: misbehaving on purpose (tests/plugins/misbehaving/src/lib.rs:LINE)");
    insta::assert_snapshot!(judge(r#"{"mode": "panic"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: trapped: wasm `unreachable` instruction executed: misbehaving on purpose (tests/plugins/misbehaving/src/lib.rs:LINE)");
    insta::assert_snapshot!(fit(r#"{"mode": "failed", "phase": "fit"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: the detector refuses the series: failed on purpose");
    insta::assert_snapshot!(judge(r#"{"mode": "learning"}"#), @"3 more points are needed");
    insta::assert_snapshot!(fit(r#"{"mode": "nan-score", "phase": "fit"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned invalid figures: `nan` is NaN, not finite");
    insta::assert_snapshot!(judge(r#"{"mode": "nan-score"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned an invalid verdict: index 29: score is NaN, not finite");
    insta::assert_snapshot!(judge(r#"{"mode": "infinite-score"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned an invalid verdict: index 29: score is inf, not finite");
    insta::assert_snapshot!(judge(r#"{"mode": "nan-expected"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned an invalid verdict: index 29: expected is NaN, not finite");
    insta::assert_snapshot!(judge(r#"{"mode": "nan-bound"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned an invalid verdict: index 29: upper is NaN");
    insta::assert_snapshot!(judge(r#"{"mode": "index-out-of-range"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned an invalid verdict: index 30: outside the judged points, from 28 to below 30");
    insta::assert_snapshot!(judge(r#"{"mode": "index-in-context"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned an invalid verdict: index 0: outside the judged points, from 28 to below 30");
    insta::assert_snapshot!(judge(r#"{"mode": "duplicate-index"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned an invalid verdict: index 29: not above the previous index");
    insta::assert_snapshot!(judge(r#"{"mode": "too-few-results"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned 0 results for 1 series");
    insta::assert_snapshot!(judge(r#"{"mode": "too-many-results"}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: returned 2 results for 1 series");
}

#[test]
fn a_series_that_traps_fails_alone() {
    let mut detector = Misbehaving::new().load(Limits::default());
    detector.batching = Batching { series: 8, threads: 2 };
    let mut history: Vec<_> = (0..30).map(|i| series(&format!("d/p/{i}"), 30)).collect();
    history[13].id = "d/p/poison".to_owned();
    let outcome = detector.fit(&context(r#"{"mode": "poison", "phase": "fit"}"#), &history);
    let failed: Vec<_> = outcome.results.iter().enumerate().filter(|(_, result)| result.is_err()).collect();
    let [(13, Err(failure))] = failed[..] else { panic!("{failed:?}") };
    insta::assert_snapshot!(message(failure), @"plugin `misbehaving`, rule `watch`, series `d/p/poison`: trapped: wasm `unreachable` instruction executed: poisoned by d/p/poison (tests/plugins/misbehaving/src/lib.rs:LINE)");
    assert_eq!((outcome.usage.batches, outcome.usage.retried), (4, 8));
}

#[test]
fn a_hanging_plugin_is_skipped_after_the_first_batch() {
    let limits = Limits { fuel_per_call: 1_000_000, fit_fuel_per_series: 1_000_000, ..Limits::default() };
    let mut detector = Misbehaving::new().load(limits);
    detector.batching = Batching { series: 5, threads: 2 };
    let history: Vec<_> = (0..20).map(|i| series(&format!("d/p/{i}"), 30)).collect();
    let outcome = detector.fit(&context(r#"{"mode": "endless-loop", "phase": "fit"}"#), &history);
    let error = |index: usize| outcome.results[index].as_ref().expect_err("failed").to_string();
    insta::assert_snapshot!(error(0), @"plugin `misbehaving`, rule `watch`, series `d/p/0`: used up its fuel of 2000000 (plugins.limits.fit_fuel_per_series = 1000000)");
    insta::assert_snapshot!(error(4), @"plugin `misbehaving`, rule `watch`, series `d/p/4`: was not called: the retries of other series used up the fuel of the batch");
    insta::assert_snapshot!(error(5), @"plugin `misbehaving`, rule `watch`, series `d/p/5`: was not called: all 5 series of an earlier batch failed");
    insta::assert_snapshot!(error(19), @"plugin `misbehaving`, rule `watch`, series `d/p/19`: was not called: all 5 series of an earlier batch failed");
    assert_eq!(outcome.usage.batches, 1);
    assert_eq!(outcome.usage.fuel, 2 * 6_000_000, "a batch and its retries cost twice a batch at most");
}

#[test]
fn results_do_not_depend_on_batches_or_threads() {
    let mut detector = tutorial();
    let history: Vec<_> = (0..203).map(|i| series(&format!("d/p/{i}"), 15 + i % 30)).collect();
    let mut fit_and_judge = |series: usize, threads: usize| {
        detector.batching = Batching { series, threads };
        let fit = detector.fit(&context("{}"), &history);
        let windows: Vec<_> = history
            .iter()
            .zip(&fit.results)
            .filter_map(|(series, fitted)| {
                let state = fitted.as_ref().ok()?.state.clone();
                let judge_from = series.values.len() as u32 - 5;
                Some(Window { series: series.clone(), state, judge_from })
            })
            .collect();
        let judged = detector.judge(&context("{}"), &windows);
        (format!("{:?}{:?}", fit.results, judged.results), fit.usage, judged.usage)
    };
    let (results, ..) = fit_and_judge(512, 1);
    assert!(results.contains("InsufficientHistory") && results.contains("Verdict"), "both kinds are there");
    for (series, threads) in [(1, 3), (7, 1), (7, 4), (64, 2), (512, 8)] {
        assert_eq!(fit_and_judge(series, threads).0, results, "batches of {series}, {threads} threads");
    }
    assert_eq!(fit_and_judge(7, 1), fit_and_judge(7, 4), "the fuel is the same too");
}

#[test]
fn no_series_needs_no_call() {
    let outcome = tutorial().fit(&context("{}"), &[]);
    assert_eq!(outcome, CallOutcome { results: Vec::new(), usage: Usage::default() });
}

#[test]
fn a_log_flood_is_dropped_with_one_warning() {
    let limits = Limits { log_lines: 3, ..Limits::default() };
    let detector = Misbehaving::new().load(limits);
    let ((), log) = logged(|| {
        let deadline = Instant::now() + Duration::from_secs(60);
        let log = detector.plugin.log("watch", CallSubject::default());
        let budget = CallBudget { kind: CallKind::Fit, fuel: 500_000_000, deadline, log };
        let context = context(r#"{"mode": "log-flood", "phase": "fit", "size": 1000}"#);
        let history = [series("x", 9)];
        let finished = detector.plugin.call(budget, Call::fit(context, &history));
        assert!(finished.result.is_ok());
        finished.log.report_dropped();
    });
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 4, "{log}");
    assert!(
        lines[..3].iter().all(|line| line.contains("INFO flood flood") && line.contains("rule=\"watch\"")),
        "{log}"
    );
    insta::assert_snapshot!(lines[3].trim(), @r#"WARN the plugin logs too much: lines were dropped (plugins.limits.log_lines, .log_bytes) plugin="misbehaving" rule="watch" dropped=997"#);
}

#[test]
fn logging_costs_fuel() {
    let limits = Limits { fuel_per_call: 2_000_000, fit_fuel_per_series: 1_000_000, ..Limits::default() };
    insta::assert_snapshot!(Misbehaving::new().fitted(limits, r#"{"mode": "log-flood", "phase": "fit", "size": 1000000}"#), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: used up its fuel of 3000000 (plugins.limits.fit_fuel_per_series = 1000000)");
}

#[test]
fn reference_data_needs_a_grant() {
    let plugin = Misbehaving::new();
    let fit = |name: &str| {
        plugin.fitted(Limits::default(), &format!(r#"{{"mode": "reference", "phase": "fit", "name": "{name}"}}"#))
    };
    insta::assert_snapshot!(fit("lib.rs"), @r#"9 bytes of state, [("last", 1032.0)]"#);
    insta::assert_snapshot!(fit("absent"), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: the detector refuses the series: no such reference data");
    insta::assert_snapshot!(fit("../Cargo.toml"), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: the detector refuses the series: not a file name: a name of reference data has no separators");
    let plugin = artifact("target/test-plugins/misbehaving.wasm");
    let error = sandbox(Limits::default()).load("misbehaving", &plugin, &Grants::default()).err().expect("not granted");
    insta::assert_snapshot!(error.fault, @r#"reads reference data, but the config grants none: add `reference = "DIRECTORY"` under `[plugins.grants.misbehaving]`"#);
    let absent = Grants { reference: Some(PathBuf::from("/nonexistent")) };
    let error = sandbox(Limits::default()).load("misbehaving", &plugin, &absent).err().expect("absent");
    insta::assert_snapshot!(error.fault, @"the granted reference folder /nonexistent cannot be opened: No such file or directory (os error 2)");
}

#[test]
fn a_packed_manifest_must_agree_with_describe() {
    let Artifact { path, bytes, .. } = artifact("plugins/dist/tutorial.wasm");
    let manifest = tutorial().manifest;
    let load = |manifest: &Manifest| {
        let packed = packed::pack(&bytes, &PackedManifest::from_manifest(manifest)).expect("packed");
        sandbox(Limits::default()).load_any(&Artifact::new(&path, packed), &Grants::default())
    };
    assert_eq!(load(&manifest).expect("loads").manifest, manifest);
    let other = Manifest { min_points: 99, ..manifest };
    insta::assert_snapshot!(load(&other).err().expect("refused").fault, @"`minPoints` is `99` in the packed manifest, but `1` in the result of `describe`: build the plugin again with `costwarden plugin build`");
    let with_second_section = |plugin: &str| {
        let Artifact { path, bytes, .. } = artifact(plugin);
        let bytes = [&bytes[..], b"\0\x15\x13costwarden:manifest{"].concat();
        let loaded = sandbox(Limits::default()).load_any(&Artifact::new(&path, bytes), &Grants::default());
        loaded.err().expect("refused").fault.to_string()
    };
    insta::assert_snapshot!(with_second_section("plugins/dist/tutorial.wasm"), @"the file has two sections `costwarden:manifest`, expected one: build the plugin again with `costwarden plugin build`");
    insta::assert_snapshot!(with_second_section("target/test-plugins/bare.wasm"), @"the section `costwarden:manifest` is not a manifest: EOF while parsing an object at line 1 column 1");
}
