//! The command `plugin bench`: measures time and fuel of a plugin by series length and batch size, beside the limits.

use std::time::{Duration, Instant};

use model::series::{Series, Window};
use plugin::authoring::synthetic;
use sandbox::{CallContext, CallOutcome, Detector, Failure};
use serde_json::json;

use super::{BenchArgs, TrialEnvironment, read_settings};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;

const HISTORY_DAYS: [usize; 3] = [30, 90, 365];
const BATCH_SERIES: [usize; 3] = [1, 64, 512];
/// Duration of the repetition of a call. The fastest repetition counts; slower repetitions were disturbed.
const MIN_DURATION: Duration = Duration::from_millis(60);

/// The cost of a kind of call over a batch.
struct BenchRow {
    call: &'static str,
    days: usize,
    batch: usize,
    /// Number of points fitted or judged.
    points: usize,
    /// `None` if the history is insufficient.
    cost: Option<CallCost>,
    /// The cost of the plugin given with `--against`.
    other: Option<CallCost>,
}

/// The time and the resources of a call.
struct CallCost {
    time: Duration,
    fuel: u64,
    budget: u64,
    memory_bytes: usize,
}

/// The fastest repetition of a call, with a result per series; `None` for a series with insufficient history.
struct Repeated<T> {
    cost: CallCost,
    results: Vec<Option<T>>,
}

pub(super) fn bench(args: &BenchArgs, environment: &TrialEnvironment, form: Form) -> anyhow::Result<Grade> {
    let mut detector = environment.load(&args.file, &args.load)?;
    let mut other = args.against.as_ref().map(|file| environment.load(file, &args.load)).transpose()?;
    if let Some(other) = &other {
        read_settings(other, &args.settings)?;
    }
    let settings = read_settings(&detector, &args.settings)?;
    let context = CallContext { rule: "bench", settings: &settings, unit: "KRW", locale: "en" };
    let mut rows = Vec::new();
    for days in HISTORY_DAYS {
        for batch in BATCH_SERIES {
            let series = bench_series(days, batch);
            // A single call gets the whole batch.
            detector.set_batch_size(batch);
            let mut measured = measure(&detector, &context, &series)?;
            if let Some(other) = &mut other {
                other.set_batch_size(batch);
                let others = measure(other, &context, &series)?;
                measured.iter_mut().zip(others).for_each(|(row, other)| row.other = other.cost);
            }
            rows.extend(measured);
        }
    }
    match form {
        Form::Text => table(&detector, other.as_ref(), &rows),
        Form::Json => rows.iter().for_each(as_json),
    }
    Ok(Grade::Done)
}

/// Returns a batch of series with `days` days of history and the day to judge.
fn bench_series(days: usize, batch: usize) -> Vec<Series> {
    (0..batch).map(|number| synthetic::daily_series(number, days + 1)).collect()
}

/// Measures a fit over all days but the last of each series, and `judge` over the last day.
fn measure(detector: &Detector, context: &CallContext<'_>, series: &[Series]) -> anyhow::Result<[BenchRow; 2]> {
    let batch = series.len();
    let days = series[0].values.len() - 1;
    let last = days as i64 * 86_400;
    let history: Vec<_> = series.iter().map(|series| series.between(series.start, series.start + last - 1)).collect();
    let fit = repeat(|| detector.fit(context, &history))?;
    let judge = match fit.results.into_iter().collect::<Option<Vec<_>>>() {
        Some(fitted) => {
            let windows = series.iter().zip(fitted).map(|(series, fitted)| Window {
                series: series.between(series.start + last, series.start + last),
                state: fitted.state,
                judge_from: 0,
            });
            let windows: Vec<Window> = windows.collect();
            let judge = repeat(|| detector.judge(context, &windows))?;
            judge.results.iter().all(Option::is_some).then_some(judge.cost)
        }
        None => None,
    };
    // Without verdicts the history was insufficient, and the cost of the fit would mislead.
    let fit = judge.is_some().then_some(fit.cost);
    Ok([
        BenchRow { call: "fit", days, batch, points: days * batch, cost: fit, other: None },
        BenchRow { call: "judge", days, batch, points: batch, cost: judge, other: None },
    ])
}

/// Repeats a call.
fn repeat<T>(call: impl Fn() -> CallOutcome<T>) -> anyhow::Result<Repeated<T>> {
    let started = Instant::now();
    let mut fastest: Option<(Duration, CallOutcome<T>)> = None;
    while fastest.is_none() || started.elapsed() < MIN_DURATION {
        let before = Instant::now();
        let outcome = call();
        let time = before.elapsed();
        if fastest.as_ref().is_none_or(|(fastest, _)| time < *fastest) {
            fastest = Some((time, outcome));
        }
    }
    let (time, CallOutcome { results, usage }) = fastest.expect("the loop runs at least once");
    let results = results.into_iter().map(|result| match result {
        Ok(value) => Ok(Some(value)),
        Err(Failure::InsufficientHistory(_)) => Ok(None),
        Err(failure) => Err(failure),
    });
    let cost = CallCost { time, fuel: usage.fuel, budget: usage.budget, memory_bytes: usage.memory_bytes };
    Ok(Repeated { cost, results: results.collect::<Result<Vec<_>, Failure>>()? })
}

fn table(detector: &Detector, other: Option<&Detector>, rows: &[BenchRow]) {
    let mut header = vec![
        "call",
        "days",
        "batch",
        "µs/series",
        "µs/point",
        "fuel/series",
        "fuel/point",
        "% of fuel",
        "memory KiB",
        "% of memory",
    ];
    if other.is_some() {
        header.extend(["time, times", "fuel, times"]);
    }
    let mut table = present::table(&header, &Vec::from_iter(1..header.len()));
    for row in rows {
        let BenchRow { call, days, batch, other, .. } = row;
        let mut cells = vec![(*call).to_owned(), days.to_string(), batch.to_string()];
        match &row.cost {
            Some(cost) => {
                let microseconds = cost.time.as_secs_f64() * 1e6;
                let series = *batch as f64;
                let points = row.points as f64;
                cells.extend([microseconds / series, microseconds / points].map(|figure| format!("{figure:.2}")));
                cells.extend(
                    [cost.fuel as f64 / series, cost.fuel as f64 / points].map(|figure| format!("{figure:.0}")),
                );
                cells.push(format!("{:.3}", 100.0 * cost.fuel as f64 / cost.budget as f64));
                cells.push((cost.memory_bytes / 1024).to_string());
                cells.push(format!("{:.2}", 100.0 * cost.memory_bytes as f64 / detector.limits().memory_bytes as f64));
                if let Some(other) = other {
                    cells.push(format!("{:.2}", cost.time.as_secs_f64() / other.time.as_secs_f64()));
                    cells.push(format!("{:.3}", cost.fuel as f64 / other.fuel as f64));
                }
            }
            None => cells.push("insufficient history".to_owned()),
        }
        table.add_row(cells);
    }
    present::out(&table.to_string());
    let limits = detector.limits();
    if let Some(Detector { manifest, digest, .. }) = other {
        present::out(&format!(
            "times: multiples of the time and fuel of {} {} (sha256:{digest}); 1.000 is the same fuel",
            manifest.name, manifest.version
        ));
    }
    present::out(&format!(
        "{} {}: limits fuel_per_call = {}, fit_fuel_per_series = {}, judge_fuel_per_series = {}, memory_bytes = {}; one core, a new instance per batch",
        detector.manifest.name,
        detector.manifest.version,
        limits.fuel_per_call,
        limits.fit_fuel_per_series,
        limits.judge_fuel_per_series,
        limits.memory_bytes
    ));
}

fn as_json(row: &BenchRow) {
    let BenchRow { call, days, batch, points, cost, other } = row;
    let figures = |cost: &CallCost| {
        json!({
            "microseconds": cost.time.as_secs_f64() * 1e6,
            "fuel": cost.fuel,
            "fuelLimit": cost.budget,
            "memoryBytes": cost.memory_bytes,
        })
    };
    let [cost, other] = [cost, other].map(|cost| cost.as_ref().map(figures));
    let row = json!({"call": call, "days": days, "batch": batch, "points": points, "cost": cost, "against": other});
    present::out(&row.to_string());
}
