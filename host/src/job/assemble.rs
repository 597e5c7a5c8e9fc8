//! What is remembered to series, as a rule asks for them.
//!
//! Pure. A day that the ledger does not know is NaN, never 0; a day with rows for other series but none for this one is
//! 0, unless the rule says otherwise.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::exclude::Excluded;
use crate::history::{History, HistoryRow, SnapshotRow, Snapshots};
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
struct Axis {
    days: Vec<Date>,
    /// Index into the known days, none for a missing one.
    known: Vec<Option<usize>>,
}

/// One series a group, over some days that end with the frame; in the order of their keys.
pub(super) fn daily(history: &History, rule: &Rule, days: u16, frame: Frame<'_>) -> Vec<Sample> {
    let Some(axis) = Axis::new(&history.days, days, frame.through) else { return Vec::new() };
    let missing = match rule.absent {
        Absent::Zero => 0.0,
        Absent::Unknown => f64::NAN,
    };
    let rows = history.rows.iter().filter(|(key, row)| rule.select.matches(key, &row.names));
    let groups = grouped(rows.map(|(key, row)| (key, &row.names, row)), rule);
    let (start, utc_offset) = day_start(axis.days[0], frame.zone);
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
        let days = frame.excluded.days(&key, frame.accept_after_days);
        let excluded = indices(&axis.days, |day| days.contains(&day));
        let id = key.to_string();
        let step = Grain::Daily.step_seconds();
        Sample { names: group.names, series: Series { id, start, utc_offset, step, values, excluded }, key }
    };
    groups.into_iter().map(sample).collect()
}

/// What the hourly runs saw of each group: cumulative amounts by day and hour, in the order of their keys.
pub(super) fn grids(snapshots: &Snapshots, rule: &Rule, frame: Frame<'_>) -> Vec<Grid> {
    let Some(axis) = Axis::new(&snapshots.days, rule.history_days, frame.through) else { return Vec::new() };
    let rows = snapshots.rows.iter().filter(|(key, row)| rule.select.matches(key, &row.names));
    let groups = grouped(rows.map(|(key, row)| (key, &row.names, row)), rule);
    let grid = |(key, group): (SeriesKey, Group<'_, SnapshotRow>)| {
        let mut hours = vec![[f64::NAN; 24]; axis.days.len()];
        for row in group.members {
            for (sums, known) in hours.iter_mut().zip(&axis.known) {
                let Some(index) = *known else { continue };
                for (sum, amount) in sums.iter_mut().zip(row.hours[index]) {
                    *sum = plus(*sum, amount);
                }
            }
        }
        Grid { key, names: group.names, days: axis.days.clone(), hours }
    };
    groups.into_iter().map(grid).collect()
}

/// One series of cumulative amounts, a row of 24 hours a day; NaN where no run looked.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    key: SeriesKey,
    names: Names,
    days: Vec<Date>,
    hours: Vec<[f64; 24]>,
}

impl Grid {
    /// What each day had cost by one hour; none where no day was seen at it.
    pub(super) fn day_to_date(&self, hour: u8, frame: Frame<'_>) -> Option<Sample> {
        let values = self.hours.iter().map(|hours| hours[usize::from(hour)]).collect();
        self.sample(Grain::DayToDate, values, |index| (self.days[index], hour), frame)
    }

    /// What each hour added; none where no two hours in a row were seen.
    pub(super) fn hourly(&self, frame: Frame<'_>) -> Option<Sample> {
        let values = self.hours.iter().flat_map(increments).collect();
        self.sample(Grain::Hourly, values, |index| (self.days[index / 24], (index % 24) as u8), frame)
    }

    fn sample(
        &self,
        grain: Grain,
        values: Vec<f64>,
        at: impl Fn(usize) -> (Date, u8),
        frame: Frame<'_>,
    ) -> Option<Sample> {
        if values.iter().all(|value| value.is_nan()) {
            return None;
        }
        let days = frame.excluded.days(&self.key, frame.accept_after_days);
        let is_excluded = |index: &usize| {
            let (date, hour) = at(*index);
            days.contains(&date) || frame.excluded.has_hour(&self.key, date, hour)
        };
        let excluded = (0..values.len()).filter(is_excluded).map(|index| index as u32).collect();
        let (start, utc_offset) = day_start(self.days[0], frame.zone);
        let series =
            Series { id: self.key.to_string(), start, utc_offset, step: grain.step_seconds(), values, excluded };
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

fn indices(days: &[Date], chosen: impl Fn(Date) -> bool) -> Vec<u32> {
    days.iter().enumerate().filter(|(_, day)| chosen(**day)).map(|(index, _)| index as u32).collect()
}

impl Axis {
    /// Every day of the span, from the first that is known on; none where none is.
    fn new(known: &[Date], history_days: u16, through: Date) -> Option<Self> {
        let oldest = through.checked_sub((i64::from(history_days) - 1).days()).ok()?;
        let first = known.iter().copied().find(|day| (oldest..=through).contains(day))?;
        let days: Vec<Date> = first.series(1.day()).take_while(|day| *day <= through).collect();
        let known = days.iter().map(|day| known.binary_search(day).ok()).collect();
        Some(Self { days, known })
    }
}

#[cfg(test)]
mod tests;
