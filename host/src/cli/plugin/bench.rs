//! The command `plugin bench`: measures time and fuel of a plugin by series length and batch size, beside the limits.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{BenchArgs, Ground, settings};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;
use model::series::Window;
use plugin::sample;
use sandbox::{Call, Detector, Failure, Outcome};

const LENGTHS: [usize; 3] = [30, 90, 365];
const BATCHES: [usize; 3] = [1, 64, 512];
/// Duration of the repetition of a call. The fastest repetition counts; slower repetitions were disturbed.
const AT_LEAST: Duration = Duration::from_millis(60);

/// The cost of a kind of call over a batch.
struct Measure {
    call: &'static str,
    days: usize,
    batch: usize,
    /// Number of points fitted or judged.
    points: usize,
    cost: Option<Measured>,
    /// The cost of the plugin given with `--against`.
    other: Option<Measured>,
}

struct Measured {
    took: Duration,
    fuel: u64,
    budget: u64,
    memory_bytes: usize,
}

pub(super) fn bench(args: &BenchArgs, ground: &Ground, form: Form) -> anyhow::Result<Grade> {
    let mut detector = ground.load(&args.file, &args.load)?;
    let mut other = args.against.as_ref().map(|file| ground.load(file, &args.load)).transpose()?;
    for detector in other.iter().chain([&detector]) {
        settings(detector, &args.settings)?;
    }
    let settings = settings(&detector, &args.settings)?;
    let call = Call { rule: "bench", settings: &settings, unit: "KRW", locale: "en" };
    let mut measures = Vec::new();
    for days in LENGTHS {
        for batch in BATCHES {
            // A single call gets the whole batch.
            detector.cut_into(batch);
            let mut both = measured(&detector, &call, days, batch)?;
            if let Some(other) = &mut other {
                other.cut_into(batch);
                let others = measured(other, &call, days, batch)?;
                both.iter_mut().zip(others).for_each(|(measure, other)| measure.other = other.cost);
            }
            measures.extend(both);
        }
    }
    match form {
        Form::Text => table(&detector, other.as_ref(), &measures),
        Form::Json => measures.iter().for_each(as_json),
    }
    Ok(Grade::Done)
}

/// Measures a fit over `days` days of each series in a batch, and a judgement of the next day.
fn measured(detector: &Detector, call: &Call<'_>, days: usize, batch: usize) -> anyhow::Result<[Measure; 2]> {
    // The day after the history is the day to judge.
    let series: Vec<_> = (0..batch).map(|number| sample::days(number, days + 1)).collect();
    let last = days as i64 * 86_400;
    let history: Vec<_> = series.iter().map(|series| series.between(series.start, series.start + last - 1)).collect();
    let (fit, fitted) = repeated(|| detector.fit(call, &history))?;
    let learned = fitted.into_iter().collect::<Option<Vec<_>>>();
    let judge = match learned {
        Some(learned) => {
            let window = |(series, state): (&model::series::Series, Vec<u8>)| {
                let series = series.between(series.start + last, series.start + last);
                Window { series, state, judge_from: 0 }
            };
            let states = learned.into_iter().map(|fitted| fitted.state);
            let windows: Vec<Window> = series.iter().zip(states).map(window).collect();
            let (judge, verdicts) = repeated(|| detector.judge(call, &windows))?;
            verdicts.iter().all(Option::is_some).then_some(judge)
        }
        None => None,
    };
    // Without verdicts the history was insufficient, and the cost of the fit would mislead.
    let cost = judge.is_some().then_some(fit);
    Ok([
        Measure { call: "fit", days, batch, points: days * batch, cost, other: None },
        Measure { call: "judge", days, batch, points: batch, cost: judge, other: None },
    ])
}

/// Returns the fastest repetition of a call with the results; `None` for a series with insufficient history.
fn repeated<T>(call: impl Fn() -> Outcome<T>) -> anyhow::Result<(Measured, Vec<Option<T>>)> {
    let started = Instant::now();
    let mut fastest: Option<(Duration, Outcome<T>)> = None;
    while fastest.is_none() || started.elapsed() < AT_LEAST {
        let before = Instant::now();
        let outcome = call();
        let took = before.elapsed();
        if fastest.as_ref().is_none_or(|(fastest, _)| took < *fastest) {
            fastest = Some((took, outcome));
        }
    }
    let (took, Outcome { results, usage }) = fastest.expect("called once at least");
    let settled = results.into_iter().map(|result| match result {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Learning(_)) => Ok(None),
        Err(failure) => Err(failure),
    });
    let settled = settled.collect::<Result<Vec<_>, Failure>>()?;
    let (fuel, budget, memory_bytes) = (usage.fuel, usage.budget, usage.memory_bytes);
    Ok((Measured { took, fuel, budget, memory_bytes }, settled))
}

fn table(detector: &Detector, other: Option<&Detector>, measures: &[Measure]) {
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
    for measure in measures {
        let Measure { call, days, batch, other, .. } = measure;
        let mut row = vec![(*call).to_owned(), days.to_string(), batch.to_string()];
        match &measure.cost {
            Some(cost) => {
                let micros = cost.took.as_secs_f64() * 1e6;
                let (series, points) = (*batch as f64, measure.points as f64);
                row.extend([micros / series, micros / points].map(|figure| format!("{figure:.2}")));
                row.extend([cost.fuel as f64 / series, cost.fuel as f64 / points].map(|figure| format!("{figure:.0}")));
                row.push(format!("{:.3}", 100.0 * cost.fuel as f64 / cost.budget as f64));
                row.push((cost.memory_bytes / 1024).to_string());
                row.push(format!("{:.2}", 100.0 * cost.memory_bytes as f64 / detector.limits().memory_bytes as f64));
                if let Some(other) = other {
                    row.push(format!("{:.2}", cost.took.as_secs_f64() / other.took.as_secs_f64()));
                    row.push(format!("{:.3}", cost.fuel as f64 / other.fuel as f64));
                }
            }
            None => row.push("insufficient_history".to_owned()),
        }
        table.add_row(row);
    }
    present::out(&table.to_string());
    let limits = detector.limits();
    if let Some(Detector { manifest, digest, .. }) = other {
        let (name, version) = (&manifest.name, &manifest.version);
        present::out(&format!(
            "times: of what {name} {version} (sha256:{digest}) takes; the same fuel is 1.000 everywhere"
        ));
    }
    present::out(&format!(
        "{} {}: limits fuel_per_call = {}, fit_fuel_per_series = {}, judge_fuel_per_series = {}, memory_bytes = {}; one core, a fresh instance a batch",
        detector.manifest.name,
        detector.manifest.version,
        limits.fuel_per_call,
        limits.fit_fuel_per_series,
        limits.judge_fuel_per_series,
        limits.memory_bytes
    ));
}

fn as_json(measure: &Measure) {
    let Measure { call, days, batch, points, cost, other } = measure;
    let figures = |cost: &Measured| {
        json!({
            "microseconds": cost.took.as_secs_f64() * 1e6,
            "fuel": cost.fuel,
            "fuelLimit": cost.budget,
            "memoryBytes": cost.memory_bytes,
        })
    };
    let [cost, other] = [cost, other].map(|cost| cost.as_ref().map(figures));
    let shown = json!({"call": call, "days": days, "batch": batch, "points": points, "cost": cost, "against": other});
    present::out(&shown.to_string());
}
