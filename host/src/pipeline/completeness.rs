//! Completeness check: late bills, totals that stand still, and days with far fewer series than usual. A withheld day
//! or hour is archived but not evaluated.

use jiff::Timestamp;
use jiff::civil::Date;

use super::days::back;
use super::notification::Operational;
use super::report::Report;
use super::{Parts, RunError, tell};
use crate::config::CompletenessOptions;
use model::history::Snapshots;
use model::language::Language;
use model::ledger::DayLedger;
use model::series::hours::day_before;
use notify::Level;
use store::DateRange;

/// Number of earlier days that define the usual number of series.
const USUAL_DAYS: u16 = 14;
/// Minimum number of stored days for the comparison of a finished day.
const LEAST_DAYS: usize = 7;
/// Minimum usual number of series for any comparison.
const LEAST_SERIES: u64 = 5;
/// Minimum number of earlier days for the comparison of a partial day. For a standstill, more than half of the earlier
/// days must have moved.
const LEAST_MOVING_DAYS: usize = 3;

/// A day with far fewer series than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short {
    pub(super) date: Date,
    pub(super) series: u64,
    pub(super) usual: u64,
}

/// A late bill, or a withheld day or hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// The bill of a finished day is overdue.
    Late {
        date: Date,
    },
    Short(Short),
    /// A partial day with far fewer series than usual.
    ShortSoFar(Short),
    /// The total has not moved since hour `since`; totals of earlier days moved in the same hours.
    Still {
        date: Date,
        since: u8,
    },
}

/// Topics of the completeness notifications. Each topic is announced once and resolved once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Late,
    Short,
    /// Partial days.
    Hours,
}

/// Whether the bill of a day is overdue.
pub(super) fn is_due(parts: &Parts, date: Date, now: Timestamp) -> bool {
    let (today, hour) = parts.billing_time(now);
    is_late(date, (day_before(today, &parts.config.zone), hour), parts.config.completeness.expected_by_hour)
}

/// A late bill of yesterday, if the newest ledger day is older and the expected hour has passed.
pub(super) async fn late(parts: &Parts, (today, hour): (Date, u8)) -> Result<Option<Held>, RunError> {
    let Some(newest) = parts.store.newest_day().await? else { return Ok(None) };
    let date = day_before(today, &parts.config.zone);
    let is_late = newest < date && is_late(date, (date, hour), parts.config.completeness.expected_by_hour);
    Ok(is_late.then_some(Held::Late { date }))
}

fn is_late(date: Date, (yesterday, hour): (Date, u8), expected_by_hour: u8) -> bool {
    date < yesterday || (date == yesterday && hour >= expected_by_hour)
}

/// Notifies people of the problems, and of resolved problems for the given topics.
pub(super) async fn tell(
    parts: &mut Parts,
    held: &[Held],
    kinds: &[Kind],
    now: Timestamp,
    report: &mut Report,
) -> Result<(), RunError> {
    for kind in kinds {
        match held.iter().find(|held| held.kind() == *kind) {
            Some(held) => {
                let text = held.text(parts.config.language);
                let what =
                    Operational { key: kind.key(), level: Level::Error, tag: "STALE_FEED", text: &text, after: 1 };
                tell::operational(parts, what, now, report).await?;
            }
            None => tell::resolved(parts, kind.key(), now, report).await?,
        }
    }
    Ok(())
}

/// Checks a finished day for far fewer series than usual. Accepts every day of at least `restate_days` days of age: no
/// restatement is expected any more, and services may be gone for good.
pub(super) async fn short(parts: &Parts, ledger: &DayLedger, age: u64) -> Result<Option<Short>, RunError> {
    let ratio = parts.config.completeness.min_series_ratio;
    let (date, series) = (ledger.date, ledger.entries.len() as u64);
    if ratio == 0.0 || age >= u64::from(parts.config.restate_days) {
        return Ok(None);
    }
    let range = DateRange { from: back(date, USUAL_DAYS), to: back(date, 1) };
    let sizes = async |range: DateRange| -> Result<Vec<u64>, RunError> {
        Ok(parts.store.day_sizes(range).await?.into_iter().map(|(_, size)| size).collect())
    };
    // The count of a single day is cheap. All days are counted only after a suspicious first comparison.
    let Some(last) = parts.store.days(range).await?.pop() else { return Ok(None) };
    if sizes(DateRange { from: last, to: last }).await?.iter().all(|size| !is_few(series, *size, ratio)) {
        return Ok(None);
    }
    let mut sizes = sizes(range).await?;
    if sizes.len() < LEAST_DAYS {
        return Ok(None);
    }
    sizes.sort_unstable();
    let usual = sizes[sizes.len() / 2];
    Ok(is_few(series, usual, ratio).then_some(Short { date, series, usual }))
}

/// Checks a partial day against the same hour of earlier days: far fewer series, or a total that stands still.
/// `snapshots` must contain the hour.
pub(super) fn held(snapshots: &Snapshots, date: Date, hour: u8, options: &CompletenessOptions) -> Option<Held> {
    let today = snapshots.days.binary_search(&date).ok()?;
    few(snapshots, today, hour, options).map(Held::ShortSoFar).or_else(|| still(snapshots, today, hour, options))
}

fn few(snapshots: &Snapshots, today: usize, hour: u8, options: &CompletenessOptions) -> Option<Short> {
    let at =
        |day: usize, hour: u8| snapshots.rows.values().filter(|row| row.hours[day][usize::from(hour)] > 0.0).count();
    let series = at(today, hour) as u64;
    let mut others: Vec<u64> = (0..today).map(|day| at(day, hour) as u64).filter(|series| *series > 0).collect();
    others.sort_unstable();
    let usual = (others.len() >= LEAST_MOVING_DAYS).then(|| others[others.len() / 2])?;
    let date = snapshots.days[today];
    is_few(series, usual, options.min_series_ratio).then_some(Short { date, series, usual })
}

fn still(snapshots: &Snapshots, today: usize, hour: u8, options: &CompletenessOptions) -> Option<Held> {
    let total = |day: usize, hour: u8| {
        let amounts = snapshots.rows.values().map(|row| row.hours[day][usize::from(hour)]);
        // The total is unknown only without any known amount.
        let known = amounts.filter(|amount| !amount.is_nan());
        known.fold(None, |sum: Option<f64>, amount| Some(sum.unwrap_or(0.0) + amount))
    };
    let now = total(today, hour)?;
    // An hour without a run does not end the standstill.
    let same = |earlier: &u8| total(today, *earlier).is_none_or(|total| total == now);
    let since = (0..hour).rev().take_while(same).filter(|earlier| total(today, *earlier).is_some()).last()?;
    if hour - since < options.stalled_hours {
        return None;
    }
    let moves = (0..today).filter_map(|day| Some(total(day, since)? != total(day, hour)?));
    let (moved, days) = moves.fold((0, 0), |(moved, days), moves| (moved + usize::from(moves), days + 1));
    (days >= LEAST_MOVING_DAYS && moved * 2 > days).then_some(Held::Still { date: snapshots.days[today], since })
}

fn is_few(series: u64, usual: u64, ratio: f64) -> bool {
    usual >= LEAST_SERIES && (series as f64) < ratio * usual as f64
}

impl Short {
    pub(super) fn report(self, report: &mut Report) {
        Held::Short(self).report(report);
    }
}

impl Held {
    pub(super) fn report(self, report: &mut Report) {
        match self {
            Self::Late { date } => {
                report.count("late_days", 1);
                report.problem(format!("the bill of {date} is late: the provider should have published it by now"));
            }
            Self::Short(Short { date, series, usual }) => {
                report.count("withheld_days", 1);
                report.problem(format!(
                    "the bill of {date} has {series} series where {usual} are usual: it was archived and not taken for the whole; the next run asks for it again, and costwarden backfill --from {date} --to {date} takes it as it is"
                ));
            }
            Self::ShortSoFar(Short { date, series, usual }) => {
                report.count("withheld_hours", 1);
                report.problem(format!(
                    "{date} so far has {series} series where {usual} are usual at this hour: it was archived, and no rule was asked; the next run looks again"
                ));
            }
            Self::Still { date, since } => {
                report.count("withheld_hours", 1);
                report.problem(format!(
                    "the total of {date} has not moved since {since:02}:00, where other days' totals moved: it was archived, and no rule was asked; the next run looks again"
                ));
            }
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Late { .. } => Kind::Late,
            Self::Short(_) => Kind::Short,
            Self::ShortSoFar(_) | Self::Still { .. } => Kind::Hours,
        }
    }

    fn text(self, language: Language) -> String {
        match (language, self) {
            (Language::Korean, Self::Late { date }) => format!("{date}의 청구서가 아직 공개되지 않았습니다"),
            (Language::English, Self::Late { date }) => format!("the bill of {date} is late"),
            (Language::Korean, Self::Short(Short { date, series, usual })) => {
                format!("{date}의 청구서에 항목이 {series}개뿐입니다(평소 {usual}개). 판정을 보류합니다")
            }
            (Language::English, Self::Short(Short { date, series, usual })) => {
                format!("the bill of {date} has only {series} series where {usual} are usual; it is not judged yet")
            }
            (Language::Korean, Self::ShortSoFar(Short { date, series, usual })) => {
                format!("{date} 현재 청구서에 항목이 {series}개뿐입니다(평소 {usual}개). 판정을 보류합니다")
            }
            (Language::English, Self::ShortSoFar(Short { date, series, usual })) => {
                format!("{date} so far has only {series} series where {usual} are usual; it is not judged yet")
            }
            (Language::Korean, Self::Still { date, since }) => {
                format!("{date}의 요금 합계가 {since:02}시부터 변하지 않습니다. 판정을 보류합니다")
            }
            (Language::English, Self::Still { date, since }) => {
                format!("the total of {date} has not moved since {since:02}:00; it is not judged")
            }
        }
    }
}

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Self::Late => "completeness:late",
            Self::Short => "completeness:short",
            Self::Hours => "completeness:hours",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::history::SnapshotRow;
    use model::series::SeriesKey;

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
        let rows = (0..series).map(|place| (SeriesKey::new("d", "p", &place.to_string()), row(place))).collect();
        let first = jiff::civil::date(2026, 11, 1);
        Snapshots { days: first.series(jiff::ToSpan::days(1)).take(days.len()).collect(), rows }
    }

    fn at(snapshots: &Snapshots, hour: u8) -> Option<Held> {
        let date = *snapshots.days.last().expect("a day");
        held(snapshots, date, hour, &CompletenessOptions::default())
    }

    #[test]
    fn a_total_that_stands_still_where_others_moved_is_held() {
        let moving = [(1.0, 19), (1.0, 19), (1.0, 19), (1.0, 9)];
        let date = jiff::civil::date(2026, 11, 4);
        for (hour, expected) in [(9, None), (14, None), (15, Some(Held::Still { date, since: 9 }))] {
            assert_eq!(at(&snapshots(&moving, 2), hour), expected, "{hour}");
        }
        let flat = [(1.0, 0), (1.0, 0), (1.0, 19), (1.0, 0)];
        assert_eq!(at(&snapshots(&flat, 2), 15), None, "other days stand still as well");
        assert_eq!(at(&snapshots(&moving[1..], 2), 15), None, "two days prove little");
    }

    #[test]
    fn a_day_so_far_with_far_fewer_series_is_held() {
        let mut snapshots = snapshots(&[(1.0, 19); 4], 10);
        assert_eq!(at(&snapshots, 5), None);
        for row in snapshots.rows.values_mut().take(6) {
            row.hours[3] = [f64::NAN; 24];
        }
        let date = jiff::civil::date(2026, 11, 4);
        assert_eq!(at(&snapshots, 5), Some(Held::ShortSoFar(Short { date, series: 4, usual: 10 })));
    }

    #[test]
    fn a_bill_is_late_from_an_hour_of_the_next_day_on() {
        let day = jiff::civil::date(2026, 11, 4);
        let late = |yesterday: i8, hour: u8| is_late(day, (jiff::civil::date(2026, 11, yesterday), hour), 12);
        assert_eq!([late(3, 23), late(4, 11), late(4, 12), late(5, 0)], [false, false, true, true]);
    }

    #[test]
    fn few_are_told_from_a_few_less() {
        assert!(is_few(49, 100, 0.5) && !is_few(50, 100, 0.5));
        assert!(!is_few(0, LEAST_SERIES - 1, 0.5), "of so few series a fall says little");
        assert!(!is_few(0, 100, 0.0));
    }
}
