//! The figure of a trial: the series, the verdicts and the labels.

use model::language::Language;
use plot::{Band, Figure, Point};

use super::series_file::SeriesFile;
use super::walk::TrialResult;

/// Returns the figure of a trial over a series.
pub fn trial_figure(file: &SeriesFile, result: &TrialResult, title: &str, unit: &str) -> Figure {
    let times = file.times().into_iter();
    let mut points: Vec<Point> = times.zip(&file.series.values).map(|(time, value)| Point::new(time, *value)).collect();
    for (point, verdict) in points.iter_mut().zip(&result.verdicts) {
        let Some(verdict) = verdict else { continue };
        point.band = Some(Band { lower: verdict.lower, expected: verdict.expected, upper: verdict.upper });
        if verdict.score >= 1.0 {
            point.anomaly = Some(format!("score {:.2}, {}", verdict.score, verdict.reason));
        }
    }
    for row in &file.rows {
        if let Some(point) = row.point {
            points[point].labelled = row.label.is_some_and(|label| label != 0);
        }
    }
    Figure { language: Language::English, title: title.to_owned(), unit: unit.to_owned(), points }
}
