//! Counts of a run: a value for each metric and set of labels.

use std::collections::BTreeMap;

use super::Metric;
use super::family::Kind;

/// Label values, in the order of the metric's family.
pub(super) type Labels = Box<[Box<str>]>;

/// The counts of a run, or the totals over all runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tally(pub(super) BTreeMap<Metric, BTreeMap<Labels, f64>>);

impl Tally {
    /// Adds `more` to a value; a new value starts at 0.
    pub(crate) fn add(&mut self, metric: Metric, labels: &[&str], more: f64) {
        *self.value(metric, labels) += more;
    }

    /// Replaces a value.
    pub(crate) fn set(&mut self, metric: Metric, labels: &[&str], value: f64) {
        *self.value(metric, labels) = value;
    }

    /// Sets a value if the metric has no value yet.
    pub(crate) fn set_once(&mut self, metric: Metric, labels: &[&str], value: f64) {
        if !self.0.contains_key(&metric) {
            self.set(metric, labels, value);
        }
    }

    /// Adds all counts of another tally.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (metric, values) in other.0 {
            let own = self.0.entry(metric).or_default();
            for (labels, value) in values {
                *own.entry(labels).or_default() += value;
            }
        }
    }

    /// Returns a value; 0 without an entry.
    pub(crate) fn get(&self, metric: Metric, labels: &[&str]) -> f64 {
        let labels: Labels = labels.iter().map(|label| Box::from(*label)).collect();
        self.0.get(&metric).and_then(|values| values.get(&labels)).copied().unwrap_or(0.0)
    }

    /// Returns the gauges and streaks, without the counters.
    pub(super) fn without_counters(mut self) -> Self {
        self.0.retain(|metric, _| metric.family().kind != Kind::Counter);
        self
    }

    /// Returns the sum of a metric over all labels.
    #[cfg(test)]
    pub(crate) fn sum(&self, metric: Metric) -> f64 {
        self.0.get(&metric).map_or(0.0, |values| values.values().sum())
    }

    fn value(&mut self, metric: Metric, labels: &[&str]) -> &mut f64 {
        debug_assert_eq!(labels.len(), metric.family().labels.len(), "{metric:?} {labels:?}");
        let labels = labels.iter().map(|label| Box::from(*label)).collect();
        self.0.entry(metric).or_default().entry(labels).or_default()
    }
}
