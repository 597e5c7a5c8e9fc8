//! Completeness check: late bills, totals that stand still, and days with far fewer series than usual. A withheld day
//! or hour is archived but not evaluated.

use jiff::civil::Date;
use model::history::Snapshots;
use model::language::Language;
use model::ledger::DayLedger;
use model::moment::BillingHour;
use model::series::hours::{day_before, days_through};
use notify::Level;
use store::DateRange;

use crate::config::CompletenessOptions;
use crate::pipeline::notify::{OperationalProblem, has_receivers};
use crate::pipeline::run::{Count, DAILY, Report, Run, RunError, day_period, days_before, single_day};

/// Number of earlier days that define the usual number of series.
const USUAL_DAYS: u16 = 14;
/// Minimum number of stored days for the comparison of a finished day.
const MIN_DAYS: usize = 7;
/// Minimum usual number of series for any comparison.
const MIN_SERIES: u64 = 5;
/// Ratio of repeated rows that proves a bill with every row twice, and the minimum number of rows.
const REPEATED_RATIO: f64 = 0.4;
const MIN_REPEATED_ROWS: u64 = 6;
/// Minimum number of earlier days for the comparison of a partial day. For a standstill, more than half of the earlier
/// days must have moved.
const MIN_PARTIAL_DAYS: usize = 3;

/// A late bill, or a withheld day or hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompletenessProblem {
    /// The bill of a finished day is overdue.
    LateBill {
        date: Date,
        cause: LateBillCause,
    },
    ShortDay(FewSeries),
    /// Every row of the bill, or nearly every row, occurs twice.
    RepeatedRows {
        date: Date,
        repeated: u64,
        rows: u64,
    },
    /// A partial day with far fewer series than usual.
    ShortHour(FewSeries),
    /// The total has not changed since hour `since`; totals of earlier days changed in the same hours.
    Stalled {
        date: Date,
        since: u8,
    },
}

/// The cause of a late bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LateBillCause {
    /// The source has no bill of the day.
    NotPublished,
    /// The source has the bill, and the daily job has not ingested the bill.
    NotIngested,
    /// The request to the source failed.
    Unknown,
}

/// Far fewer series than usual on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FewSeries {
    pub(crate) date: Date,
    pub(crate) series: u64,
    pub(crate) usual: u64,
}

/// Topics of the completeness notifications. Each topic is announced once and resolved once; late bills day by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompletenessTopic {
    LateBill,
    ShortDay,
    PartialDay,
}

impl Run<'_> {
    /// Whether the bill of a day is overdue.
    pub(crate) fn is_bill_overdue(&self, date: Date) -> bool {
        let BillingHour { date: today, hour } = self.services.billing_hour(self.now);
        let yesterday = day_before(today, &self.services.config.zone);
        is_late(date, BillingHour { date: yesterday, hour }, self.services.config.completeness.expected_by_hour)
    }

    /// The first late bill of the last days: the day is not in the ledger, and the expected hour has passed. Asks the
    /// source for the cause. A withheld day is not late. After a failed request, the bill stays late.
    pub(crate) async fn late_bill(&mut self, now: BillingHour) -> Result<Option<CompletenessProblem>, RunError> {
        let config = &self.services.config;
        let date = day_before(now.date, &config.zone);
        let yesterday = BillingHour { date, hour: now.hour };
        let Some(newest) = self.services.store.newest_day().await? else { return Ok(None) };
        let range = DateRange { from: days_before(date, config.restate_days.max(1)), to: date };
        let days = self.services.store.days(range).await?;
        // The ledger starts at some day: no day before is missing.
        let first = days.first().copied().unwrap_or(range.from.max(newest));
        let missing = days_through(first, date, &config.zone).filter(|day| days.binary_search(day).is_err());
        let expected_by_hour = config.completeness.expected_by_hour;
        let mut late_days = Vec::new();
        for day in missing.filter(|day| is_late(*day, yesterday, expected_by_hour)) {
            let record = self.services.store.run(DAILY, &day_period(day)).await?;
            if record.is_none_or(|record| !record.counts.contains_key(Count::WithheldDays.as_str())) {
                late_days.push(day);
            }
        }
        let Some(&date) = late_days.first() else { return Ok(None) };
        let cause = match self.services.source.has_bill(date, self.now).await {
            Ok(true) => LateBillCause::NotIngested,
            Ok(false) => LateBillCause::NotPublished,
            Err(error) => {
                self.report.add_problem(error.to_string());
                LateBillCause::Unknown
            }
        };
        Ok(Some(CompletenessProblem::LateBill { date, cause }))
    }

    /// Checks a finished day for repeated rows and for far fewer series than usual. A day that is `restate_days` old is
    /// accepted: no restatement is expected any more, and services may be gone for good.
    pub(crate) async fn check_day(
        &self,
        ledger: &DayLedger,
        age: u64,
    ) -> Result<Option<CompletenessProblem>, RunError> {
        let ratio = self.services.config.completeness.min_series_ratio;
        let date = ledger.date;
        let series = ledger.entries.len() as u64;
        if age >= u64::from(self.services.config.restate_days) {
            return Ok(None);
        }
        let DayLedger { repeated_rows: repeated, rows, .. } = *ledger;
        if rows >= MIN_REPEATED_ROWS && repeated as f64 >= REPEATED_RATIO * rows as f64 {
            return Ok(Some(CompletenessProblem::RepeatedRows { date, repeated, rows }));
        }
        if ratio == 0.0 {
            return Ok(None);
        }
        let range = DateRange { from: days_before(date, USUAL_DAYS), to: days_before(date, 1) };
        // The count of a single day is cheap. All days are counted only after a suspicious first comparison.
        let Some(last) = self.services.store.days(range).await?.pop() else { return Ok(None) };
        if self.day_sizes(single_day(last)).await?.iter().all(|size| !is_few(series, *size, ratio)) {
            return Ok(None);
        }
        let mut sizes = self.day_sizes(range).await?;
        if sizes.len() < MIN_DAYS {
            return Ok(None);
        }
        sizes.sort_unstable();
        let usual = sizes[sizes.len() / 2];
        let few_series = CompletenessProblem::ShortDay(FewSeries { date, series, usual });
        Ok(is_few(series, usual, ratio).then_some(few_series))
    }

    /// Notifies people of the problems, and of resolved problems for the given topics.
    pub(crate) async fn notify_completeness(
        &mut self,
        problems: &[CompletenessProblem],
        topics: &[CompletenessTopic],
    ) -> Result<(), RunError> {
        for topic in topics {
            match problems.iter().find(|problem| problem.topic() == *topic) {
                Some(problem) => {
                    let key = match problem {
                        CompletenessProblem::LateBill { date, .. } => format!("{}:{date}", topic.key()),
                        _ => topic.key().to_owned(),
                    };
                    let text = problem.text(self.services.config.language);
                    let level = Level::Error;
                    let tag = problem.tag();
                    let raised = OperationalProblem { key: &key, level, tag, text: &text, after: 1 };
                    self.raise_problem(raised).await?;
                }
                None if *topic == CompletenessTopic::LateBill => {}
                None => self.resolve_problem(topic.key()).await?,
            }
        }
        if topics.contains(&CompletenessTopic::LateBill) {
            self.resolve_late_bills().await?;
        }
        Ok(())
    }

    /// Notifies people of the late bills that are in the ledger now.
    async fn resolve_late_bills(&mut self) -> Result<(), RunError> {
        let prefix = format!("{}:", CompletenessTopic::LateBill.key());
        for notification in self.services.store.notifications().await? {
            let date = notification.key.strip_prefix(&prefix).and_then(|date| date.parse::<Date>().ok());
            let Some(date) = date.filter(|_| has_receivers(&notification)) else { continue };
            if !self.services.store.days(single_day(date)).await?.is_empty() {
                self.resolve_problem(&notification.key).await?;
            }
        }
        Ok(())
    }

    /// The number of series of each stored day.
    async fn day_sizes(&self, range: DateRange) -> Result<Vec<u64>, RunError> {
        Ok(self.services.store.day_sizes(range).await?.into_iter().map(|(_, size)| size).collect())
    }
}

/// Checks a partial day against the same hour of earlier days: far fewer series, or a total that stands still.
/// `snapshots` must contain the hour.
pub(crate) fn withheld_hour(
    snapshots: &Snapshots,
    hour: BillingHour,
    options: &CompletenessOptions,
) -> Option<CompletenessProblem> {
    let today = snapshots.days.binary_search(&hour.date).ok()?;
    let partial_day = PartialDay { snapshots, today, hour, options };
    partial_day.few_series().map(CompletenessProblem::ShortHour).or_else(|| partial_day.standstill())
}

/// A partial day beside earlier days.
struct PartialDay<'a> {
    snapshots: &'a Snapshots,
    /// Index of the partial day.
    today: usize,
    hour: BillingHour,
    options: &'a CompletenessOptions,
}

impl PartialDay<'_> {
    fn few_series(&self) -> Option<FewSeries> {
        let series = self.series_with_cost(self.today);
        let earlier = (0..self.today).map(|day| self.series_with_cost(day));
        let mut sizes: Vec<u64> = earlier.filter(|series| *series > 0).collect();
        sizes.sort_unstable();
        let usual = (sizes.len() >= MIN_PARTIAL_DAYS).then(|| sizes[sizes.len() / 2])?;
        let few = FewSeries { date: self.hour.date, series, usual };
        is_few(series, usual, self.options.min_series_ratio).then_some(few)
    }

    fn standstill(&self) -> Option<CompletenessProblem> {
        let BillingHour { date, hour } = self.hour;
        let today = self.today;
        let now = self.total(today, hour)?;
        // An hour without a run does not end the standstill.
        let is_same = |earlier: &u8| self.total(today, *earlier).is_none_or(|total| total == now);
        let same_hours = (0..hour).rev().take_while(is_same);
        let since = same_hours.filter(|earlier| self.total(today, *earlier).is_some()).last()?;
        if hour - since < self.options.stalled_hours {
            return None;
        }
        let changes: Vec<bool> =
            (0..today).filter_map(|day| Some(self.total(day, since)? != self.total(day, hour)?)).collect();
        let changed_days = changes.iter().filter(|has_changed| **has_changed).count();
        let is_unusual = changes.len() >= MIN_PARTIAL_DAYS && changed_days * 2 > changes.len();
        is_unusual.then_some(CompletenessProblem::Stalled { date, since })
    }

    /// The number of series with cost up to the hour.
    fn series_with_cost(&self, day: usize) -> u64 {
        let hour = usize::from(self.hour.hour);
        self.snapshots.rows.values().filter(|row| row.hours[day][hour] > 0.0).count() as u64
    }

    /// The total of a day up to an hour. `None` without any known amount.
    fn total(&self, day: usize, hour: u8) -> Option<f64> {
        let amounts = self.snapshots.rows.values().map(|row| row.hours[day][usize::from(hour)]);
        amounts.filter(|amount| !amount.is_nan()).fold(None, |sum, amount| Some(sum.unwrap_or(0.0) + amount))
    }
}

/// Whether the bill of a day is late at an hour of the day after `yesterday`.
fn is_late(date: Date, yesterday: BillingHour, expected_by_hour: u8) -> bool {
    date < yesterday.date || (date == yesterday.date && yesterday.hour >= expected_by_hour)
}

fn is_few(series: u64, usual: u64, ratio: f64) -> bool {
    usual >= MIN_SERIES && (series as f64) < ratio * usual as f64
}

impl CompletenessProblem {
    /// Whether the amounts of the withheld day are correct, but not complete: costs can only grow.
    pub(crate) fn is_partial_day(self) -> bool {
        matches!(self, Self::ShortDay(_))
    }

    pub(crate) fn report(self, report: &mut Report) {
        match self {
            Self::LateBill { date, cause } => {
                report.add(Count::LateDays, 1);
                report.add_problem(match cause {
                    LateBillCause::NotPublished => format!("the bill of {date} is late: the source has no row of the day"),
                    LateBillCause::Unknown => {
                        format!("the bill of {date} is not in the ledger, and the request to the source failed")
                    }
                    LateBillCause::NotIngested => format!(
                        "the bill of {date} is available, and no daily run has ingested the bill: check the daily job with costwarden health"
                    ),
                });
            }
            Self::ShortDay(FewSeries { date, series, usual }) => {
                report.add(Count::WithheldDays, 1);
                report.add_problem(format!(
                    "the bill of {date} has {series} series, the usual number is {usual}: the bill is archived and the day is withheld; the next run fetches the bill again, and costwarden backfill --from {date} --to {date} accepts the bill as complete"
                ));
            }
            Self::RepeatedRows { date, repeated, rows } => {
                report.add(Count::WithheldDays, 1);
                report.add_problem(format!(
                    "{repeated} of {rows} rows of the bill of {date} equal an earlier row: the bill is archived and the day is withheld; the next run fetches the bill again, and costwarden backfill --from {date} --to {date} accepts the bill as correct"
                ));
            }
            Self::ShortHour(FewSeries { date, series, usual }) => {
                report.add(Count::WithheldHours, 1);
                report.add_problem(format!(
                    "{date} has {series} series so far, the usual number at this hour is {usual}: the bill is archived and the hour is withheld; the next run checks again"
                ));
            }
            Self::Stalled { date, since } => {
                report.add(Count::WithheldHours, 1);
                report.add_problem(format!(
                    "the total of {date} has not changed since {since:02}:00, while the totals of other days changed: the bill is archived and the hour is withheld; the next run checks again"
                ));
            }
        }
    }

    fn tag(self) -> &'static str {
        match self {
            Self::RepeatedRows { .. } => "REPEATED_ROWS",
            _ => "STALE_FEED",
        }
    }

    fn topic(self) -> CompletenessTopic {
        match self {
            Self::LateBill { .. } => CompletenessTopic::LateBill,
            Self::ShortDay(_) | Self::RepeatedRows { .. } => CompletenessTopic::ShortDay,
            Self::ShortHour(_) | Self::Stalled { .. } => CompletenessTopic::PartialDay,
        }
    }

    fn text(self, language: Language) -> String {
        match (language, self) {
            (Language::Korean, Self::LateBill { date, cause: LateBillCause::NotPublished }) => {
                format!("{date}의 청구서가 아직 공개되지 않았습니다")
            }
            (Language::English, Self::LateBill { date, cause: LateBillCause::NotPublished }) => {
                format!("the bill of {date} is late: the source has no row of the day")
            }
            (Language::Korean, Self::LateBill { date, cause: LateBillCause::Unknown }) => {
                format!("{date}의 청구서가 아직 수집되지 않았고, 청구 API 요청이 실패했습니다")
            }
            (Language::English, Self::LateBill { date, cause: LateBillCause::Unknown }) => {
                format!("the bill of {date} is not in the ledger, and the request to the source failed")
            }
            (Language::Korean, Self::LateBill { date, cause: LateBillCause::NotIngested }) => {
                format!(
                    "{date}의 청구서가 공개되었지만 아직 수집되지 않았습니다. daily 작업을 확인하세요(costwarden health)"
                )
            }
            (Language::English, Self::LateBill { date, cause: LateBillCause::NotIngested }) => format!(
                "the bill of {date} is available, and no daily run has ingested the bill: check the daily job with costwarden health"
            ),
            (Language::Korean, Self::ShortDay(FewSeries { date, series, usual })) => {
                format!("{date}의 청구서에 항목이 {series}개뿐입니다(평소 {usual}개). 판단을 미룹니다")
            }
            (Language::English, Self::ShortDay(FewSeries { date, series, usual })) => format!(
                "the bill of {date} has only {series} series, the usual number is {usual}; the day is not evaluated yet"
            ),
            (Language::Korean, Self::RepeatedRows { date, repeated, rows }) => {
                format!("{date}의 청구서에 같은 행이 두 번씩 들어 있습니다({rows}행 중 {repeated}행). 판단을 미룹니다")
            }
            (Language::English, Self::RepeatedRows { date, repeated, rows }) => format!(
                "{repeated} of {rows} rows of the bill of {date} equal an earlier row, as if every row occurred twice; the day is not evaluated yet"
            ),
            (Language::Korean, Self::ShortHour(FewSeries { date, series, usual })) => {
                format!("{date} 현재 청구서에 항목이 {series}개뿐입니다(평소 {usual}개). 판단을 미룹니다")
            }
            (Language::English, Self::ShortHour(FewSeries { date, series, usual })) => format!(
                "{date} has only {series} series so far, the usual number is {usual}; the hour is not evaluated"
            ),
            (Language::Korean, Self::Stalled { date, since }) => {
                format!("{date}의 요금 합계가 {since:02}시부터 변하지 않습니다. 판단을 미룹니다")
            }
            (Language::English, Self::Stalled { date, since }) => {
                format!("the total of {date} has not changed since {since:02}:00; the hour is not evaluated")
            }
        }
    }
}

impl CompletenessTopic {
    fn key(self) -> &'static str {
        match self {
            Self::LateBill => "completeness:late",
            Self::ShortDay => "completeness:short",
            Self::PartialDay => "completeness:hours",
        }
    }
}

#[cfg(test)]
mod tests {
    use model::history::SnapshotRow;
    use model::series::SeriesKey;

    use super::*;

    /// Snapshots of days with `amount` per hour and series up to hour `until`, then no further cost.
    fn snapshots(days: &[(f64, u8)], series: usize) -> Snapshots {
        let row = |_: usize| {
            let hours = days.iter().map(|(amount, until)| {
                std::array::from_fn(|hour| {
                    if hour < 20 { amount * (hour.min(usize::from(*until)) + 1) as f64 } else { f64::NAN }
                })
            });
            SnapshotRow { hours: hours.collect(), ..SnapshotRow::default() }
        };
        let rows = (0..series).map(|index| (SeriesKey::new("d", "p", &index.to_string()), row(index))).collect();
        let first = jiff::civil::date(2026, 11, 1);
        Snapshots { days: first.series(jiff::ToSpan::days(1)).take(days.len()).collect(), rows }
    }

    fn at(snapshots: &Snapshots, hour: u8) -> Option<CompletenessProblem> {
        let date = *snapshots.days.last().expect("a day");
        withheld_hour(snapshots, BillingHour { date, hour }, &CompletenessOptions::default())
    }

    #[test]
    fn a_total_without_change_is_withheld_if_other_totals_changed() {
        let moving = [(1.0, 19), (1.0, 19), (1.0, 19), (1.0, 9)];
        let date = jiff::civil::date(2026, 11, 4);
        for (hour, expected) in [(9, None), (14, None), (15, Some(CompletenessProblem::Stalled { date, since: 9 }))] {
            assert_eq!(at(&snapshots(&moving, 2), hour), expected, "{hour}");
        }
        let flat = [(1.0, 0), (1.0, 0), (1.0, 19), (1.0, 0)];
        assert_eq!(at(&snapshots(&flat, 2), 15), None, "the totals of other days do not change either");
        assert_eq!(at(&snapshots(&moving[1..], 2), 15), None, "two earlier days are too few");
    }

    #[test]
    fn a_partial_day_with_far_fewer_series_is_withheld() {
        let mut snapshots = snapshots(&[(1.0, 19); 4], 10);
        assert_eq!(at(&snapshots, 5), None);
        for row in snapshots.rows.values_mut().take(6) {
            row.hours[3] = [f64::NAN; 24];
        }
        let date = jiff::civil::date(2026, 11, 4);
        assert_eq!(at(&snapshots, 5), Some(CompletenessProblem::ShortHour(FewSeries { date, series: 4, usual: 10 })));
    }

    #[test]
    fn a_bill_is_late_from_the_expected_hour_of_the_next_day() {
        let day = jiff::civil::date(2026, 11, 4);
        let late = |yesterday: i8, hour: u8| {
            is_late(day, BillingHour { date: jiff::civil::date(2026, 11, yesterday), hour }, 12)
        };
        assert_eq!([late(3, 23), late(4, 11), late(4, 12), late(5, 0)], [false, false, true, true]);
    }

    #[test]
    fn only_a_large_drop_of_a_usual_number_of_series_counts() {
        assert!(is_few(49, 100, 0.5) && !is_few(50, 100, 0.5));
        assert!(!is_few(0, MIN_SERIES - 1, 0.5), "too few usual series");
        assert!(!is_few(0, 100, 0.0));
    }
}
