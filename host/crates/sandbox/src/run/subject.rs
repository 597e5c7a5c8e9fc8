//! The series and the times of a call, for the log lines of the plugin.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use model::series::Series;

/// The inputs of a call in words. A plugin gets all series of a batch at once, so a line cannot name one of several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CallSubject {
    /// The id of the first series, and the number of further series.
    pub(super) series: String,
    /// Local time of the first fitted or judged point.
    pub(super) from: String,
    /// Local time of the last fitted or judged point.
    pub(super) to: String,
}

/// The fitted or judged points of an input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallPoints<'a> {
    pub(crate) series: &'a Series,
    /// Index of the first fitted or judged point.
    pub(crate) first: usize,
}

impl CallSubject {
    pub(super) fn new<'a>(inputs: impl Iterator<Item = CallPoints<'a>>) -> Self {
        let mut first_id = None;
        let mut previous_id = "";
        let mut further = 0;
        let mut times: Option<[DateTime; 2]> = None;
        for points in inputs {
            let id = points.series.id.as_str();
            if first_id.is_some() && id != previous_id {
                further += 1;
            }
            first_id.get_or_insert(id);
            previous_id = id;
            if let Some([from, to]) = points.times() {
                let [first, last] = times.unwrap_or([from, to]);
                times = Some([first.min(from), last.max(to)]);
            }
        }
        let first_id = first_id.unwrap_or_default();
        let series = if further == 0 { first_id.to_owned() } else { format!("{first_id} and {further} more") };
        let [from, to] = times.map(|times| times.map(text)).unwrap_or_default();
        Self { series, from, to }
    }
}

impl CallPoints<'_> {
    /// Returns the local times of the first and the last point; `None` without points or outside the calendar.
    fn times(self) -> Option<[DateTime; 2]> {
        let Series { start, utc_offset, step, values, .. } = self.series;
        let last = values.len().checked_sub(1)?;
        let time = |point: usize| {
            let local = start + i64::from(*utc_offset) + point as i64 * i64::from(*step);
            Some(TimeZone::UTC.to_datetime(Timestamp::from_second(local).ok()?))
        };
        Some([time(self.first.min(last))?, time(last)?])
    }
}

/// Returns the day alone at midnight.
fn text(time: DateTime) -> String {
    if time.time() == Time::midnight() { time.date().to_string() } else { time.strftime("%Y-%m-%dT%H:%M").to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(id: &str, step: u32, points: usize) -> Series {
        // 2026-01-01T00:00 in Korea.
        let start = 1_767_193_200;
        Series { id: id.to_owned(), start, utc_offset: 32_400, step, values: vec![1.0; points], excluded: Vec::new() }
    }

    fn check(inputs: &[(&str, u32, usize, usize)], expect: [&str; 3]) {
        let series: Vec<Series> = inputs.iter().map(|(id, step, points, _)| series(id, *step, *points)).collect();
        let firsts = inputs.iter().map(|(_, _, _, first)| *first);
        let points = series.iter().zip(firsts).map(|(series, first)| CallPoints { series, first });
        let CallSubject { series, from, to } = CallSubject::new(points);
        assert_eq!([series.as_str(), from.as_str(), to.as_str()], expect, "{inputs:?}");
    }

    #[test]
    fn a_call_names_the_series_and_the_times() {
        check(&[("a", 86_400, 31, 0)], ["a", "2026-01-01", "2026-01-31"]);
        check(&[("a", 3_600, 30, 29)], ["a", "2026-01-02T05:00", "2026-01-02T05:00"]);
        check(&[("a", 86_400, 3, 2), ("a", 86_400, 5, 4)], ["a", "2026-01-03", "2026-01-05"]);
        check(
            &[("a", 86_400, 3, 0), ("b", 86_400, 5, 0), ("c", 86_400, 1, 0)],
            ["a and 2 more", "2026-01-01", "2026-01-05"],
        );
        check(&[("a", 86_400, 0, 0)], ["a", "", ""]);
        check(&[], ["", "", ""]);
    }
}
