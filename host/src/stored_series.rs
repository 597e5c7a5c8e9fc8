//! A series in the store by days: the cost, the anomalies, and the incidents as labels.
//!
//! A day outside the ledger is NaN. A day of the ledger without a document of the series costs 0, as in a run.

use std::collections::BTreeMap;

use jiff::civil::Date;
use model::history::Measure;
use model::incident::{Incident, IncidentState, Resolution};
use model::language::Language;
use model::series::{SeriesKey, parse_day};
use notify::Locale;
use plot::{Band, Figure, Point};
use serde_json::Value;
use store::{AnomalyRecord, DateRange, Store, StoreError};

/// The days of a series from the first to the last day of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredSeries {
    pub(crate) key: SeriesKey,
    pub(crate) days: Vec<StoredDay>,
}

/// A day of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredDay {
    pub(crate) date: Date,
    /// NaN if the cost is not known.
    pub(crate) cost: f64,
    /// The anomaly of a live rule with the highest score on the finished day.
    anomaly: Option<StoredAnomaly>,
    /// Number of the incident that covers the day, from 1; 0 without an incident.
    pub(crate) label: usize,
}

/// The figures of an anomaly.
#[derive(Debug, Clone, PartialEq)]
struct StoredAnomaly {
    band: Band,
    score: f64,
    rule: String,
    reason: String,
}

impl StoredAnomaly {
    fn text(&self, language: Language) -> String {
        let Self { score, rule, reason, .. } = self;
        match language {
            Language::Korean => format!("규칙 {rule}, 점수 {score:.2}, {reason}"),
            Language::English => format!("rule {rule}, score {score:.2}, {reason}"),
        }
    }
}

/// Reads the days of a series. An id [`model::series::ALL`] in the key sums over all ids.
pub(crate) async fn read(store: &Store, key: &SeriesKey, range: DateRange) -> Result<StoredSeries, StoreError> {
    let known = store.days(range).await?;
    let costs = costs(store, key, range).await?;
    let anomalies = anomalies_by_day(store.anomalies(range).await?, key);
    let labels = labels(&store.all_incidents().await?, key);
    let [Some(first), Some(last)] = [known.first(), known.last()] else {
        return Ok(StoredSeries { key: key.clone(), days: Vec::new() });
    };
    let cost = |date: Date| match known.binary_search(&date) {
        Ok(_) => costs.get(&date).copied().unwrap_or(0.0),
        Err(_) => f64::NAN,
    };
    let days = first.series(jiff::Span::new().days(1)).take_while(|date| date <= last).map(|date| StoredDay {
        date,
        cost: cost(date),
        anomaly: anomalies.get(&date).cloned(),
        label: labels.get(&date).copied().unwrap_or(0),
    });
    Ok(StoredSeries { key: key.clone(), days: days.collect() })
}

impl StoredSeries {
    /// Returns true if the ledger has no cost of the series.
    pub(crate) fn is_empty(&self) -> bool {
        self.days.iter().all(|day| day.cost.is_nan() || day.cost == 0.0)
    }

    /// Returns the series in CSV, with the columns of `plugin run --input`.
    pub(crate) fn csv(&self) -> String {
        let cost = |cost: f64| if cost.is_nan() { String::new() } else { cost.to_string() };
        let row = |day: &StoredDay| format!("{},{},{}\n", day.date, cost(day.cost), day.label);
        let rows: String = self.days.iter().map(row).collect();
        format!("timestamp,value,label\n{rows}")
    }

    /// Returns the figure. The bounds are stored for anomalous days only.
    pub(crate) fn figure(&self, locale: Locale<'_>) -> Figure {
        let point = |day: &StoredDay| Point {
            band: day.anomaly.as_ref().map(|anomaly| anomaly.band),
            anomaly: day.anomaly.as_ref().map(|anomaly| anomaly.text(locale.language)),
            labelled: day.label > 0,
            ..Point::new(day.date.at(0, 0, 0, 0), day.cost)
        };
        let Locale { language, currency } = locale;
        let points = self.days.iter().map(point).collect();
        Figure { language, title: self.key.to_string(), unit: currency.to_owned(), points }
    }
}

/// Returns the cost of each day with a document.
async fn costs(store: &Store, key: &SeriesKey, range: DateRange) -> Result<BTreeMap<Date, f64>, StoreError> {
    if key.layer() == 0 {
        let records = store.daily(range, key).await?.into_iter();
        let cost = |amounts: &BTreeMap<Measure, f64>| amounts.get(&Measure::BilledCost).copied().unwrap_or(f64::NAN);
        return Ok(records.map(|record| (record.date, cost(&record.amounts))).collect());
    }
    // The columns of a history take less memory than the documents of all parts.
    let history = store.history(range, &[Measure::BilledCost]).await?;
    let mut costs = BTreeMap::new();
    for (_, row) in history.rows.iter().filter(|(part, _)| key.covers(part)) {
        for (date, cost) in history.days.iter().zip(&row.values[&Measure::BilledCost]) {
            if !cost.is_nan() {
                *costs.entry(*date).or_insert(0.0) += cost;
            }
        }
    }
    Ok(costs)
}

/// Returns the anomaly of a live rule with the highest score on each finished day.
fn anomalies_by_day(records: Vec<AnomalyRecord>, key: &SeriesKey) -> BTreeMap<Date, StoredAnomaly> {
    let mut by_day: BTreeMap<Date, StoredAnomaly> = BTreeMap::new();
    for AnomalyRecord { json, .. } in records.into_iter().filter(|record| !record.is_shadow) {
        let text = |field: &str| json.get(field).and_then(Value::as_str).unwrap_or_default();
        let number = |field: &str| json.get(field).and_then(Value::as_f64);
        let ids = ["domainId", "projectId", "serviceId"].map(text);
        let is_hourly = json.get("hour").is_some_and(|hour| !hour.is_null());
        let Some(date) =
            parse_day(text("date")).filter(|_| !is_hourly && ids == [&*key.account, &key.project, &key.service])
        else {
            continue;
        };
        let score = number("score").unwrap_or(f64::NAN);
        let anomaly = StoredAnomaly {
            band: Band {
                lower: number("lower").unwrap_or(f64::NEG_INFINITY),
                expected: number("expected").unwrap_or(f64::NAN),
                upper: number("upper").unwrap_or(f64::INFINITY),
            },
            score,
            rule: text("ruleId").to_owned(),
            reason: text("reason").to_owned(),
        };
        match by_day.get(&date) {
            Some(known) if known.score >= score => {}
            _ => drop(by_day.insert(date, anomaly)),
        }
    }
    by_day
}

/// Numbers the incidents of a series by opening. Dismissed and retracted incidents have no number.
fn labels(incidents: &[Incident], key: &SeriesKey) -> BTreeMap<Date, usize> {
    let is_event = |incident: &Incident| {
        incident.series == *key
            && !matches!(incident.state, IncidentState::Retracted | IncidentState::Closed(Resolution::Dismissed))
    };
    let spans = incidents.iter().filter(|incident| is_event(incident));
    let mut spans: Vec<[Date; 2]> = spans
        .filter_map(|incident| Some([*incident.by_day.keys().next()?, *incident.by_day.keys().next_back()?]))
        .collect();
    spans.sort_unstable();
    let mut labels = BTreeMap::new();
    for (number, [first, last]) in spans.into_iter().enumerate() {
        let days = first.series(jiff::Span::new().days(1)).take_while(|date| *date <= last);
        labels.extend(days.map(|date| (date, number + 1)));
    }
    labels
}
