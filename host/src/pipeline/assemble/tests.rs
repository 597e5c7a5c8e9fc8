use super::*;
use jiff::civil::date;
use model::history::{HistoryRow, Measure, SnapshotRow};
use model::rule::{self, RuleSet};

const NAN: f64 = f64::NAN;

fn rule(series: &str, more: &str) -> Rule {
    let text = format!("[[rule]]\nid = \"a\"\nwhy = \"b\"\ndetector = \"c\"\nseries = {series:?}\n{more}\n");
    let mut set = RuleSet::default();
    rule::parse(std::path::Path::new("a.toml"), &text, &mut set);
    assert_eq!(set.errors, []);
    set.rules.remove(0)
}

fn history(days: &[i8], rows: &[(&str, &[f64])]) -> History {
    let row = |(service, values): &(&str, &[f64])| {
        let names = Names { account: "D".into(), project: "P".into(), service: (*service).into() };
        let row = HistoryRow {
            names,
            values: BTreeMap::from([(Measure::BilledCost, values.to_vec())]),
            anomalous: vec![false; days.len()],
            pricing_categories: Vec::new(),
        };
        (SeriesKey::new("d", "p", service), row)
    };
    let days = days.iter().map(|day| date(2026, 11, *day)).collect();
    History { days, rows: rows.iter().map(row).collect() }
}

/// The series over the look-back of the rule.
fn samples(history: &History, rule: &Rule, frame: Frame<'_>) -> Vec<Sample> {
    daily(history, rule, rule.history_days, frame)
}

/// Calls a function with a frame that ends on a day of November.
fn framed<T>(through: i8, excluded: &Excluded, call: impl FnOnce(Frame<'_>) -> T) -> T {
    let zone = TimeZone::get("Asia/Seoul").expect("bundled");
    call(Frame { zone: &zone, excluded, accept_after_days: 14, through: date(2026, 11, through) })
}

fn shown(samples: &[Sample]) -> String {
    samples.iter().map(|s| format!("{} {:?} {:?}\n", s.series.id, s.series.values, s.series.excluded)).collect()
}

#[test]
fn a_missing_day_is_not_known_and_an_absent_row_is_zero() {
    let history = history(&[2, 3, 5], &[("a", &[1.0, NAN, 3.0]), ("b", &[NAN, 2.0, 4.0])]);
    let daily =
        |more: &str| framed(5, &Excluded::default(), |frame| shown(&samples(&history, &rule("daily", more), frame)));
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
fn a_series_starts_at_the_first_moment_of_its_first_day() {
    let history = history(&[2], &[("a", &[1.0])]);
    let samples = framed(2, &Excluded::default(), |frame| samples(&history, &rule("daily", ""), frame));
    let start: jiff::Timestamp = "2026-11-02T00:00:00+09:00".parse().expect("a time");
    assert_eq!((samples[0].series.start, samples[0].series.utc_offset), (start.as_second(), 32_400));
}

#[test]
fn known_incidents_are_excluded_by_their_place() {
    let history = history(&[2, 3, 4, 5], &[("a", &[1.0, 9.0, 1.0, 1.0])]);
    let mut excluded = Excluded::default();
    excluded.add(&SeriesKey::new("d", "p", "a"), date(2026, 11, 3), None);
    excluded.add(&SeriesKey::new("d", "p", "a"), date(2026, 11, 4), Some(9));
    let samples = framed(5, &excluded, |frame| samples(&history, &rule("daily", ""), frame));
    assert_eq!(samples[0].series.excluded, [1]);
}

#[test]
fn snapshots_become_day_to_date_and_increments() {
    let day = |start: f64| {
        let mut hours = [NAN; 24];
        (hours[0], hours[1], hours[3]) = (start, start + 2.0, start + 9.0);
        hours
    };
    let row = SnapshotRow { names: Names::default(), hours: vec![day(1.0), day(5.0)] };
    let rows = BTreeMap::from([(SeriesKey::new("d", "p", "a"), row)]);
    let snapshots = Snapshots { days: vec![date(2026, 11, 2), date(2026, 11, 4)], rows };
    let mut excluded = Excluded::default();
    excluded.add(&SeriesKey::new("d", "p", "a"), date(2026, 11, 4), Some(1));
    framed(4, &excluded, |frame| {
        let at = |hour| {
            let grids = grids(&snapshots, &rule("day-to-date", ""), frame);
            shown(&grids.filter_map(|grid| grid.day_to_date(hour)).collect::<Vec<_>>())
        };
        insta::assert_snapshot!(at(1), @"d/p/a [3.0, NaN, 7.0] [2]");
        insta::assert_snapshot!(at(3), @"d/p/a [10.0, NaN, 14.0] []");
        assert_eq!(at(2), "", "no day was seen at two");
        let mut grids = grids(&snapshots, &rule("hourly", ""), frame);
        let increments = grids.next().and_then(|grid| grid.hourly()).expect("two hours in a row");
        assert_eq!(increments.series.values[..2], [1.0, 2.0]);
        assert!(increments.series.values[2..48].iter().all(|value| value.is_nan()), "three lacks two");
        assert_eq!(increments.series.values[48..50], [5.0, 2.0]);
        assert_eq!(increments.series.excluded, [49]);
    });
}

#[test]
fn nothing_known_gives_no_series() {
    let history = history(&[2], &[("a", &[1.0])]);
    let samples =
        framed(30, &Excluded::default(), |frame| samples(&history, &rule("daily", "history_days = 5"), frame));
    assert_eq!(shown(&samples), "");
}
