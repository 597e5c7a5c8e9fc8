//! The rate of alerts of a detector, without labels.

use super::event::alerts;
use crate::authoring::series_file::SeriesFile;
use crate::authoring::walk::TrialResult;

/// The alerts and the judged days of one or several series.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AlertRate {
    pub alerts: usize,
    /// The time of all judged points.
    pub days: f64,
}

const DAY_SECONDS: f64 = 86_400.0;

impl AlertRate {
    /// Adds the result of a series.
    pub fn add(&mut self, file: &SeriesFile, result: &TrialResult) {
        let flags: Vec<bool> = (0..result.verdicts.len()).map(|point| result.is_anomalous(point)).collect();
        self.alerts += alerts(&flags).len();
        let judged = result.verdicts.iter().flatten().count();
        self.days += judged as f64 * f64::from(file.series.step) / DAY_SECONDS;
    }

    /// Returns the alerts in 30 days of one series; `None` without a judged point.
    pub fn per_30_days(&self) -> Option<f64> {
        (self.days > 0.0).then(|| self.alerts as f64 * 30.0 / self.days)
    }
}

#[cfg(test)]
mod tests {
    use sandbox::Verdict;

    use super::*;
    use crate::authoring::series_file;

    #[test]
    fn alerts_count_by_judged_days() {
        let rows: String = (1..=20).map(|day| format!("2026-01-{day:02},1\n")).collect();
        let file = series_file::parse("x", &format!("timestamp,value\n{rows}")).expect("a series");
        let verdict = |point: u32| Verdict {
            index: point,
            score: if point == 12 || point == 19 { 2.0 } else { 0.0 },
            expected: 1.0,
            lower: 0.0,
            upper: 2.0,
            reason: String::new(),
        };
        let verdicts = (0..20).map(|point| (point >= 5).then(|| verdict(point))).collect();
        let mut rate = AlertRate::default();
        rate.add(&file, &TrialResult { verdicts, ..TrialResult::default() });
        assert_eq!((rate, rate.per_30_days()), (AlertRate { alerts: 2, days: 15.0 }, Some(4.0)));
        assert_eq!(AlertRate::default().per_30_days(), None);
    }
}
