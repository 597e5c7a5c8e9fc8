//! Plan of a daily run without given days: missing days, yesterday, and days with possible restatements.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::days::back;
use super::{Parts, RunError, run};
use model::series::hours::has_day;
use store::{DateRange, RunRecord};

/// Count in the record of a day without a bill: the age of the day at the request, in days.
pub(super) const NO_BILL: &str = "no_bill_after_days";

/// Look-back for gaps too old for a run to close, in days.
const LONGEST_GAP: u16 = 366;

/// The tasks of a run, oldest day first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Every day from the first possible task to yesterday.
    pub(super) days: Vec<(Date, Task)>,
    /// Whether the ledger has yesterday or a later day.
    pub(super) newest_known: bool,
    /// First and last missing day before `days`, for a backfill.
    pub(super) beyond: Option<(Date, Date)>,
}

/// The task for a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// The newest expected day.
    Newest,
    /// Not in the ledger.
    Missing,
    /// In the ledger, with a possible restatement.
    Restate,
    /// In the ledger; an earlier run has not completed the day.
    Finish,
    /// In the ledger: evaluated again after a change of an earlier day.
    Keep,
    /// Not in the ledger: the provider has no bill, or the day does not exist in the time zone.
    Without,
}

/// State of the days before the plan.
#[derive(Debug, Default)]
struct Known {
    /// Days in the ledger.
    days: BTreeSet<Date>,
    /// Days without a bill long after the due time.
    without: BTreeSet<Date>,
    /// Started and not completed.
    unfinished: BTreeSet<Date>,
}

/// Plans a run with `newest` for the newest day.
pub(super) async fn plan(parts: &Parts, newest: Date) -> Result<Plan, RunError> {
    let (restate, reach) = (parts.config.restate_days, reach(parts));
    let range = DateRange { from: back(newest, LONGEST_GAP.max(reach)), to: newest };
    let mut known = Known { days: parts.store.days(range).await?.into_iter().collect(), ..Known::default() };
    let by_period = records(parts, back(newest, reach), newest).await?;
    for date in back(newest, reach).series(1.day()).take_while(|day| *day < newest) {
        if !has_day(&parts.config.zone, date) {
            known.without.insert(date);
            continue;
        }
        let Some(record) = by_period.get(&run::days(date, date)) else { continue };
        let without = |run: &RunRecord| run.counts.get(NO_BILL).is_some_and(|days| *days > u64::from(restate));
        if without(record) {
            known.without.insert(date);
        }
        if !run::has_succeeded(record) {
            known.unfinished.insert(date);
        }
    }
    let newest_known = parts.store.newest_day().await?.is_some_and(|last| last >= newest);
    Ok(Plan { newest_known, ..of(newest, &known, reach, restate) })
}

/// The started but incomplete days of a range.
pub(super) async fn unfinished(parts: &Parts, range: DateRange) -> Result<BTreeSet<Date>, RunError> {
    let DateRange { from, to } = range;
    let by_period = records(parts, from, to.tomorrow().unwrap_or(to)).await?;
    let days = from.series(1.day()).take_while(|date| *date <= to);
    Ok(days
        .filter(|date| by_period.get(&run::days(*date, *date)).is_some_and(|record| !run::has_succeeded(record)))
        .collect())
}

/// The run records of the days in `from..before`, by period.
async fn records(parts: &Parts, from: Date, before: Date) -> Result<BTreeMap<String, RunRecord>, RunError> {
    let records = parts.store.runs("daily", &run::days(from, from), &run::days(before, before)).await?;
    Ok(records.into_iter().map(|record| (record.period.clone(), record)).collect())
}

/// Number of days before the newest day in the plan.
fn reach(parts: &Parts) -> u16 {
    parts.config.catch_up_days.max(parts.config.restate_days)
}

fn of(newest: Date, known: &Known, reach: u16, restate: u16) -> Plan {
    let first = back(newest, reach);
    let restated = back(newest, restate);
    // The ledger starts at some day: no day before is missing.
    let oldest = known.days.first().copied().unwrap_or(newest);
    let task = |date: Date| match known.days.contains(&date) {
        // The newest day is always requested, even from a ledger with the day.
        _ if date == newest => Task::Newest,
        true if known.unfinished.contains(&date) => Task::Finish,
        true if date >= restated => Task::Restate,
        true => Task::Keep,
        false if known.without.contains(&date) => Task::Without,
        false => Task::Missing,
    };
    let window = first.max(oldest).series(1.day()).take_while(|day| *day <= newest);
    // Leading days without a possible change need no evaluation.
    let days: Vec<_> = window.map(|date| (date, task(date))).skip_while(|(_, task)| *task == Task::Keep).collect();
    let before = known.days.range(..first).next_back();
    let is_missing = days.first().is_some_and(|(date, task)| *date == first && *task == Task::Missing);
    let beyond = before.and_then(|last| Some((last.tomorrow().ok()?, first.yesterday().ok()?)));
    Plan { days, newest_known: false, beyond: beyond.filter(|(from, to)| is_missing && from <= to) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn day(day: i8) -> Date {
        date(2026, 11, day)
    }

    fn days(days: impl IntoIterator<Item = i8>) -> BTreeSet<Date> {
        days.into_iter().map(day).collect()
    }

    /// `day task` of each day, for a plan of the 20th with six days of reach and two days of restatements.
    fn planned(known: &Known) -> Vec<String> {
        let task = |(date, task): &(Date, Task)| format!("{} {task:?}", date.day());
        of(day(20), known, 6, 2).days.iter().map(task).collect()
    }

    #[test]
    fn a_whole_ledger_asks_for_yesterday_and_for_corrections() {
        let known = Known { days: days(1..20), ..Known::default() };
        assert_eq!(planned(&known), ["18 Restate", "19 Restate", "20 Newest"]);
        let known = Known { days: days(1..=20), unfinished: days([16, 20]), ..Known::default() };
        assert_eq!(planned(&known), ["16 Finish", "17 Keep", "18 Restate", "19 Restate", "20 Newest"]);
    }

    #[test]
    fn an_empty_ledger_has_no_gaps() {
        assert_eq!(planned(&Known::default()), ["20 Newest"]);
        let known = Known { days: days([18]), ..Known::default() };
        assert_eq!(planned(&known), ["18 Restate", "19 Missing", "20 Newest"]);
    }

    #[test]
    fn missing_days_are_done_unless_there_is_no_bill() {
        let known = Known { days: days((1..15).chain([17, 18])), without: days([15]), ..Known::default() };
        assert_eq!(
            planned(&known),
            ["15 Without", "16 Missing", "17 Keep", "18 Restate", "19 Missing", "20 Newest"],
            "{known:?}"
        );
    }

    #[test]
    fn a_gap_that_is_longer_is_told() {
        let beyond = |known: BTreeSet<Date>| of(day(20), &Known { days: known, ..Known::default() }, 6, 2).beyond;
        assert_eq!(beyond(days([1, 2, 10])), Some((day(11), day(13))));
        assert_eq!(beyond(days([1, 13])), None, "the run closes it");
        assert_eq!(beyond(days([1, 2, 14])), None, "it does not reach into what the run looks at");
        assert_eq!(beyond(BTreeSet::new()), None);
    }
}
