//! The input of a detector, and the evaluation: the verdicts of all rules at a moment.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::anomaly::Anomaly;
use model::incident::{NormalVerdicts, OpeningBand};
use model::moment::Moment;
use model::series::hours::Hours;
use model::series::{Grain, Series, SeriesKey};
use store::FitState;

use super::aggregate::RuleSeries;
use super::gates::Growth;

/// The verdicts of all rules at a moment.
#[derive(Debug, Default)]
pub(crate) struct Evaluation {
    /// The anomalies of live rules.
    pub(crate) anomalies: Vec<Anomaly>,
    /// The anomalies of shadow rules. The incidents, the training mask and the marks of the ledger do not use these
    /// anomalies.
    pub(crate) shadow_anomalies: Vec<Anomaly>,
    /// For each series of an incident: the rules with a verdict but without an anomaly. A partial day compared with
    /// whole days does not count.
    pub(super) normal: HashMap<SeriesKey, NormalVerdicts>,
    /// The fits of anomalous series and of the series of incidents, by rule: the opening bands of new incidents.
    pub(super) bands: HashMap<SeriesKey, BTreeMap<String, OpeningBand>>,
    /// The rules with any verdict, anomalous or not.
    pub(super) rules: BTreeSet<String>,
    /// Rules stopped after a failure of a whole batch.
    pub(super) stopped_rules: BTreeSet<String>,
    /// For each series of an incident: the rules without a verdict.
    pub(super) failed: HashMap<SeriesKey, BTreeSet<String>>,
    /// Number of series visible to the rules.
    pub(crate) series: u64,
    /// Number of verdicts, anomalous or not.
    pub(crate) verdicts: u64,
}

/// The input of a detector: the points to evaluate, and the fit from before.
pub(super) struct DetectorInput {
    pub(super) series: RuleSeries,
    pub(super) state: Vec<u8>,
    pub(super) figures: BTreeMap<String, f64>,
    /// Index of the first point to judge.
    pub(super) judge_from: u32,
    /// The last day in the training data of the fit.
    pub(super) through: Date,
    /// The growth of the series before the judged point, for the gates.
    pub(super) growth: Option<Growth>,
    /// Whether the state is the opening band of an incident.
    pub(super) is_opening_band: bool,
}

/// The part of a day covered by an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    /// A finished day, or a partial day compared with the same part of earlier days.
    Full,
    /// A partial day compared with whole days: only a value at or above the upper bound is proof.
    Partial,
}

/// The evaluated moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct EvaluationTime {
    pub(super) moment: Moment,
    pub(super) coverage: Coverage,
    /// Factor for a day with a clock change; 1 on any other day.
    pub(super) scale: f64,
}

impl DetectorInput {
    /// The input to judge the last point of a series with a fit through a day.
    pub(super) fn of_last_point(series: RuleSeries, fit: FitState, through: Date) -> Self {
        let judge_from = series.series.values.len() as u32 - 1;
        let FitState { state, figures } = fit;
        Self { series, state, figures, judge_from, through, growth: None, is_opening_band: false }
    }

    /// The input to compare the newest day of a daily series with an opening band. Every day since the opening, except
    /// the newest, is unknown to the detector, so the band does not move.
    pub(super) fn of_opening_band(newest: RuleSeries, band: &OpeningBand, date: Date) -> Self {
        let RuleSeries { key, names, series } = newest;
        let unknown_days = (date - band.through).get_days().saturating_sub(1).max(0);
        let value = series.values.last().copied().unwrap_or(f64::NAN);
        let mut values = vec![f64::NAN; usize::try_from(unknown_days).unwrap_or(0)];
        values.push(value);
        let start = series.start - i64::from(unknown_days) * i64::from(series.step);
        let judge_from = values.len() as u32 - 1;
        Self {
            series: RuleSeries { key, names, series: Series { start, values, excluded: Vec::new(), ..series } },
            state: band.state.clone(),
            figures: band.figures.clone(),
            judge_from,
            through: band.through,
            growth: None,
            is_opening_band: true,
        }
    }
}

impl EvaluationTime {
    /// The moment for series of a grain.
    pub(super) fn new(moment: Moment, grain: Grain, zone: &TimeZone) -> Self {
        let coverage = match grain {
            Grain::Daily if moment.hour.is_some() => Coverage::Partial,
            _ => Coverage::Full,
        };
        let scaled_hour = match grain {
            Grain::Daily => Some(None),
            Grain::DayToDate => Some(moment.hour),
            // Hourly increments are already normalized per hour of time.
            Grain::Hourly => None,
        };
        let scale = scaled_hour.and_then(|hour| Some(Hours::of_day(moment.date, zone)?.scale(hour))).unwrap_or(1.0);
        Self { moment, coverage, scale }
    }
}
