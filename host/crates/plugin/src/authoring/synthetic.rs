//! Synthetic series for benchmarks: the same on every machine, with weekends, drift and noise, without anomalies.

use model::series::Series;

/// Returns `days` daily values of the series `number`.
pub fn daily_series(number: usize, days: usize) -> Series {
    let value = |day: usize| {
        let weekend = if day % 7 < 5 { 1.0 } else { 0.6 };
        // A fixed seed per series and day gives the same noise in every run.
        let noise = fastrand::Rng::with_seed((number * 10_000 + day) as u64).f64() - 0.5;
        (1_000.0 + day as f64 + 10.0 * (number % 100) as f64) * weekend * (1.0 + 0.1 * noise)
    };
    Series {
        id: format!("account/project/service-{number}"),
        start: 1_767_193_200,
        utc_offset: 32_400,
        step: 86_400,
        values: (0..days).map(value).collect(),
        excluded: Vec::new(),
    }
}
