//! Aggregation: builds the series of a rule from stored days and snapshots.
//!
//! Pure functions. A day outside the ledger is NaN, never 0. A day with rows only for different series is 0, unless the
//! rule says "unknown". A day with a refused row is NaN, and in the sums over the series too.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::history::{History, HistoryRow, SnapshotRow, Snapshots};
use model::moment::Moment;
use model::rule::{Absent, Rule};
use model::series::hours::Hours;
use model::series::{Grain, NO_SERVICE, Names, Series, SeriesKey, day_start};

use super::mask::{SeriesMask, TrainingMask};

/// The cumulative amounts of a day by hour; NaN for an hour without a run.
type HourlyAmounts = [f64; 24];

/// A series of a rule, with key and names.
#[derive(Debug, Clone)]
pub(super) struct RuleSeries {
    pub(super) key: SeriesKey,
    pub(super) names: Names,
    pub(super) series: Series,
}

/// The points of the newest day of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewestDay {
    pub(super) points: usize,
    /// Number of points to evaluate, from the start of the day on.
    pub(super) evaluated: usize,
}

/// Common parameters of all series: time zone, training mask and last day.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesFrame<'a> {
    pub(super) zone: &'a TimeZone,
    pub(super) mask: &'a TrainingMask,
    pub(super) accept_after_days: u16,
    /// The newest day of the series.
    pub(super) through: Date,
}

/// The sums of a rule, added while series arrive in key order. The sums do not depend on the number of series per call.
pub(super) struct GroupSums<'r, T> {
    rule: &'r Rule,
    axis: Option<Rc<DayAxis>>,
    groups: BTreeMap<SeriesKey, GroupSum<T>>,
    /// The project of the newest charges without a service, and the days on which they may belong to any service.
    without_service: Option<(SeriesKey, Rc<BTreeSet<usize>>)>,
}

/// The daily sums of a rule.
pub(super) type DailySums<'r> = GroupSums<'r, f64>;

/// The summed snapshots of a rule.
pub(super) type SnapshotSums<'r> = GroupSums<'r, HourlyAmounts>;

/// The sum of a group over the axis.
#[derive(Debug)]
struct GroupSum<T> {
    /// Names of the first member.
    names: Names,
    sums: Vec<T>,
    /// Indices of the days on which the amount of a member is not known.
    incomplete: BTreeSet<usize>,
}

/// The summed snapshots of a group.
#[derive(Debug)]
pub(super) struct SnapshotSeries<'a> {
    key: SeriesKey,
    id: String,
    names: Names,
    axis: Rc<DayAxis>,
    /// The days with a clock change.
    clock_changes: Rc<BTreeMap<Date, Hours>>,
    mask: SeriesMask<'a>,
    days: Vec<HourlyAmounts>,
}

/// The days of a frame, with the index of each day among the known days.
#[derive(Debug)]
struct DayAxis {
    days: Vec<Date>,
    /// Start of the first day, in Unix seconds.
    start: i64,
    utc_offset: i32,
    /// Index into the known days; `None` for a missing day.
    known: Vec<Option<usize>>,
}

impl RuleSeries {
    /// Splits the series at the newest day. Returns the history to fit and the points to evaluate.
    pub(super) fn split_newest_day(self, newest: NewestDay) -> (Series, Self) {
        let Self { key, names, series: mut history } = self;
        let history_points = history.values.len().saturating_sub(newest.points);
        let mut values = history.values.split_off(history_points);
        values.truncate(newest.evaluated);
        // The mask covers only the history to fit.
        history.excluded.retain(|index| (*index as usize) < history_points);
        let start = history.start + history_points as i64 * i64::from(history.step);
        let Series { id, utc_offset, step, .. } = &history;
        let series =
            Series { id: id.clone(), start, utc_offset: *utc_offset, step: *step, values, excluded: Vec::new() };
        (history, Self { key, names, series })
    }

    /// A known series without a row today: no cost yet.
    pub(super) fn zero_today(key: &SeriesKey, names: &Names, frame: SeriesFrame<'_>) -> Self {
        let (start, utc_offset) = day_start(frame.through, frame.zone);
        let step = Grain::Daily.step_seconds();
        let series = Series { id: key.to_string(), start, utc_offset, step, values: vec![0.0], excluded: Vec::new() };
        Self { key: key.clone(), names: names.clone(), series }
    }
}

impl<'a> SeriesFrame<'a> {
    /// The daily series of each group in key order, for `days` days up to the end of the frame.
    pub(super) fn daily(self, rule: &Rule, history: &History, days: u16) -> Vec<RuleSeries> {
        let mut sums = DailySums::new(rule, self.axis(&history.days, days));
        sums.add(&history.rows);
        sums.into_series(self)
    }

    /// The snapshots of each group over the look-back of the rule, in key order.
    pub(super) fn snapshots(
        self,
        rule: &Rule,
        snapshots: &Snapshots,
    ) -> impl Iterator<Item = SnapshotSeries<'a>> + use<'a> {
        let mut sums = SnapshotSums::new(rule, self.axis(&snapshots.days, rule.history_days));
        sums.add(&snapshots.rows);
        sums.into_series(self)
    }

    /// The daily series of a group without a row on any known day. `None` without a known day.
    pub(super) fn zero(self, key: &SeriesKey, known: &[Date], days: u16) -> Option<Series> {
        let DayAxis { start, utc_offset, known, .. } = DayAxis::new(known, days, self)?;
        let values = known.iter().map(|known| if known.is_some() { 0.0 } else { f64::NAN }).collect();
        let step = Grain::Daily.step_seconds();
        Some(Series { id: key.to_string(), start, utc_offset, step, values, excluded: Vec::new() })
    }

    /// The daily sums of a rule over `days` of the known days.
    pub(super) fn daily_sums<'r>(self, rule: &'r Rule, known: &[Date], days: u16) -> DailySums<'r> {
        GroupSums::new(rule, self.axis(known, days))
    }

    /// The snapshot sums of a rule over `days` of the known days.
    pub(super) fn snapshot_sums<'r>(self, rule: &'r Rule, known: &[Date], days: u16) -> SnapshotSums<'r> {
        GroupSums::new(rule, self.axis(known, days))
    }

    fn axis(self, known: &[Date], days: u16) -> Option<Rc<DayAxis>> {
        DayAxis::new(known, days, self).map(Rc::new)
    }
}

impl<'r, T: Clone> GroupSums<'r, T> {
    fn new(rule: &'r Rule, axis: Option<Rc<DayAxis>>) -> Self {
        Self { rule, axis, groups: BTreeMap::new(), without_service: None }
    }

    /// The sums of the group of a member, created with unknown sums on first use. `None` for a series outside the rule.
    fn group(&mut self, key: &SeriesKey, names: &Names, unknown: T) -> Option<&mut GroupSum<T>> {
        let rule = self.rule;
        if !rule.select.matches(key, names) {
            return None;
        }
        let days = self.axis.as_ref()?.days.len();
        let new =
            || GroupSum { names: rule.group_by.names(names), sums: vec![unknown; days], incomplete: BTreeSet::new() };
        Some(self.groups.entry(rule.group_by.group(key)).or_insert_with(new))
    }
}

impl DailySums<'_> {
    /// The days with a refused charge of the same project and of no service. The charge may belong to a service without a row
    /// on that day. Such a charge precedes all services of its project.
    fn days_without_service(
        &mut self,
        key: &SeriesKey,
        row: &HistoryRow,
        axis: &DayAxis,
    ) -> Option<Rc<BTreeSet<usize>>> {
        if *key.service == *NO_SERVICE {
            let is_incomplete = |known: &Option<usize>| known.is_some_and(|index| row.marks[index].is_incomplete);
            let days = axis.known.iter().enumerate().filter(|(_, known)| is_incomplete(known)).map(|(day, _)| day);
            self.without_service = Some((key.clone(), Rc::new(days.collect())));
        }
        let (other, days) = self.without_service.as_ref()?;
        (other.account == key.account && other.project == key.project).then(|| Rc::clone(days))
    }

    pub(super) fn add(&mut self, rows: &BTreeMap<SeriesKey, HistoryRow>) {
        let Some(axis) = self.axis.clone() else { return };
        let rule = self.rule;
        let missing = match rule.absent {
            Absent::Zero => 0.0,
            Absent::Unknown => f64::NAN,
        };
        for (key, row) in rows {
            let unknown = self.days_without_service(key, row, &axis);
            let Some(group) = self.group(key, &row.names, f64::NAN) else { continue };
            let Some(amounts) = row.values.get(&rule.measure) else { continue };
            for (day, (sum, known)) in group.sums.iter_mut().zip(&axis.known).enumerate() {
                if let Some(index) = *known {
                    let is_unknown =
                        || amounts[index].is_nan() && unknown.as_ref().is_some_and(|days| days.contains(&day));
                    if row.marks[index].is_incomplete || is_unknown() {
                        group.incomplete.insert(day);
                    }
                    // The day is known, but the series has no row.
                    let amount = if amounts[index].is_nan() { missing } else { amounts[index] };
                    *sum = add_known(*sum, amount);
                }
            }
        }
    }

    /// Returns the series in key order.
    pub(super) fn into_series(self, frame: SeriesFrame<'_>) -> Vec<RuleSeries> {
        let Some(axis) = self.axis else { return Vec::new() };
        let series = |(key, group): (SeriesKey, GroupSum<f64>)| {
            let GroupSum { names, sums: mut values, incomplete } = group;
            incomplete.into_iter().for_each(|day| values[day] = f64::NAN);
            let mask = frame.mask.of_series(&key, frame.accept_after_days);
            let excluded = masked(values.len(), &mask, |index| Moment::finished_day(axis.days[index]));
            let DayAxis { start, utc_offset, .. } = *axis;
            let step = Grain::Daily.step_seconds();
            let series = Series { id: key.to_string(), start, utc_offset, step, values, excluded };
            RuleSeries { key, names, series }
        };
        self.groups.into_iter().map(series).collect()
    }
}

impl SnapshotSums<'_> {
    pub(super) fn add(&mut self, rows: &BTreeMap<SeriesKey, SnapshotRow>) {
        let Some(axis) = self.axis.clone() else { return };
        for (key, row) in rows {
            let Some(group) = self.group(key, &row.names, [f64::NAN; 24]) else { continue };
            for (sums, known) in group.sums.iter_mut().zip(&axis.known) {
                let Some(index) = *known else { continue };
                for (sum, amount) in sums.iter_mut().zip(row.hours[index]) {
                    *sum = add_known(*sum, amount);
                }
            }
        }
    }

    /// Returns the series in key order.
    pub(super) fn into_series<'a>(self, frame: SeriesFrame<'a>) -> impl Iterator<Item = SnapshotSeries<'a>> + use<'a> {
        // All series of the rule share the axis and the clock changes.
        let axis = self.axis;
        let clock_changes = axis.as_ref().map(|axis| axis.clock_changes(frame.zone)).unwrap_or_default();
        let clock_changes = Rc::new(clock_changes);
        self.groups.into_iter().filter_map(move |(key, group)| {
            let GroupSum { names, sums: days, .. } = group;
            let axis = axis.clone()?;
            let mask = frame.mask.of_series(&key, frame.accept_after_days);
            let clock_changes = clock_changes.clone();
            Some(SnapshotSeries { id: key.to_string(), key, names, axis, clock_changes, mask, days })
        })
    }
}

impl SnapshotSeries<'_> {
    /// The cost of each day up to `hour`. `None` if no day has a value.
    pub(super) fn day_to_date(&self, hour: u8) -> Option<RuleSeries> {
        let values = self.days.iter().map(|hours| hours[usize::from(hour)]).collect();
        self.series(Grain::DayToDate, values, |index| Moment { date: self.axis.days[index], hour: Some(hour) })
    }

    /// The cost of each hour. `None` without two consecutive known hours.
    pub(super) fn hourly(&self) -> Option<RuleSeries> {
        let days = self.days.iter().zip(&self.axis.days);
        let values = days.flat_map(|(hours, date)| increments(hours, self.clock_changes.get(date))).collect();
        let moment = |index| Moment { date: self.axis.days[index / 24], hour: Some((index % 24) as u8) };
        self.series(Grain::Hourly, values, moment)
    }

    fn series(&self, grain: Grain, values: Vec<f64>, moment: impl Fn(usize) -> Moment) -> Option<RuleSeries> {
        if values.iter().all(|value| value.is_nan()) {
            return None;
        }
        let excluded = masked(values.len(), &self.mask, moment);
        let DayAxis { start, utc_offset, .. } = *self.axis;
        let step = grain.step_seconds();
        let series = Series { id: self.id.clone(), start, utc_offset, step, values, excluded };
        Some(RuleSeries { key: self.key.clone(), names: self.names.clone(), series })
    }
}

/// The cost of each hour; NaN if the hour or the previous hour is unknown.
fn increments(hours: &HourlyAmounts, clock_change: Option<&Hours>) -> HourlyAmounts {
    match clock_change {
        Some(day) => day.increments(hours),
        None => std::array::from_fn(|hour| hours[hour] - if hour == 0 { 0.0 } else { hours[hour - 1] }),
    }
}

/// The sum of the known amounts; NaN if both are unknown.
fn add_known(sum: f64, amount: f64) -> f64 {
    match (sum.is_nan(), amount.is_nan()) {
        (true, _) => amount,
        (false, true) => sum,
        (false, false) => sum + amount,
    }
}

/// The indices of the masked points; empty for a series without anomalous points.
fn masked(points: usize, mask: &SeriesMask<'_>, moment: impl Fn(usize) -> Moment) -> Vec<u32> {
    if mask.is_empty() {
        return Vec::new();
    }
    (0..points).filter(|index| mask.contains(moment(*index))).map(|index| index as u32).collect()
}

impl DayAxis {
    /// Every day of the last `days` days, from the first known day on. `None` without a known day.
    fn new(known: &[Date], days: u16, frame: SeriesFrame<'_>) -> Option<Self> {
        let through = frame.through;
        let oldest = through.checked_sub((i64::from(days) - 1).days()).ok()?;
        let first = known.iter().copied().find(|day| (oldest..=through).contains(day))?;
        let days: Vec<Date> = first.series(1.day()).take_while(|day| *day <= through).collect();
        let known = days.iter().map(|day| known.binary_search(day).ok()).collect();
        let (start, utc_offset) = day_start(first, frame.zone);
        Some(Self { days, start, utc_offset, known })
    }

    /// The days with a clock change.
    fn clock_changes(&self, zone: &TimeZone) -> BTreeMap<Date, Hours> {
        let of_day = |date: &Date| Some((*date, Hours::of_day(*date, zone).filter(Hours::has_clock_change)?));
        self.days.iter().filter_map(of_day).collect()
    }
}

#[cfg(test)]
mod tests;
