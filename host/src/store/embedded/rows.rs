//! The two collections that grow with every day, as rows: how they are made of columns and documents.

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::Document;
use redb::{ReadOnlyTable, ReadableTable};

use super::columns::{CREATED, Day, DayWriter, LABELS, Labels, LabelsWriter, NUMBERS, UPDATED, broken};
use super::file::{Cause, Changing, Column, Reading};
use crate::history::Measure;
use crate::ledger::{Amounts, Entry};
use crate::series::{Names, SeriesKey};
use crate::store::DateRange;
use crate::store::collector::Collector;
use crate::store::documents::{Collection, Interner, daily, hourly, time};

/// A column of `billing_daily`, and the first of the measures, in the order of [`Measure::ALL`].
const ANOMALOUS: u8 = 4;
const MEASURES: u8 = 16;

/// A column of `billing_hourly`.
const FETCHED: u8 = 4;
/// The first of the 24 hours.
const HOURS: u8 = 16;

/// Labels of a row: three names, and of `billing_daily` the pricing types and the regions.
const DAILY_LABELS: usize = 5;
const HOURLY_LABELS: usize = 3;

/// One document of `billing_daily`.
#[derive(Debug, Clone)]
pub(super) struct DailyRow {
    pub(super) entry: Entry,
    pub(super) anomalous: bool,
    /// Milliseconds since 1970, as the next.
    pub(super) created: i64,
    pub(super) updated: i64,
}

/// One document of `billing_hourly`.
#[derive(Debug, Clone)]
pub(super) struct HourlyRow {
    pub(super) key: SeriesKey,
    pub(super) names: Names,
    /// NaN where no run looked.
    pub(super) hours: [f64; 24],
    /// Milliseconds since 1970, as the next two.
    pub(super) fetched: i64,
    pub(super) created: i64,
    pub(super) updated: i64,
}

/// The series by their numbers.
pub(super) struct Series(Vec<SeriesKey>);

impl DailyRow {
    pub(super) fn document(&self, date: Date) -> Document {
        let moment = |millis| Timestamp::from_millisecond(millis).unwrap_or_default();
        let mut document = daily::upsert(date, &self.entry, moment(self.created)).fresh();
        document.insert("isAnomaly", self.anomalous);
        document.insert("updatedAt", time(moment(self.updated)));
        document
    }
}

impl HourlyRow {
    pub(super) fn new(entry: &Entry, now: i64) -> Self {
        let (key, names) = (entry.key.clone(), entry.names.clone());
        Self { key, names, hours: [f64::NAN; 24], fetched: now, created: now, updated: now }
    }

    pub(super) fn set(&mut self, amounts: &[(u8, f64)], now: i64) {
        for (hour, amount) in amounts {
            self.hours[usize::from(*hour)] = *amount;
        }
        self.fetched = now;
        self.updated = now;
    }
}

impl Series {
    pub(super) fn load(
        table: &impl ReadableTable<u32, (&'static str, &'static str, &'static str)>,
    ) -> Result<Self, Cause> {
        let mut texts = Interner::default();
        let mut series = Vec::new();
        for item in table.iter()? {
            let (_, key) = item?;
            let (domain, project, service) = key.value();
            series.push(SeriesKey {
                domain: texts.get(domain),
                project: texts.get(project),
                service: texts.get(service),
            });
        }
        Ok(Self(series))
    }

    fn get(&self, number: u32) -> Result<&SeriesKey, Cause> {
        self.0.get(number as usize).ok_or_else(|| broken("series", format!("number {number} is not known")))
    }
}

impl Changing<'_> {
    pub(super) fn daily(&self, date: Date) -> Result<Vec<DailyRow>, Cause> {
        read_daily(&self.columns()?, &self.series()?, date)
    }

    pub(super) fn put_daily(&self, date: Date, rows: &[DailyRow]) -> Result<(), Cause> {
        let numbers = self.numbers(&rows.iter().map(|row| &row.entry.key).collect::<Vec<_>>())?;
        let mut labels = LabelsWriter::default();
        for DailyRow { entry, .. } in rows {
            labels.names(&entry.names);
            labels.add(entry.pricing_types.clone());
            labels.add(entry.regions.clone());
        }
        let mut day = DayWriter::new(self.columns()?, daily::COLLECTION.name, date);
        day.put(NUMBERS, numbers.into_iter().map(u32::to_le_bytes))?;
        day.put_bytes(LABELS, &labels.finish()?)?;
        day.put(CREATED, rows.iter().map(|row| row.created.to_le_bytes()))?;
        day.put(UPDATED, rows.iter().map(|row| row.updated.to_le_bytes()))?;
        day.put(ANOMALOUS, rows.iter().map(|row| [u8::from(row.anomalous)]))?;
        for (column, measure) in (MEASURES..).zip(Measure::ALL) {
            day.put(column, rows.iter().map(|row| measure.of(&row.entry.amounts).to_le_bytes()))?;
        }
        Ok(())
    }

    pub(super) fn hourly(&self, date: Date) -> Result<Vec<HourlyRow>, Cause> {
        read_hourly(&self.columns()?, &self.series()?, date)
    }

    pub(super) fn put_hourly(&self, date: Date, rows: &[HourlyRow]) -> Result<(), Cause> {
        let numbers = self.numbers(&rows.iter().map(|row| &row.key).collect::<Vec<_>>())?;
        let mut labels = LabelsWriter::default();
        for row in rows {
            labels.names(&row.names);
        }
        let mut day = DayWriter::new(self.columns()?, hourly::COLLECTION.name, date);
        day.put(NUMBERS, numbers.into_iter().map(u32::to_le_bytes))?;
        day.put_bytes(LABELS, &labels.finish()?)?;
        day.put(CREATED, rows.iter().map(|row| row.created.to_le_bytes()))?;
        day.put(UPDATED, rows.iter().map(|row| row.updated.to_le_bytes()))?;
        day.put(FETCHED, rows.iter().map(|row| row.fetched.to_le_bytes()))?;
        for (column, hour) in (HOURS..).zip(0..24) {
            if rows.iter().any(|row| !row.hours[hour].is_nan()) {
                day.put(column, rows.iter().map(|row| row.hours[hour].to_le_bytes()))?;
            }
        }
        Ok(())
    }
}

impl Reading<'_> {
    pub(super) fn daily(&self, series: &Series, date: Date) -> Result<Vec<DailyRow>, Cause> {
        read_daily(&self.columns()?, series, date)
    }

    /// Adds a range of days to what becomes a history.
    pub(super) fn collect_days(
        &self,
        range: DateRange,
        measures: &[Measure],
        collector: &mut Collector,
    ) -> Result<(), Cause> {
        self.collect(&daily::COLLECTION, range, collector, |day| {
            let amounts = measures.iter().map(|measure| day.column(measure_column(*measure), f64::from_le_bytes));
            let amounts = amounts.collect::<Result<Vec<_>, _>>()?;
            let anomalous = day.column(ANOMALOUS, |[flag]: [u8; 1]| flag != 0)?;
            let pricing_types = |labels: &Labels, row: usize| Ok(labels.get(row * DAILY_LABELS + 3)?.to_vec());
            Ok(Collected { amounts, anomalous, width: DAILY_LABELS, pricing_types })
        })
    }

    /// Adds a range of days to what become snapshots.
    pub(super) fn collect_hours(&self, range: DateRange, collector: &mut Collector) -> Result<(), Cause> {
        self.collect(&hourly::COLLECTION, range, collector, |day| {
            let unseen = || vec![f64::NAN; day.numbers.len()];
            let hours = (HOURS..HOURS + 24)
                .map(|column| Ok(day.column_if_there(column, f64::from_le_bytes)?.unwrap_or_else(unseen)));
            let amounts = hours.collect::<Result<Vec<_>, Cause>>()?;
            let anomalous = vec![false; day.numbers.len()];
            Ok(Collected { amounts, anomalous, width: HOURLY_LABELS, pricing_types: |_, _| Ok(Vec::new()) })
        })
    }

    fn collect(
        &self,
        collection: &Collection,
        range: DateRange,
        collector: &mut Collector,
        read: impl Fn(&Day<'_, ReadOnlyTable<Column, &'static [u8]>>) -> Result<Collected, Cause>,
    ) -> Result<(), Cause> {
        let series = self.series()?;
        let table = self.columns()?;
        let mut places: Vec<Option<usize>> = vec![None; series.0.len()];
        let mut values = Vec::new();
        // The newest first: then names are read of few days.
        for date in self.dates(collection, range)?.into_iter().rev() {
            let Some(day) = Day::open(&table, collection.name, date)? else { continue };
            let Some(place_of_day) = collector.day(date) else { continue };
            let collected = read(&day)?;
            let mut labels: Option<Labels> = None;
            for (row, number) in day.numbers.iter().enumerate() {
                let key = series.get(*number)?;
                let place = &mut places[*number as usize];
                let place = *place.get_or_insert_with(|| collector.row([&key.domain, &key.project, &key.service]));
                if collector.wants_labels(place, place_of_day) {
                    let labels = match &mut labels {
                        Some(labels) => labels,
                        none => none.insert(day.labels()?),
                    };
                    let names = labels.names(row * collected.width)?;
                    let pricing_types = (collected.pricing_types)(labels, row)?;
                    collector.label(place, place_of_day, names, || pricing_types.iter().map(String::as_str));
                }
                values.clear();
                values.extend(collected.amounts.iter().map(|column| column[row]));
                collector.add(place, place_of_day, &values, collected.anomalous[row]);
            }
        }
        Ok(())
    }
}

/// What a collector wants of one stored day.
struct Collected {
    /// Columns.
    amounts: Vec<Vec<f64>>,
    anomalous: Vec<bool>,
    /// Labels a row, of which the first are the names.
    width: usize,
    pricing_types: fn(&Labels, usize) -> Result<Vec<String>, Cause>,
}

fn read_daily(
    table: &impl ReadableTable<Column, &'static [u8]>,
    series: &Series,
    date: Date,
) -> Result<Vec<DailyRow>, Cause> {
    let Some(day) = Day::open(table, daily::COLLECTION.name, date)? else { return Ok(Vec::new()) };
    let labels = day.labels()?;
    let mut texts = Interner::default();
    let created = day.column(CREATED, i64::from_le_bytes)?;
    let updated = day.column(UPDATED, i64::from_le_bytes)?;
    let anomalous = day.column(ANOMALOUS, |[flag]: [u8; 1]| flag != 0)?;
    let amounts = |measure| day.column(measure_column(measure), f64::from_le_bytes);
    let (expect, general, discount) =
        (amounts(Measure::Expect)?, amounts(Measure::General)?, amounts(Measure::Discount)?);
    let (usage_time, usage_size) = (amounts(Measure::UsageTime)?, amounts(Measure::UsageSize)?);
    let row = |(row, number): (usize, &u32)| {
        let label = row * DAILY_LABELS;
        let entry = Entry {
            key: series.get(*number)?.clone(),
            names: names(&labels, label, &mut texts)?,
            amounts: Amounts {
                expect: expect[row],
                general: general[row],
                discount: discount[row],
                usage_time: usage_time[row],
                usage_size: usage_size[row],
            },
            pricing_types: labels.get(label + 3)?.to_vec(),
            regions: labels.get(label + 4)?.to_vec(),
        };
        Ok(DailyRow { entry, anomalous: anomalous[row], created: created[row], updated: updated[row] })
    };
    day.numbers.iter().enumerate().map(row).collect()
}

fn read_hourly(
    table: &impl ReadableTable<Column, &'static [u8]>,
    series: &Series,
    date: Date,
) -> Result<Vec<HourlyRow>, Cause> {
    let Some(day) = Day::open(table, hourly::COLLECTION.name, date)? else { return Ok(Vec::new()) };
    let labels = day.labels()?;
    let mut texts = Interner::default();
    let created = day.column(CREATED, i64::from_le_bytes)?;
    let updated = day.column(UPDATED, i64::from_le_bytes)?;
    let fetched = day.column(FETCHED, i64::from_le_bytes)?;
    let row = |(row, number): (usize, &u32)| {
        let names = names(&labels, row * HOURLY_LABELS, &mut texts)?;
        let (fetched, created, updated) = (fetched[row], created[row], updated[row]);
        Ok(HourlyRow { key: series.get(*number)?.clone(), names, hours: [f64::NAN; 24], fetched, created, updated })
    };
    let mut rows = day.numbers.iter().enumerate().map(row).collect::<Result<Vec<_>, Cause>>()?;
    for (column, hour) in (HOURS..).zip(0..24) {
        let Some(amounts) = day.column_if_there(column, f64::from_le_bytes)? else { continue };
        for (row, amount) in rows.iter_mut().zip(amounts) {
            row.hours[hour] = amount;
        }
    }
    Ok(rows)
}

fn names(labels: &Labels, place: usize, texts: &mut Interner) -> Result<Names, Cause> {
    let [domain, project, service] = labels.names(place)?.map(|name| texts.get(name));
    Ok(Names { domain, project, service })
}

fn measure_column(measure: Measure) -> u8 {
    (MEASURES..).zip(Measure::ALL).find(|(_, other)| *other == measure).map_or(MEASURES, |(column, _)| column)
}
