//! Plan of a daily run without given days: missing days, yesterday, and days with possible restatements.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::series::hours::has_day;
use store::{DateRange, RunRecord};

use crate::pipeline::run::{Count, DAILY, RunError, Services, day_period, days_before, has_succeeded};

/// Look-back for gaps too old for a run to close, in days.
const MAX_GAP_DAYS: u16 = 366;

/// The tasks of a run, oldest day first.
#[derive(Debug)]
pub(super) struct Plan {
    /// Every day from the first possible task to yesterday.
    pub(super) days: Vec<(Date, Task)>,
    /// Whether the ledger has yesterday or a later day.
    pub(super) has_newest: bool,
    /// The missing days before `days`, for a backfill.
    pub(super) gap: Option<DateRange>,
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
    NoBill,
}

/// State of the days before the plan.
#[derive(Debug, Default)]
struct KnownDays {
    /// Days in the ledger.
    ledger: BTreeSet<Date>,
    /// Days without a bill long after the due time.
    no_bill: BTreeSet<Date>,
    /// Started and not completed.
    unfinished: BTreeSet<Date>,
}

/// Look-back of a plan, in days before the newest day.
#[derive(Debug, Clone, Copy)]
struct LookBack {
    days: u16,
    /// Days with possible restatements.
    restate: u16,
}

/// Plans a run with `newest` for the newest day.
pub(super) async fn plan(services: &Services, newest: Date) -> Result<Plan, RunError> {
    let restate = services.config.restate_days;
    let look_back = LookBack { days: services.config.catch_up_days.max(restate), restate };
    let range = DateRange { from: days_before(newest, MAX_GAP_DAYS.max(look_back.days)), to: newest };
    let ledger = services.store.days(range).await?.into_iter().collect();
    let mut known = KnownDays { ledger, ..KnownDays::default() };
    let first = days_before(newest, look_back.days);
    let records = records_before(services, first, newest).await?;
    for date in first.series(1.day()).take_while(|day| *day < newest) {
        if !has_day(&services.config.zone, date) {
            known.no_bill.insert(date);
            continue;
        }
        let Some(record) = records.get(&day_period(date)) else { continue };
        let age = record.counts.get(Count::NoBillAfterDays.as_str());
        if age.is_some_and(|days| *days > u64::from(restate)) {
            known.no_bill.insert(date);
        }
        if !has_succeeded(record) {
            known.unfinished.insert(date);
        }
    }
    let has_newest = services.store.newest_day().await?.is_some_and(|last| last >= newest);
    Ok(Plan { has_newest, ..Plan::new(newest, &known, look_back) })
}

/// The started but incomplete days of a range.
pub(super) async fn unfinished_days(services: &Services, range: DateRange) -> Result<BTreeSet<Date>, RunError> {
    let DateRange { from, to } = range;
    let records = records_before(services, from, to.tomorrow().unwrap_or(to)).await?;
    let is_unfinished = |date: &Date| records.get(&day_period(*date)).is_some_and(|record| !has_succeeded(record));
    Ok(from.series(1.day()).take_while(|date| *date <= to).filter(is_unfinished).collect())
}

/// The run records of the days in `from..before`, by period.
async fn records_before(
    services: &Services,
    from: Date,
    before: Date,
) -> Result<BTreeMap<String, RunRecord>, RunError> {
    let records = services.store.runs(DAILY, &day_period(from), &day_period(before)).await?;
    Ok(records.into_iter().map(|record| (record.period.clone(), record)).collect())
}

impl Plan {
    fn new(newest: Date, known: &KnownDays, look_back: LookBack) -> Self {
        let first = days_before(newest, look_back.days);
        let first_restated = days_before(newest, look_back.restate);
        // The ledger starts at some day: no day before is missing.
        let oldest = known.ledger.first().copied().unwrap_or(newest);
        let task = |date: Date| match known.ledger.contains(&date) {
            // The newest day is always requested, even from a ledger with the day.
            _ if date == newest => Task::Newest,
            true if known.unfinished.contains(&date) => Task::Finish,
            true if date >= first_restated => Task::Restate,
            true => Task::Keep,
            false if known.no_bill.contains(&date) => Task::NoBill,
            false => Task::Missing,
        };
        let window = first.max(oldest).series(1.day()).take_while(|day| *day <= newest);
        // Leading days without a possible change need no evaluation.
        let days: Vec<_> = window.map(|date| (date, task(date))).skip_while(|(_, task)| *task == Task::Keep).collect();
        let before = known.ledger.range(..first).next_back();
        let is_missing = days.first().is_some_and(|(date, task)| *date == first && *task == Task::Missing);
        let gap = before.and_then(|last| Some(DateRange { from: last.tomorrow().ok()?, to: first.yesterday().ok()? }));
        Self { days, has_newest: false, gap: gap.filter(|gap| is_missing && gap.from <= gap.to) }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const LOOK_BACK: LookBack = LookBack { days: 6, restate: 2 };

    fn day(day: i8) -> Date {
        date(2026, 11, day)
    }

    fn days(days: impl IntoIterator<Item = i8>) -> BTreeSet<Date> {
        days.into_iter().map(day).collect()
    }

    /// `day task` of each day, for a plan of the 20th with a look-back of six days and two days of restatements.
    fn tasks(known: &KnownDays) -> Vec<String> {
        let text = |(date, task): &(Date, Task)| format!("{} {task:?}", date.day());
        Plan::new(day(20), known, LOOK_BACK).days.iter().map(text).collect()
    }

    #[test]
    fn a_complete_ledger_needs_yesterday_and_restatements() {
        let known = KnownDays { ledger: days(1..20), ..KnownDays::default() };
        assert_eq!(tasks(&known), ["18 Restate", "19 Restate", "20 Newest"]);
        let known = KnownDays { ledger: days(1..=20), unfinished: days([16, 20]), ..KnownDays::default() };
        assert_eq!(tasks(&known), ["16 Finish", "17 Keep", "18 Restate", "19 Restate", "20 Newest"]);
    }

    #[test]
    fn an_empty_ledger_has_no_gaps() {
        assert_eq!(tasks(&KnownDays::default()), ["20 Newest"]);
        let known = KnownDays { ledger: days([18]), ..KnownDays::default() };
        assert_eq!(tasks(&known), ["18 Restate", "19 Missing", "20 Newest"]);
    }

    #[test]
    fn missing_days_are_fetched_unless_there_is_no_bill() {
        let known = KnownDays { ledger: days((1..15).chain([17, 18])), no_bill: days([15]), ..KnownDays::default() };
        assert_eq!(
            tasks(&known),
            ["15 NoBill", "16 Missing", "17 Keep", "18 Restate", "19 Missing", "20 Newest"],
            "{known:?}"
        );
    }

    #[test]
    fn only_a_gap_beyond_the_look_back_is_reported() {
        let gap = |ledger: BTreeSet<Date>| {
            let known = KnownDays { ledger, ..KnownDays::default() };
            Plan::new(day(20), &known, LOOK_BACK).gap.map(|gap| (gap.from, gap.to))
        };
        assert_eq!(gap(days([1, 2, 10])), Some((day(11), day(13))));
        assert_eq!(gap(days([1, 13])), None, "the run closes the gap");
        assert_eq!(gap(days([1, 2, 14])), None, "the gap ends before the look-back of the run");
        assert_eq!(gap(BTreeSet::new()), None);
    }
}
