//! `plugin run --walk`: production replayed over a series, in the sandbox as natively.

use std::path::Path;

use costwarden_sdk::native::{self, Walk};
use costwarden_sdk::{Detector, Series, Verdict};
use daily_level::DailyLevel;
use hourly_level::HourlyLevel;

use super::project::{AuthorProject, bundled, golden};

/// A printed row: score, expected, lower, upper, reason.
type Row = Option<(f64, f64, f64, f64, String)>;

fn walked<D: Detector>(input: &Path, args: &[&str]) -> Vec<Row> {
    let input = input.display().to_string();
    let plugin = bundled(D::NAME);
    let args = [&["run", &plugin, "--input", &input, "--format", "csv"], args].concat();
    let text = AuthorProject::new().plugin(&args).expect(0).stdout;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let row = |record: csv::StringRecord| {
        let number = |index: usize| record[index].parse().expect("a number");
        (!record[2].is_empty()).then(|| (number(2), number(3), number(4), number(5), record[6].to_owned()))
    };
    reader.records().map(|record| row(record.expect("CSV"))).collect()
}

fn native<D: Detector>(series: &Series, how: Walk) -> Vec<Row> {
    let row = |Verdict { score, expected, lower, upper, reason, .. }| (score, expected, lower, upper, reason);
    native::walk::<D>(&native::context("{}"), series, how).into_iter().map(|verdict| verdict.map(row)).collect()
}

/// The values of a file without gaps.
fn values(input: &Path) -> Vec<f64> {
    let mut reader = csv::Reader::from_path(input).expect("a file");
    let value =
        |record: csv::StringRecord| if record[1].is_empty() { f64::NAN } else { record[1].parse().expect("a number") };
    reader.records().map(|record| value(record.expect("CSV"))).collect()
}

#[test]
fn the_sandbox_walks_as_the_sdk_does() {
    let mut alerts = 0;
    for case in ["runaway", "slow-growth"] {
        let input = golden("daily-level", case, "input.csv");
        let series = Series::daily("2026-06-01", values(&input));
        for every in [1, 7, 25] {
            let rows = walked::<DailyLevel>(&input, &["--walk", &every.to_string(), "--incidents", "include"]);
            let how = Walk { history: 90, refit_every: every, exclude_alerts: false };
            assert_eq!(rows, native::<DailyLevel>(&series, how), "{case}, {every}");
            alerts += rows.iter().flatten().filter(|row| row.0 >= 1.0).count();
        }
    }
    assert!(alerts > 10, "{alerts}: there is something to compare");
}

#[test]
fn anomalous_points_are_excluded_as_in_the_sdk() {
    let input = golden("daily-level", "runaway", "input.csv");
    let series = Series::daily("2026-06-01", values(&input));
    for every in [1, 5] {
        let rows = walked::<DailyLevel>(&input, &["--walk", &every.to_string(), "--history-days", "30"]);
        let how = Walk { history: 30, refit_every: every, exclude_alerts: true };
        assert_eq!(rows, native::<DailyLevel>(&series, how), "{every}");
    }
    let input = golden("hourly-level", "runaway", "input.csv");
    let mut series = Series::daily("2026-07-01", values(&input));
    series.step = 3_600;
    (series.start, series.utc_offset) = (series.start - 32_400, 32_400);
    for every in [1, 24] {
        let rows = walked::<HourlyLevel>(&input, &["--walk", &every.to_string()]);
        let how = Walk { history: 28 * 24, refit_every: every, exclude_alerts: true };
        assert_eq!(rows, native::<HourlyLevel>(&series, how), "{every} hours");
    }
}

/// Later rows have no influence on earlier verdicts.
#[test]
fn a_point_is_judged_from_earlier_ones_only() {
    let input = golden("daily-level", "slow-growth", "input.csv");
    let text = std::fs::read_to_string(&input).expect("a file");
    let project = AuthorProject::new();
    for every in ["1", "10"] {
        let whole = walked::<DailyLevel>(&input, &["--walk", every]);
        for rows in [15, 50] {
            let head: String = text.lines().take(rows + 1).map(|line| format!("{line}\n")).collect();
            project.write("cut.csv", &head);
            assert_eq!(
                walked::<DailyLevel>(&project.path().join("cut.csv"), &["--walk", every]),
                whole[..rows],
                "{rows} rows, {every}"
            );
            let tail: String = text.lines().skip(rows + 1).map(|line| format!("{line}e3\n")).collect();
            project.write("changed.csv", head + &tail);
            let changed = walked::<DailyLevel>(&project.path().join("changed.csv"), &["--walk", every]);
            assert_eq!(changed[..rows], whole[..rows], "{rows} rows, {every}");
            assert_ne!(changed, whole);
        }
    }
}

/// Excluded points do not return by themselves: a lasting level is accepted after the configured number of days.
#[test]
fn a_level_that_lasts_is_accepted() {
    let input = golden("tutorial", "twice-the-mean", "input.csv");
    let values = values(&input);
    let level: String = (0..40)
        .map(|day| {
            format!("{},{}\n", 1_790_000_000 + day * 86_400, if day < 21 { values[20] } else { 3.0 * values[20] })
        })
        .collect();
    let project = AuthorProject::new();
    project.write("level.csv", format!("timestamp,value\n{level}"));
    let alerts = |args: &[&str]| {
        let plugin = bundled("tutorial");
        let args = [&["run", &plugin, "--input", "level.csv", "--walk", "1", "--format", "json"], args].concat();
        let report = project.plugin(&args).expect(0).report();
        let rows = report["rows"].as_array().expect("rows").clone();
        rows.iter().map(|row| row["score"].as_f64().is_some_and(|score| score >= 1.0)).collect::<Vec<_>>()
    };
    let excluded = alerts(&[]);
    assert_eq!(excluded.iter().position(|alerted| *alerted), Some(21));
    assert_eq!(
        excluded.iter().filter(|alerted| **alerted).count(),
        8,
        "reported until the fits include a week of the level"
    );
    assert!(alerts(&["--incidents", "include"]).iter().filter(|alerted| **alerted).count() <= 8);
}
