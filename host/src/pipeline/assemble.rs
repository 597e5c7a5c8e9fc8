//! Aggregation: builds the series of a rule from stored days and snapshots.
//!
//! Pure functions. A day outside the ledger is NaN, never 0. A day with rows only for different series is 0, unless the
//! rule says "unknown".

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::exclude::{Excluded, Points};
use model::history::{History, HistoryRow, SnapshotRow, Snapshots};
use model::rule::{Absent, Rule};
use model::series::hours::Hours;
use model::series::{Grain, Names, Series, SeriesKey, day_start};

/// A watched series with key and names.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) key: SeriesKey,
    pub(super) names: Names,
    pub(super) series: Series,
}

impl Sample {
    /// Splits the series. The last `own` points belong to the newest day, and the first `seen` of the points are
    /// evaluated. Returns the history to fit and the points to evaluate.
    pub(super) fn ask(self, own: usize, seen: usize) -> (Series, Self) {
        let Self { key, names, series: mut history } = self;
        let learned_from = history.values.len().saturating_sub(own);
        let mut values = history.values.split_off(learned_from);
        values.truncate(seen);
        // The mask covers only the history to fit.
        history.excluded.retain(|index| (*index as usize) < learned_from);
        let start = history.start + learned_from as i64 * i64::from(history.step);
        let (id, utc_offset, step) = (history.id.clone(), history.utc_offset, history.step);
        let series = Series { id, start, utc_offset, step, values, excluded: Vec::new() };
        (history, Self { key, names, series })
    }

    /// A known series without a row today: no cost yet.
    pub(super) fn zero(key: &SeriesKey, names: &Names, grain: Grain, frame: Frame<'_>) -> Self {
        let (start, utc_offset) = day_start(frame.through, frame.zone);
        let (id, step) = (key.to_string(), grain.step_seconds());
        let series = Series { id, start, utc_offset, step, values: vec![0.0], excluded: Vec::new() };
        Self { key: key.clone(), names: names.clone(), series }
    }
}

/// Common parameters of all series: time zone, training mask and last day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) zone: &'a TimeZone,
    pub(super) excluded: &'a Excluded,
    pub(super) accept_after_days: u16,
    /// The newest day of the series.
    pub(super) through: Date,
}

/// The days of a frame, with the index of each day among the known days.
#[derive(Debug)]
struct Axis {
    days: Vec<Date>,
    /// Unix seconds and UTC offset of the first day.
    start: (i64, i32),
    /// Index into the known days; `None` for a missing day.
    known: Vec<Option<usize>>,
}

/// The daily series of a rule, summed while members arrive in key order. The sums do not depend on the number of
/// members per call.
pub(super) struct Daily<'r> {
    rule: &'r Rule,
    axis: Option<Axis>,
    groups: BTreeMap<SeriesKey, Group<f64>>,
}

/// The snapshots of a rule, summed like [`Daily`].
pub(super) struct Grids<'r> {
    rule: &'r Rule,
    axis: Option<Axis>,
    groups: BTreeMap<SeriesKey, Group<[f64; 24]>>,
}

/// The sums of a series over the axis.
#[derive(Debug)]
struct Group<T> {
    /// Names of the first member.
    names: Names,
    sums: Vec<T>,
}

impl<'r> Daily<'r> {
    /// Starts the sums for `days` days up to the end of the frame.
    pub(super) fn new(rule: &'r Rule, known: &[Date], days: u16, frame: Frame<'_>) -> Self {
        Self { rule, axis: Axis::new(known, days, frame), groups: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, rows: &BTreeMap<SeriesKey, HistoryRow>) {
        let Some(axis) = &self.axis else { return };
        let missing = match self.rule.absent {
            Absent::Zero => 0.0,
            Absent::Unknown => f64::NAN,
        };
        for (key, row) in rows {
            if !self.rule.select.matches(key, &row.names) {
                continue;
            }
            let group = self.rule.group_by.group(key);
            let group = Group::of(&mut self.groups, self.rule, group, &row.names, || vec![f64::NAN; axis.days.len()]);
            let Some(amounts) = row.values.get(&self.rule.measure) else { continue };
            for (sum, known) in group.sums.iter_mut().zip(&axis.known) {
                if let Some(index) = *known {
                    // The day is known, but the series has no row.
                    let amount = if amounts[index].is_nan() { missing } else { amounts[index] };
                    *sum = plus(*sum, amount);
                }
            }
        }
    }

    /// Returns the series in key order.
    pub(super) fn samples(self, frame: Frame<'_>) -> Vec<Sample> {
        let Some(axis) = self.axis else { return Vec::new() };
        let sample = |(key, Group { names, sums: values }): (SeriesKey, Group<f64>)| {
            let points = frame.excluded.of(&key, frame.accept_after_days);
            let excluded = indices(values.len(), &points, |index| points.has_day(axis.days[index]));
            let (id, (start, utc_offset), step) = (key.to_string(), axis.start, Grain::Daily.step_seconds());
            Sample { names, series: Series { id, start, utc_offset, step, values, excluded }, key }
        };
        self.groups.into_iter().map(sample).collect()
    }
}

impl<'r> Grids<'r> {
    /// Starts the sums for `days` days up to the end of the frame.
    pub(super) fn new(rule: &'r Rule, known: &[Date], days: u16, frame: Frame<'_>) -> Self {
        Self { rule, axis: Axis::new(known, days, frame), groups: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, rows: &BTreeMap<SeriesKey, SnapshotRow>) {
        let Some(axis) = &self.axis else { return };
        for (key, row) in rows {
            if !self.rule.select.matches(key, &row.names) {
                continue;
            }
            let group = self.rule.group_by.group(key);
            let group =
                Group::of(&mut self.groups, self.rule, group, &row.names, || vec![[f64::NAN; 24]; axis.days.len()]);
            for (sums, known) in group.sums.iter_mut().zip(&axis.known) {
                let Some(index) = *known else { continue };
                for (sum, amount) in sums.iter_mut().zip(row.hours[index]) {
                    *sum = plus(*sum, amount);
                }
            }
        }
    }

    /// Returns the grids in key order.
    pub(super) fn grids<'a>(self, frame: Frame<'a>) -> impl Iterator<Item = Grid<'a>> + use<'a> {
        // All grids of the rule share the axis and the clock changes.
        let axis = self.axis.map(Rc::new);
        let unusual = Rc::new(axis.as_ref().map(|axis| axis.unusual(frame.zone)).unwrap_or_default());
        self.groups.into_iter().filter_map(move |(key, Group { names, sums: hours })| {
            let excluded = frame.excluded.of(&key, frame.accept_after_days);
            Some(Grid {
                id: key.to_string(),
                key,
                names,
                axis: axis.clone()?,
                unusual: unusual.clone(),
                excluded,
                hours,
            })
        })
    }
}

/// The daily series of each group in key order, for `days` days up to the end of the frame.
pub(super) fn daily(history: &History, rule: &Rule, days: u16, frame: Frame<'_>) -> Vec<Sample> {
    let mut daily = Daily::new(rule, &history.days, days, frame);
    daily.add(&history.rows);
    daily.samples(frame)
}

/// The daily series of a group without a row on any known day. `None` without a known day.
pub(super) fn nothing(key: &SeriesKey, known: &[Date], days: u16, frame: Frame<'_>) -> Option<Series> {
    let Axis { start: (start, utc_offset), known, .. } = Axis::new(known, days, frame)?;
    let values = known.iter().map(|known| if known.is_some() { 0.0 } else { f64::NAN }).collect();
    let (id, step) = (key.to_string(), Grain::Daily.step_seconds());
    Some(Series { id, start, utc_offset, step, values, excluded: Vec::new() })
}

/// The snapshots of each group over the look-back of the rule, in key order.
pub(super) fn grids<'a>(
    snapshots: &Snapshots,
    rule: &Rule,
    frame: Frame<'a>,
) -> impl Iterator<Item = Grid<'a>> + use<'a> {
    let mut grids = Grids::new(rule, &snapshots.days, rule.history_days, frame);
    grids.add(&snapshots.rows);
    grids.grids(frame)
}

/// The cumulative amounts of a series, 24 hours per day; NaN for an hour without a run.
#[derive(Debug)]
pub(super) struct Grid<'a> {
    key: SeriesKey,
    id: String,
    names: Names,
    axis: Rc<Axis>,
    /// The days with a clock change.
    unusual: Rc<BTreeMap<Date, Hours>>,
    excluded: Points<'a>,
    hours: Vec<[f64; 24]>,
}

impl Grid<'_> {
    /// The cost of each day up to `hour`. `None` if no day has a value.
    pub(super) fn day_to_date(&self, hour: u8) -> Option<Sample> {
        let values = self.hours.iter().map(|hours| hours[usize::from(hour)]).collect();
        self.sample(Grain::DayToDate, values, |index| (self.axis.days[index], hour))
    }

    /// The cost of each hour. `None` without two consecutive known hours.
    pub(super) fn hourly(&self) -> Option<Sample> {
        let days = self.hours.iter().zip(&self.axis.days);
        let values = days.flat_map(|(hours, date)| increments(hours, self.unusual.get(date))).collect();
        self.sample(Grain::Hourly, values, |index| (self.axis.days[index / 24], (index % 24) as u8))
    }

    fn sample(&self, grain: Grain, values: Vec<f64>, at: impl Fn(usize) -> (Date, u8)) -> Option<Sample> {
        if values.iter().all(|value| value.is_nan()) {
            return None;
        }
        let excluded = indices(values.len(), &self.excluded, |index| {
            let (date, hour) = at(index);
            self.excluded.has_day(date) || self.excluded.has_hour(date, hour)
        });
        let (id, (start, utc_offset), step) = (self.id.clone(), self.axis.start, grain.step_seconds());
        let series = Series { id, start, utc_offset, step, values, excluded };
        Some(Sample { key: self.key.clone(), names: self.names.clone(), series })
    }
}

/// The cost of each hour; NaN if the hour or the previous hour is unknown.
fn increments(hours: &[f64; 24], unusual: Option<&Hours>) -> [f64; 24] {
    match unusual {
        Some(day) => day.increments(hours),
        None => std::array::from_fn(|hour| hours[hour] - if hour == 0 { 0.0 } else { hours[hour - 1] }),
    }
}

impl<T> Group<T> {
    /// The group of a member series, created on first use.
    fn of<'g>(
        groups: &'g mut BTreeMap<SeriesKey, Self>,
        rule: &Rule,
        group: SeriesKey,
        names: &Names,
        nothing: impl FnOnce() -> Vec<T>,
    ) -> &'g mut Self {
        let new = || Self { names: rule.group_by.names(names), sums: nothing() };
        groups.entry(group).or_insert_with(new)
    }
}

/// The sum of the known amounts; NaN if both are unknown.
fn plus(sum: f64, amount: f64) -> f64 {
    match (sum.is_nan(), amount.is_nan()) {
        (true, _) => amount,
        (false, true) => sum,
        (false, false) => sum + amount,
    }
}

/// The selected indices; empty for a series without anomalous points.
fn indices(len: usize, points: &Points<'_>, chosen: impl Fn(usize) -> bool) -> Vec<u32> {
    if points.is_empty() {
        return Vec::new();
    }
    (0..len).filter(|index| chosen(*index)).map(|index| index as u32).collect()
}

impl Axis {
    /// Every day of the span, from the first known day on. `None` without a known day.
    fn new(known: &[Date], history_days: u16, frame: Frame<'_>) -> Option<Self> {
        let through = frame.through;
        let oldest = through.checked_sub((i64::from(history_days) - 1).days()).ok()?;
        let first = known.iter().copied().find(|day| (oldest..=through).contains(day))?;
        let days: Vec<Date> = first.series(1.day()).take_while(|day| *day <= through).collect();
        let known = days.iter().map(|day| known.binary_search(day).ok()).collect();
        Some(Self { start: day_start(first, frame.zone), days, known })
    }

    /// The days with a clock change.
    fn unusual(&self, zone: &TimeZone) -> BTreeMap<Date, Hours> {
        let of = |date: &Date| Some((*date, Hours::of_day(*date, zone).filter(Hours::has_clock_change)?));
        self.days.iter().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests;
