//! What is remembered to series, as a rule asks for them.
//!
//! Pure. A day that the ledger does not know is NaN, never 0; a day with rows for other series but none for this one is
//! 0, unless the rule says otherwise.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::exclude::{Excluded, Points};
use crate::history::{History, HistoryRow, Snapshots};
use crate::rules::{Absent, Rule};
use crate::series::{Grain, Names, Series, SeriesKey, day_start};

/// A series that a rule watches, and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) key: SeriesKey,
    pub(super) names: Names,
    pub(super) series: Series,
}

impl Sample {
    /// A known series that has no row today: it has cost nothing so far.
    pub(super) fn zero(key: &SeriesKey, names: &Names, grain: Grain, frame: Frame<'_>) -> Self {
        let (start, utc_offset) = day_start(frame.through, frame.zone);
        let (id, step) = (key.to_string(), grain.step_seconds());
        let series = Series { id, start, utc_offset, step, values: vec![0.0], excluded: Vec::new() };
        Self { key: key.clone(), names: names.clone(), series }
    }
}

/// Where series are cut and what they leave out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) zone: &'a TimeZone,
    pub(super) excluded: &'a Excluded,
    pub(super) accept_after_days: u16,
    /// The newest day of the series.
    pub(super) through: Date,
}

/// The days of a frame, and where each stands among the days that are known.
#[derive(Debug)]
struct Axis {
    days: Vec<Date>,
    /// Unix seconds and UTC offset of the first.
    start: (i64, i32),
    /// Index into the known days, none for a missing one.
    known: Vec<Option<usize>>,
}

/// One series a group, over some days that end with the frame; in the order of their keys.
pub(super) fn daily(history: &History, rule: &Rule, days: u16, frame: Frame<'_>) -> Vec<Sample> {
    let Some(axis) = Axis::new(&history.days, days, frame) else { return Vec::new() };
    let missing = match rule.absent {
        Absent::Zero => 0.0,
        Absent::Unknown => f64::NAN,
    };
    let rows = history.rows.iter().filter(|(key, row)| rule.select.matches(key, &row.names));
    let groups = grouped(rows.map(|(key, row)| (key, &row.names, row)), rule);
    let sample = |(key, group): (SeriesKey, Group<'_, _>)| {
        let mut values = vec![f64::NAN; axis.days.len()];
        for row in group.members {
            let row: &HistoryRow = row;
            let Some(amounts) = row.values.get(&rule.measure) else { continue };
            for (value, known) in values.iter_mut().zip(&axis.known) {
                if let Some(index) = *known {
                    let amount = if amounts[index].is_nan() { missing } else { amounts[index] };
                    *value = plus(*value, amount);
                }
            }
        }
        let points = frame.excluded.of(&key, frame.accept_after_days);
        let excluded = indices(values.len(), &points, |index| points.has_day(axis.days[index]));
        let (id, (start, utc_offset), step) = (key.to_string(), axis.start, Grain::Daily.step_seconds());
        Sample { names: group.names, series: Series { id, start, utc_offset, step, values, excluded }, key }
    };
    groups.into_iter().map(sample).collect()
}

/// What the hourly runs saw of each group, in the order of their keys; each is made when it is asked for.
pub(super) fn grids<'a>(
    snapshots: &'a Snapshots,
    rule: &Rule,
    frame: Frame<'a>,
) -> impl Iterator<Item = Grid<'a>> + use<'a> {
    let axis = Axis::new(&snapshots.days, rule.history_days, frame).map(Rc::new);
    let rows = snapshots.rows.iter().filter(|(key, row)| rule.select.matches(key, &row.names));
    let groups = grouped(rows.map(|(key, row)| (key, &row.names, row)), rule);
    groups.into_iter().filter_map(move |(key, group)| {
        let axis = axis.clone()?;
        let mut hours = vec![[f64::NAN; 24]; axis.days.len()];
        for row in group.members {
            for (sums, known) in hours.iter_mut().zip(&axis.known) {
                let Some(index) = *known else { continue };
                for (sum, amount) in sums.iter_mut().zip(row.hours[index]) {
                    *sum = plus(*sum, amount);
                }
            }
        }
        let excluded = frame.excluded.of(&key, frame.accept_after_days);
        Some(Grid { id: key.to_string(), key, names: group.names, axis, excluded, hours })
    })
}

/// One series of cumulative amounts, a row of 24 hours a day; NaN where no run looked.
#[derive(Debug)]
pub(super) struct Grid<'a> {
    key: SeriesKey,
    id: String,
    names: Names,
    axis: Rc<Axis>,
    excluded: Points<'a>,
    hours: Vec<[f64; 24]>,
}

impl Grid<'_> {
    /// What each day had cost by one hour; none where no day was seen at it.
    pub(super) fn day_to_date(&self, hour: u8) -> Option<Sample> {
        let values = self.hours.iter().map(|hours| hours[usize::from(hour)]).collect();
        self.sample(Grain::DayToDate, values, |index| (self.axis.days[index], hour))
    }

    /// What each hour added; none where no two hours in a row were seen.
    pub(super) fn hourly(&self) -> Option<Sample> {
        let values = self.hours.iter().flat_map(increments).collect();
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

/// What each hour added; NaN where it or the hour before was not seen.
fn increments(hours: &[f64; 24]) -> Vec<f64> {
    let before = std::iter::once(0.0).chain(hours.iter().copied());
    hours.iter().zip(before).map(|(now, before)| now - before).collect()
}

struct Group<'a, T> {
    names: Names,
    members: Vec<&'a T>,
}

/// Members by the series that the rule sums them into. Members are in the order of their keys, so that sums do not
/// depend on the order in which they were read.
fn grouped<'a, T>(
    rows: impl Iterator<Item = (&'a SeriesKey, &'a Names, &'a T)>,
    rule: &Rule,
) -> BTreeMap<SeriesKey, Group<'a, T>> {
    let mut sorted: Vec<_> = rows.collect();
    sorted.sort_by_key(|(key, _, _)| *key);
    let mut groups: BTreeMap<SeriesKey, Group<'a, T>> = BTreeMap::new();
    for (key, names, member) in sorted {
        let group = groups
            .entry(rule.group_by.group(key))
            .or_insert_with(|| Group { names: rule.group_by.names(names), members: Vec::new() });
        group.members.push(member);
    }
    groups
}

/// A sum of what is known.
fn plus(sum: f64, amount: f64) -> f64 {
    match (sum.is_nan(), amount.is_nan()) {
        (true, _) => amount,
        (false, true) => sum,
        (false, false) => sum + amount,
    }
}

/// The places among so many values that are chosen; none of a series that has no anomalous point.
fn indices(len: usize, points: &Points<'_>, chosen: impl Fn(usize) -> bool) -> Vec<u32> {
    if points.is_empty() {
        return Vec::new();
    }
    (0..len).filter(|index| chosen(*index)).map(|index| index as u32).collect()
}

impl Axis {
    /// Every day of the span, from the first that is known on; none where none is.
    fn new(known: &[Date], history_days: u16, frame: Frame<'_>) -> Option<Self> {
        let through = frame.through;
        let oldest = through.checked_sub((i64::from(history_days) - 1).days()).ok()?;
        let first = known.iter().copied().find(|day| (oldest..=through).contains(day))?;
        let days: Vec<Date> = first.series(1.day()).take_while(|day| *day <= through).collect();
        let known = days.iter().map(|day| known.binary_search(day).ok()).collect();
        Some(Self { start: day_start(first, frame.zone), days, known })
    }
}

#[cfg(test)]
mod tests;
