//! The axis of amounts: a range with round ends, and ticks with their texts.

use model::money;

use crate::figure::Figure;

/// A range of amounts, divided into equal steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AmountAxis {
    low: f64,
    step: f64,
    steps: usize,
}

/// A tick of the axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AmountTick {
    /// Position between 0 (low) and 1 (high).
    pub(crate) position: f64,
    pub(crate) text: String,
}

/// Bounds extend the range of the values by at most this share, so that a wide band does not flatten the values.
const MAX_SHARE_OF_BOUNDS: f64 = 0.5;

impl AmountAxis {
    /// Returns the axis for all values of a figure with about `ticks` ticks.
    pub(crate) fn of(figure: &Figure, ticks: usize) -> Self {
        let bands = || figure.points.iter().filter_map(|point| point.band);
        let amounts = figure.points.iter().map(|point| point.value).chain(bands().map(|band| band.expected));
        let Some([low, high]) = extent(amounts) else { return Self { low: 0.0, step: 1.0, steps: 1 } };
        let room = (high - low) * MAX_SHARE_OF_BOUNDS;
        let bounds = bands().flat_map(|band| [band.lower, band.upper]).filter(|bound| bound.is_finite());
        let bounds = bounds.map(|bound| bound.clamp(low - room, high + room));
        let [low, high] = extent(bounds.chain([low, high])).unwrap_or([low, high]);
        Self::between(low, high, ticks)
    }

    fn between(low: f64, high: f64, ticks: usize) -> Self {
        // A constant series gets a range around the value.
        let half = if high > low { 0.0 } else { (low.abs() / 2.0).max(0.5) };
        let [low, high] = [low - half, high + half];
        let step = round_step((high - low) / ticks.max(1) as f64);
        let first = (low / step).floor();
        let last = (high / step).ceil();
        Self { low: first * step, step, steps: ((last - first) as usize).max(1) }
    }

    /// Returns the position of an amount between 0 (low) and 1 (high). Amounts outside the range are on the edge.
    pub(crate) fn position(&self, amount: f64) -> f64 {
        ((amount - self.low) / (self.step * self.steps as f64)).clamp(0.0, 1.0)
    }

    pub(crate) fn ticks(&self) -> Vec<AmountTick> {
        let decimals = (-self.step.log10().floor()).clamp(0.0, 12.0) as usize;
        let tick = |number: usize| {
            // The sum of -0.0 and 0.0 is 0.0.
            let amount = self.low + self.step * number as f64 + 0.0;
            let text = money::grouped(&format!("{amount:.decimals$}"));
            AmountTick { position: number as f64 / self.steps as f64, text }
        };
        (0..=self.steps).map(tick).collect()
    }
}

/// Returns the smallest and the largest known amount.
fn extent(amounts: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    amounts.filter(|amount| amount.is_finite()).fold(None, |extent, amount| {
        let [low, high] = extent.unwrap_or([amount; 2]);
        Some([low.min(amount), high.max(amount)])
    })
}

/// Returns the next 1, 2 or 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    // The tolerance keeps 2.0000000001 at 2.
    let factor = factors.into_iter().find(|factor| step <= power * factor * (1.0 + 1e-9)).unwrap_or(10.0);
    power * factor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(low: f64, high: f64, expect: &[&str]) {
        let texts: Vec<String> = AmountAxis::between(low, high, 4).ticks().into_iter().map(|tick| tick.text).collect();
        assert_eq!(texts, expect, "{low}..{high}");
    }

    #[test]
    fn ticks_are_round_amounts() {
        check(0.0, 1_000_000.0, &["0", "500,000", "1,000,000"]);
        check(12.0, 47.5, &["10", "20", "30", "40", "50"]);
        check(-3.0, 3.0, &["-4", "-2", "0", "2", "4"]);
        check(0.001, 0.0032, &["0.001", "0.002", "0.003", "0.004"]);
    }

    #[test]
    fn a_constant_series_has_a_range() {
        check(0.0, 0.0, &["-0.5", "0.0", "0.5"]);
        check(100.0, 100.0, &["50", "100", "150"]);
    }

    #[test]
    fn amounts_outside_the_range_are_on_the_edge() {
        let axis = AmountAxis::between(0.0, 10.0, 5);
        assert_eq!(
            [-1.0, 0.0, 5.0, 10.0, f64::INFINITY].map(|amount| axis.position(amount)),
            [0.0, 0.0, 0.5, 1.0, 1.0]
        );
    }
}
