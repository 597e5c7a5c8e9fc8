//! The series for both sides.

/// Id, Unix time of the first value, and values: weekly patterns with noise at different levels. Every eighth series
/// ends with a spike and has a reason.
pub(crate) fn all(count: usize, points: usize) -> Vec<(String, i64, Vec<f64>)> {
    /// 2026-01-01 at midnight in Seoul.
    const START: i64 = 1_767_193_200;
    let mut random = fastrand::Rng::with_seed(42);
    let mut one = |i: usize| {
        let level = 10_f64.powf(2.0 + 4.0 * random.f64());
        let weekend = 0.5 + 0.5 * random.f64();
        let mut values: Vec<f64> = (0..points)
            .map(|day| {
                let season = if (day + 3) % 7 >= 5 { weekend } else { 1.0 };
                (level * season * (0.95 + 0.1 * random.f64()) * 100.0).round() / 100.0
            })
            .collect();
        if i.is_multiple_of(8)
            && let Some(last) = values.last_mut()
        {
            *last *= 5.0;
        }
        (format!("account-{:08x}/project-{:08x}/service-{i:05}", random.u32(..), random.u32(..)), START, values)
    };
    (0..count).map(&mut one).collect()
}
