//! The figure of a backtest: the bill of each day, with the days on which incidents opened.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::Date;
use model::incident::Incident;
use notify::Locale;
use plot::{Figure, Point};

use super::BacktestResult;

impl BacktestResult {
    /// Returns the figure of the counted days. A day without a bill is not known.
    pub(crate) fn figure(&self, locale: Locale<'_>) -> Figure {
        let mut opened: BTreeMap<Date, Vec<&Incident>> = BTreeMap::new();
        for incident in &self.incidents {
            opened.entry(incident.opened_at.date).or_default().push(incident);
        }
        let [first, last] = [self.totals.first_key_value(), self.totals.last_key_value()];
        let days = first
            .zip(last)
            .into_iter()
            .flat_map(|((first, _), (last, _))| first.series(Span::new().days(1)).take_while(move |date| date <= last));
        let point = |date: Date| Point {
            anomaly: opened.get(&date).map(|incidents| text(incidents)),
            ..Point::new(date.at(0, 0, 0, 0), self.totals.get(&date).copied().unwrap_or(f64::NAN))
        };
        let Locale { language, currency } = locale;
        let marked = language.choose("새 이상이 시작된 날", "days with new incidents");
        let title = format!("{} {}, {marked}", self.report.job, self.report.period);
        Figure { language, title, unit: currency.to_owned(), points: days.map(point).collect() }
    }
}

/// Returns the series and the rules of the incidents of a day.
fn text(incidents: &[&Incident]) -> String {
    let of_incident = |incident: &&Incident| {
        let rules: Vec<&str> = incident.rules.iter().map(String::as_str).collect();
        format!("{} ({})", incident.series, rules.join(", "))
    };
    incidents.iter().map(of_incident).collect::<Vec<_>>().join("; ")
}
