use std::path::Path;

use jiff::civil::date;
use model::history::{DayMarks, HistoryRow, Measure, SnapshotRow};
use model::rule::{self, RuleSet};

use super::*;

const NAN: f64 = f64::NAN;

fn rule(series: &str, options: &str) -> Rule {
    let text = format!("[[rule]]\nid = \"a\"\nwhy = \"b\"\ndetector = \"c\"\nseries = {series:?}\n{options}\n");
    let mut set = RuleSet::default();
    rule::parse(Path::new("a.toml"), &text, &mut set);
    assert_eq!(set.errors, []);
    set.rules.remove(0)
}

fn history(days: &[i8], rows: &[(&str, &[f64])]) -> History {
    let row = |(service, values): &(&str, &[f64])| {
        let names = Names { account: "D".into(), project: "P".into(), service: (*service).into() };
        let row = HistoryRow {
            names,
            values: BTreeMap::from([(Measure::BilledCost, values.to_vec())]),
            marks: vec![DayMarks::default(); days.len()],
            pricing_categories: Vec::new(),
        };
        (SeriesKey::new("d", "p", service), row)
    };
    let days = days.iter().map(|day| date(2026, 11, *day)).collect();
    History { days, rows: rows.iter().map(row).collect() }
}

/// Calls a function with a frame that ends on a day of November.
fn with_frame<T>(through: i8, mask: &TrainingMask, call: impl FnOnce(SeriesFrame<'_>) -> T) -> T {
    let zone = TimeZone::get("Asia/Seoul").expect("bundled");
    call(SeriesFrame { zone: &zone, mask, accept_after_days: 14, through: date(2026, 11, through) })
}

/// The daily series over the look-back of a rule, up to a day of November.
fn daily(history: &History, rule: &Rule, through: i8) -> Vec<RuleSeries> {
    with_frame(through, &TrainingMask::default(), |frame| frame.daily(rule, history, rule.history_days))
}

fn text(series: &[RuleSeries]) -> String {
    let line =
        |RuleSeries { series, .. }: &RuleSeries| format!("{} {:?} {:?}\n", series.id, series.values, series.excluded);
    series.iter().map(line).collect()
}

#[test]
fn a_missing_day_is_unknown_and_an_absent_row_is_zero() {
    let history = history(&[2, 3, 5], &[("a", &[1.0, NAN, 3.0]), ("b", &[NAN, 2.0, 4.0])]);
    let daily = |options: &str| text(&daily(&history, &rule("daily", options), 5));
    insta::assert_snapshot!(daily(""), @r"
    d/p/a [1.0, 0.0, NaN, 3.0] []
    d/p/b [0.0, 2.0, NaN, 4.0] []
    ");
    insta::assert_snapshot!(daily("absent = \"unknown\""), @r"
    d/p/a [1.0, NaN, NaN, 3.0] []
    d/p/b [NaN, 2.0, NaN, 4.0] []
    ");
    insta::assert_snapshot!(daily("group_by = [\"account\"]"), @"d/*/* [1.0, 2.0, NaN, 7.0] []");
    insta::assert_snapshot!(daily("history_days = 3\nselect = { service = [\"!a\"] }"), @"d/p/b [2.0, NaN, 4.0] []");
}

#[test]
fn a_day_with_a_refused_row_is_unknown_for_the_series_and_the_sums_above() {
    let mut history = history(&[2, 3], &[("a", &[1.0, 2.0]), ("b", &[3.0, 4.0])]);
    let row = history.rows.get_mut(&SeriesKey::new("d", "p", "a")).expect("a row");
    row.marks[1].is_incomplete = true;
    let daily = |options: &str| text(&daily(&history, &rule("daily", options), 3));
    insta::assert_snapshot!(daily(""), @r"
    d/p/a [1.0, NaN] []
    d/p/b [3.0, 4.0] []
    ");
    insta::assert_snapshot!(daily("group_by = []"), @"*/*/* [4.0, NaN] []");
}

#[test]
fn a_refused_row_without_a_service_may_belong_to_any_absent_service_of_the_project() {
    let mut history = history(&[2, 3], &[(NO_SERVICE, &[NAN, 0.0]), ("a", &[1.0, NAN]), ("b", &[3.0, 4.0])]);
    let row = history.rows.get_mut(&SeriesKey::new("d", "p", NO_SERVICE)).expect("a row");
    row.marks[1].is_incomplete = true;
    let other = history.rows[&SeriesKey::new("d", "p", "a")].clone();
    history.rows.insert(SeriesKey::new("d", "q", "a"), other);
    insta::assert_snapshot!(text(&daily(&history, &rule("daily", ""), 3)), @r"
    d/p/(no service) [0.0, NaN] []
    d/p/a [1.0, NaN] []
    d/p/b [3.0, 4.0] []
    d/q/a [1.0, 0.0] []
    ");
}

#[test]
fn a_series_starts_at_the_start_of_its_first_day() {
    let series = daily(&history(&[2], &[("a", &[1.0])]), &rule("daily", ""), 2);
    let start: jiff::Timestamp = "2026-11-02T00:00:00+09:00".parse().expect("a time");
    assert_eq!((series[0].series.start, series[0].series.utc_offset), (start.as_second(), 32_400));
}

#[test]
fn anomalous_days_are_excluded_by_index() {
    let history = history(&[2, 3, 4, 5], &[("a", &[1.0, 9.0, 1.0, 1.0])]);
    let key = SeriesKey::new("d", "p", "a");
    let mut mask = TrainingMask::default();
    mask.add(&key, Moment::finished_day(date(2026, 11, 3)));
    mask.add(&key, Moment { date: date(2026, 11, 4), hour: Some(9) });
    let rule = rule("daily", "");
    let series = with_frame(5, &mask, |frame| frame.daily(&rule, &history, rule.history_days));
    assert_eq!(series[0].series.excluded, [1]);
}

#[test]
fn snapshots_become_day_to_date_series_and_increments() {
    let day = |start: f64| {
        let mut hours = [NAN; 24];
        hours[0] = start;
        hours[1] = start + 2.0;
        hours[3] = start + 9.0;
        hours
    };
    let row = SnapshotRow { names: Names::default(), hours: vec![day(1.0), day(5.0)] };
    let rows = BTreeMap::from([(SeriesKey::new("d", "p", "a"), row)]);
    let snapshots = Snapshots { days: vec![date(2026, 11, 2), date(2026, 11, 4)], rows };
    let mut mask = TrainingMask::default();
    mask.add(&SeriesKey::new("d", "p", "a"), Moment { date: date(2026, 11, 4), hour: Some(1) });
    with_frame(4, &mask, |frame| {
        let day_to_date = |hour| {
            let series = frame.snapshots(&rule("day-to-date", ""), &snapshots);
            text(&series.filter_map(|series| series.day_to_date(hour)).collect::<Vec<_>>())
        };
        insta::assert_snapshot!(day_to_date(1), @"d/p/a [3.0, NaN, 7.0] [2]");
        insta::assert_snapshot!(day_to_date(3), @"d/p/a [10.0, NaN, 14.0] []");
        assert_eq!(day_to_date(2), "", "no day has a snapshot at two");
        let mut series = frame.snapshots(&rule("hourly", ""), &snapshots);
        let increments = series.next().and_then(|series| series.hourly()).expect("two consecutive hours");
        assert_eq!(increments.series.values[..2], [1.0, 2.0]);
        assert!(increments.series.values[2..48].iter().all(|value| value.is_nan()), "hour two is unknown");
        assert_eq!(increments.series.values[48..50], [5.0, 2.0]);
        assert_eq!(increments.series.excluded, [49]);
    });
}

#[test]
fn no_known_day_gives_no_series() {
    let series = daily(&history(&[2], &[("a", &[1.0])]), &rule("daily", "history_days = 5"), 30);
    assert_eq!(text(&series), "");
}
