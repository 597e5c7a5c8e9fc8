//! The replaced pipeline's arithmetic, calculated from the rows: sums, statistics and the rule. The code is independent
//! of the program under test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use costwarden_tests::replay::{Bills, Row, after};

pub(crate) type Ids = [String; 3];

/// Days of a baseline.
const BASELINE_DAYS: i64 = 90;
/// The thresholds of the rule.
const MIN_SAMPLES: usize = 20;
const Z_SCORE: f64 = 3.0;
const RATIO: f64 = 2.0;
/// Days before costwarden accepts an anomalous level. The replaced pipeline never accepted a level.
const ACCEPT_AFTER: i64 = 7;
/// The largest distance between anomalous days of the same run of days.
const BRIDGED: i64 = 3;
/// The number of anomalous days in the newest days of a new level.
const CHANGED_DAYS: usize = 5;
/// A cost moves if the medians of its first and its last days differ by this share, and by this multiple of the difference from
/// day to day; after five rises in a row, by a third of the share.
const MOVEMENT: f64 = 0.15;
const MOVEMENT_PER_DAY: f64 = 1.5;
const RISES: usize = 5;
const TREND_DAYS: usize = 3;

pub(crate) const AMOUNTS: [&str; 5] = ["expectAmount", "generalAmount", "discountAmount", "usageTime", "usageSize"];

/// The results of the formulas.
#[derive(Debug, Default)]
pub(crate) struct Worked {
    /// Sums in the order of [`AMOUNTS`], by day and series.
    pub(crate) days: BTreeMap<(Date, Ids), [f64; 5]>,
    pub(crate) anomalies: BTreeMap<(Date, Ids), Anomaly>,
    /// Statistics up to the last day.
    pub(crate) statistics: BTreeMap<Ids, Statistics>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) count: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anomaly {
    pub(crate) observed: f64,
    pub(crate) mean: f64,
    pub(crate) std: f64,
    /// The z-score; `None` if the deviation is 0.
    pub(crate) z: Option<f64>,
    pub(crate) ratio: f64,
}

/// An incident with the history from before its first day. The replaced pipeline had no incidents.
struct Incident {
    history: Vec<f64>,
    first: Date,
    last: Date,
    /// The amounts of the anomalous days.
    observed: Vec<(Date, f64)>,
    is_open: bool,
    is_accepted: bool,
}

impl Incident {
    fn continues(&self, date: Date) -> bool {
        self.is_open || after(self.last, BRIDGED) >= date
    }

    fn is_level(&self) -> bool {
        let newest = self.observed.iter().filter(|(date, _)| after(*date, ACCEPT_AFTER) > self.last).count();
        after(self.first, ACCEPT_AFTER) <= after(self.last, 1) && newest >= CHANGED_DAYS && !self.is_moving()
    }

    /// Compares the first and the last days of the newest days.
    fn is_moving(&self) -> bool {
        let newest = &self.observed[self.observed.len().saturating_sub(ACCEPT_AFTER as usize)..];
        let costs: Vec<f64> = newest.iter().map(|(_, cost)| *cost).collect();
        let part = TREND_DAYS.min(costs.len() / 2);
        let median = |values: &[f64]| statistics(values).map_or(f64::NAN, |statistics| statistics.p50);
        let [first, last] = [&costs[..part], &costs[costs.len() - part..]].map(median);
        let daily: Vec<f64> = costs.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
        let rises =
            newest.windows(2).rev().take_while(|pair| after(pair[0].0, 1) == pair[1].0 && pair[1].1 > pair[0].1);
        let moved = (last - first).abs();
        let is_steady = rises.count() >= RISES && moved > MOVEMENT / 3.0 * last;
        let is_large = moved > MOVEMENT * last && moved > MOVEMENT_PER_DAY * median(&daily);
        part > 1 && (is_steady || is_large)
    }
}

/// Evaluates each day, in order: a day of an open incident with the days before the incident, and any other day with
/// the days before.
pub(crate) fn work(bills: &Bills) -> Worked {
    let mut worked = Worked::default();
    let mut series: BTreeMap<Ids, BTreeMap<Date, f64>> = BTreeMap::new();
    let mut incidents: BTreeMap<Ids, Incident> = BTreeMap::new();
    for (date, rows) in bills {
        let mut groups: BTreeMap<Ids, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            groups.entry(row.series_key.ids.map(str::to_owned)).or_default().push(row);
        }
        for (ids, rows) in groups {
            let sums = AMOUNTS.map(|field| exact(rows.iter().filter_map(|row| text_of(row, field))));
            worked.days.insert((*date, ids.clone()), sums);
            let days = series.entry(ids.clone()).or_default();
            let learned = anomalous_days(&worked, &ids).short_runs();
            let incident = incidents.get(&ids);
            let history = match incident.filter(|incident| incident.is_open) {
                Some(incident) => incident.history.clone(),
                None => known(days, after(*date, -BASELINE_DAYS), after(*date, -1), &learned),
            };
            if let Some(anomaly) = rule(sums[0], &history) {
                if !incident.is_some_and(|incident| incident.continues(*date)) {
                    let begun = Incident {
                        history,
                        first: *date,
                        last: *date,
                        observed: Vec::new(),
                        is_open: true,
                        is_accepted: false,
                    };
                    incidents.insert(ids.clone(), begun);
                }
                let incident = incidents.get_mut(&ids).expect("an incident");
                incident.last = *date;
                incident.observed.push((*date, sums[0]));
                incident.is_accepted |= incident.is_level();
                incident.is_open = !incident.is_accepted;
                worked.anomalies.insert((*date, ids), anomaly);
            } else if let Some(incident) = incidents.get_mut(&ids) {
                incident.is_open = false;
            }
            days.insert(*date, sums[0]);
        }
    }
    let Some((last, _)) = bills.last_key_value() else { return worked };
    for (ids, days) in &series {
        let left_out = anomalous_days(&worked, ids).0;
        let history = known(days, after(*last, 1 - BASELINE_DAYS), *last, &left_out);
        if let Some(statistics) = statistics(&history) {
            worked.statistics.insert(ids.clone(), statistics);
        }
    }
    worked
}

/// The double nearest to the exact sum of decimals.
pub(crate) fn exact<'a>(texts: impl Iterator<Item = &'a str>) -> f64 {
    const DIGITS: usize = 24;
    let sum: i128 = texts.map(|text| scaled(text, DIGITS)).sum();
    let sign = if sum < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", sum.unsigned_abs(), width = DIGITS + 1);
    let (whole, rest) = digits.split_at(digits.len() - DIGITS);
    format!("{sign}{whole}.{rest}").parse().expect("a decimal")
}

pub(crate) fn statistics(values: &[f64]) -> Option<Statistics> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len();
    let mean = values.iter().sum::<f64>() / count as f64;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let std = if count > 1 { (squares / (count as f64 - 1.0)).sqrt() } else { 0.0 };
    // Between the two values around the place (n - 1) * p, in the proportion in which the place lies between them.
    let percentile = |p: f64| {
        let place = (count as f64 - 1.0) * p;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        below + (above - below) * (place - place.floor())
    };
    Some(Statistics { mean, std, min, max, p50: percentile(0.5), p95: percentile(0.95), count })
}

fn rule(observed: f64, history: &[f64]) -> Option<Anomaly> {
    if history.len() < MIN_SAMPLES {
        return None;
    }
    let Statistics { mean, std, .. } = statistics(history)?;
    if mean == 0.0 || observed < mean {
        return None;
    }
    let ratio = observed / mean;
    let z = (std > 0.0).then(|| (observed - mean) / std);
    let anomalous = ratio >= RATIO || z.is_some_and(|z| z >= Z_SCORE);
    anomalous.then_some(Anomaly { observed, mean, std, z, ratio })
}

struct AnomalousDays(BTreeSet<Date>);

fn anomalous_days(worked: &Worked, ids: &Ids) -> AnomalousDays {
    AnomalousDays(worked.anomalies.keys().filter(|(_, of)| of == ids).map(|(date, _)| *date).collect())
}

impl AnomalousDays {
    /// The anomalous days, without runs long enough to be a new level.
    fn short_runs(&self) -> BTreeSet<Date> {
        let mut short = BTreeSet::new();
        let mut rest: Vec<Date> = self.0.iter().copied().collect();
        while let Some(first) = rest.first().copied() {
            let breaks = rest.windows(2).position(|pair| after(pair[0], BRIDGED) < pair[1]);
            let run: Vec<Date> = rest.drain(..breaks.map_or(rest.len(), |place| place + 1)).collect();
            if after(first, ACCEPT_AFTER) > after(run[run.len() - 1], 1) {
                short.extend(run);
            }
        }
        short
    }
}

fn known(days: &BTreeMap<Date, f64>, from: Date, to: Date, left_out: &BTreeSet<Date>) -> Vec<f64> {
    days.range(from..=to).filter(|(date, _)| !left_out.contains(date)).map(|(_, amount)| *amount).collect()
}

/// A field; null and absent fields are `None`.
fn text_of<'a>(row: &'a Row, field: &str) -> Option<&'a str> {
    let (_, text) = row.fields.iter().find(|(name, _)| *name == field)?;
    (text != "null").then_some(text)
}

/// A decimal times ten to the power of `digits`.
fn scaled(text: &str, digits: usize) -> i128 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (sign, unsigned) = mantissa.strip_prefix('-').map_or((1, mantissa), |rest| (-1, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let exponent: i32 = exponent.parse().expect("an exponent");
    let zeros = digits as i32 + exponent - fraction.len() as i32;
    let zeros = u32::try_from(zeros).expect("no finer than this test counts");
    let number: i128 = format!("{whole}{fraction}").parse().expect("digits");
    sign * number * 10_i128.pow(zeros)
}
