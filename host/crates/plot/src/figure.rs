//! The content of a plot, without a size.

use jiff::civil::DateTime;
use model::language::Language;

/// A cost series with the verdicts of a detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The language of the legend.
    pub language: Language,
    pub title: String,
    /// Unit of the amounts, like KRW.
    pub unit: String,
    /// Evenly spaced points in time order.
    pub points: Vec<Point>,
}

/// A point of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Local time of the bill.
    pub time: DateTime,
    /// NaN if the value is not known.
    pub value: f64,
    /// `None` for a point without a verdict.
    pub band: Option<Band>,
    /// A short text about the anomaly; `None` for a point that is not anomalous.
    pub anomaly: Option<String>,
    /// True for a point inside a labelled event.
    pub labelled: bool,
}

/// The expected value and the bounds of a verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// May be negative infinity.
    pub lower: f64,
    pub expected: f64,
    /// May be infinity.
    pub upper: f64,
}

impl Point {
    /// A point with a value only.
    pub fn new(time: DateTime, value: f64) -> Self {
        Self { time, value, band: None, anomaly: None, labelled: false }
    }
}

/// The kinds of marks in a figure, for the legend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Legend {
    pub(crate) anomalies: bool,
    pub(crate) band: bool,
    pub(crate) labels: bool,
}

/// The words of the legend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    pub(crate) value: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) band: &'static str,
    pub(crate) anomaly: &'static str,
    pub(crate) label: &'static str,
}

impl Figure {
    pub(crate) fn words(&self) -> Words {
        self.language.choose(
            Words {
                value: "값", expected: "평소", band: "평소 범위", anomaly: "이상 징후", label: "이상 기간"
            },
            Words {
                value: "value",
                expected: "expected",
                band: "between the bounds",
                anomaly: "anomaly",
                label: "label",
            },
        )
    }

    pub(crate) fn legend(&self) -> Legend {
        Legend {
            anomalies: self.points.iter().any(|point| point.anomaly.is_some()),
            band: self.points.iter().any(|point| point.band.is_some()),
            labels: self.points.iter().any(|point| point.labelled),
        }
    }

    /// The title and the unit without control characters: a title may contain the name of a file.
    pub(crate) fn heading(&self) -> String {
        plain(&format!("{}, {}", self.title, self.unit))
    }
}

/// Removes control characters, which move the cursor of a terminal and are invalid in XML.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Figures for the snapshots.
#[cfg(test)]
pub(crate) mod samples {
    use jiff::ToSpan as _;
    use jiff::civil::date;
    use model::language::Language;

    use super::*;

    /// A year of days with weekends, a growing level, a spike, a fall and a labelled week. The first 60 days have no
    /// verdict. The second half of the bands has no lower bound.
    pub(crate) fn year() -> Figure {
        let point = |day: i64| {
            let weekend = if day % 7 < 5 { 1.0 } else { 0.7 };
            let expected = (100_000.0 + 150.0 * day as f64) * weekend;
            let anomaly = match day {
                120 => Some("spike & <jump>"),
                250 => Some("fall"),
                _ => None,
            };
            let value = match day {
                120 => expected * 1.9,
                250 => expected * 0.3,
                _ => expected * (1.0 + 0.04 * ((day * 37 % 11) as f64 / 5.0 - 1.0)),
            };
            let lower = if day < 200 { expected * 0.8 } else { f64::NEG_INFINITY };
            Point {
                time: date(2026, 1, 5).at(0, 0, 0, 0).saturating_add(day.days()),
                value,
                band: (day >= 60).then_some(Band { lower, expected, upper: expected * 1.2 }),
                anomaly: anomaly.map(str::to_owned),
                labelled: (118..125).contains(&day),
            }
        };
        Figure {
            language: Language::English,
            title: "account/*/*".to_owned(),
            unit: "KRW".to_owned(),
            points: (0..365).map(point).collect(),
        }
    }

    /// Hours with unknown values and without verdicts.
    pub(crate) fn gap() -> Figure {
        let value = |hour: i64| if (20..30).contains(&hour) { f64::NAN } else { 10.0 + (hour % 24) as f64 };
        let time = |hour: i64| date(2026, 3, 1).at(0, 0, 0, 0).saturating_add(hour.hours());
        let points = (0..72).map(|hour| Point::new(time(hour), value(hour))).collect();
        Figure { language: Language::English, title: "hours".to_owned(), unit: "USD".to_owned(), points }
    }
}
