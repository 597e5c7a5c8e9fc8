//! The rows of `billing_daily` and `billing_hourly`: the conversions to columns and documents.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::Document;
use redb::ReadableTable;

use super::columns::{CREATED, Day, DayWriter, RUN, UPDATED};
use super::file::{Cause, Column};
use super::subjects::{Subject, Subjects};
use crate::documents::restated::Earlier;
use crate::documents::{Collection, daily, hourly, run_field, time};
use model::bill::Amounts;
use model::history::Measure;
use model::ledger::LedgerEntry;
use model::run_id::RunId;

/// Columns of `billing_daily`: the anomaly mark, and the first measure. The measures follow the order of
/// [`Measure::ALL`].
pub(super) const ANOMALOUS: u8 = 4;
const MEASURES: u8 = 16;

/// Column of `billing_hourly`: the time of the last fetch.
const FETCHED: u8 = 4;
/// The first of the 24 hour columns.
const HOURS: u8 = 16;

/// A document of a collection with column storage.
pub(super) trait Row: Clone {
    const COLLECTION: &'static Collection;

    fn subject(&self) -> &Arc<Subject>;

    fn read(day: &Day<'_, impl ReadableTable<Column, &'static [u8]>>, subjects: &Subjects) -> Result<Vec<Self>, Cause>;

    /// Writes all columns except the subject numbers.
    fn write(rows: &[Self], day: &mut DayWriter<'_>) -> Result<(), Cause>;
}

/// A document of `billing_daily`.
#[derive(Debug, Clone)]
pub(super) struct DailyRow {
    pub(super) subject: Arc<Subject>,
    pub(super) amounts: Amounts,
    pub(super) anomalous: bool,
    /// Milliseconds since 1970.
    pub(super) created: i64,
    pub(super) updated: Written,
}

/// A document of `billing_hourly`.
#[derive(Debug, Clone)]
pub(super) struct HourlyRow {
    pub(super) subject: Arc<Subject>,
    /// Cumulative amounts by hour; NaN without a snapshot.
    pub(super) hours: [f64; 24],
    /// Time of the last fetch, in milliseconds since 1970, like the creation time.
    pub(super) fetched: i64,
    pub(super) created: i64,
    pub(super) updated: Written,
}

/// The time and the run of the last write to a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    /// `None` for rows from versions without run ids.
    pub(super) by: Option<RunId>,
}

impl DailyRow {
    /// Converts a ledger entry. Keeps the creation time and the anomaly mark of the stored row, and also the time of
    /// the last write if nothing changed.
    pub(super) fn of(entry: &LedgerEntry, stored: Option<&Self>, now: Written) -> Self {
        let subject = || {
            let LedgerEntry { key, names, pricing_categories, regions, .. } = entry.clone();
            Arc::new(Subject { key, names, pricing_categories, regions })
        };
        let amounts = entry.amounts;
        match stored {
            Some(old) => {
                let subject = subject();
                let same = *old.subject == *subject && old.amounts == amounts;
                Self { subject, amounts, updated: if same { old.updated } else { now }, ..*old }
            }
            None => Self { subject: subject(), amounts, anomalous: false, created: now.at, updated: now },
        }
    }

    /// Returns the amounts to keep in `billing_restatements` when a restatement replaces the row.
    pub(super) fn earlier(&self) -> Earlier {
        let Subject { key, names, .. } = &*self.subject;
        Earlier { key: key.clone(), names: names.clone(), amounts: self.amounts, created: self.created }
    }

    /// Returns whether the row already equals a ledger entry.
    pub(super) fn is_of(&self, entry: &LedgerEntry) -> bool {
        let Subject { key, names, pricing_categories, regions } = &*self.subject;
        self.amounts == entry.amounts
            && (key, names) == (&entry.key, &entry.names)
            && (pricing_categories, regions) == (&entry.pricing_categories, &entry.regions)
    }

    pub(super) fn document(&self, date: Date) -> Document {
        let moment = |millis| Timestamp::from_millisecond(millis).unwrap_or_default();
        let Subject { key, names, pricing_categories, regions } = (*self.subject).clone();
        let entry = LedgerEntry { key, names, amounts: self.amounts, pricing_categories, regions };
        let mut document = daily::upsert(date, &entry, moment(self.created)).fresh();
        document.insert("isAnomaly", self.anomalous);
        document.insert("updatedAt", time(moment(self.updated.at)));
        document.extend(run_field(self.updated.by));
        document
    }
}

impl HourlyRow {
    pub(super) fn new(entry: &LedgerEntry, now: Written) -> Self {
        Self { subject: named(entry), hours: [f64::NAN; 24], fetched: now.at, created: now.at, updated: now }
    }

    /// Sets amounts, and takes the names of the entry.
    pub(super) fn see(&mut self, entry: &LedgerEntry, amounts: &[(u8, f64)], now: Written) {
        self.subject = named(entry);
        self.set(amounts, now);
    }

    pub(super) fn set(&mut self, amounts: &[(u8, f64)], now: Written) {
        for (hour, amount) in amounts {
            self.hours[usize::from(*hour)] = *amount;
        }
        self.fetched = now.at;
        self.updated = now;
    }
}

impl Written {
    /// Reads one value per row.
    fn read(day: &Day<'_, impl ReadableTable<Column, &'static [u8]>>) -> Result<Vec<Self>, Cause> {
        let at = day.column(UPDATED, i64::from_le_bytes)?;
        // Files of older versions have no column of run ids.
        let runs = day.column_if_there(RUN, RunId::from_bytes)?.unwrap_or_else(|| vec![None; at.len()]);
        Ok(at.into_iter().zip(runs).map(|(at, by)| Self { at, by }).collect())
    }

    fn write(written: impl Iterator<Item = Self> + Clone, day: &mut DayWriter<'_>) -> Result<(), Cause> {
        // Zero bytes stand for an unknown run.
        day.put(RUN, written.clone().map(|written| written.by.map_or([0; 16], RunId::to_bytes)))?;
        day.put(UPDATED, written.map(|written| written.at.to_le_bytes()))
    }
}

impl Row for DailyRow {
    const COLLECTION: &'static Collection = &daily::COLLECTION;

    fn subject(&self) -> &Arc<Subject> {
        &self.subject
    }

    fn read(day: &Day<'_, impl ReadableTable<Column, &'static [u8]>>, subjects: &Subjects) -> Result<Vec<Self>, Cause> {
        let created = day.column(CREATED, i64::from_le_bytes)?;
        let updated = Written::read(day)?;
        let anomalous = day.column(ANOMALOUS, flag)?;
        let amounts = |measure| day.column(measure_column(measure), f64::from_le_bytes);
        let billed_cost = amounts(Measure::BilledCost)?;
        let list_cost = amounts(Measure::ListCost)?;
        let discount = amounts(Measure::Discount)?;
        let usage_time = amounts(Measure::UsageTime)?;
        let usage_quantity = amounts(Measure::UsageQuantity)?;
        let row = |(row, number): (usize, &u32)| {
            let amounts = Amounts {
                billed_cost: billed_cost[row],
                list_cost: list_cost[row],
                discount: discount[row],
                usage_time: usage_time[row],
                usage_quantity: usage_quantity[row],
            };
            let subject = Arc::clone(subjects.get(*number)?);
            let (anomalous, created, updated) = (anomalous[row], created[row], updated[row]);
            Ok(Self { subject, amounts, anomalous, created, updated })
        };
        day.numbers.iter().enumerate().map(row).collect()
    }

    fn write(rows: &[Self], day: &mut DayWriter<'_>) -> Result<(), Cause> {
        day.put(CREATED, rows.iter().map(|row| row.created.to_le_bytes()))?;
        Written::write(rows.iter().map(|row| row.updated), day)?;
        day.put(ANOMALOUS, rows.iter().map(|row| [u8::from(row.anomalous)]))?;
        for (column, measure) in (MEASURES..).zip(Measure::ALL) {
            day.put(column, rows.iter().map(|row| measure.value(&row.amounts).to_le_bytes()))?;
        }
        Ok(())
    }
}

impl Row for HourlyRow {
    const COLLECTION: &'static Collection = &hourly::COLLECTION;

    fn subject(&self) -> &Arc<Subject> {
        &self.subject
    }

    fn read(day: &Day<'_, impl ReadableTable<Column, &'static [u8]>>, subjects: &Subjects) -> Result<Vec<Self>, Cause> {
        let created = day.column(CREATED, i64::from_le_bytes)?;
        let updated = Written::read(day)?;
        let fetched = day.column(FETCHED, i64::from_le_bytes)?;
        let row = |(row, number): (usize, &u32)| {
            let subject = Arc::clone(subjects.get(*number)?);
            let (fetched, created, updated) = (fetched[row], created[row], updated[row]);
            Ok(Self { subject, hours: [f64::NAN; 24], fetched, created, updated })
        };
        let mut rows = day.numbers.iter().enumerate().map(row).collect::<Result<Vec<_>, Cause>>()?;
        for hour in 0..24 {
            // A missing column means no snapshot at this hour.
            let Some(amounts) = day.column_if_there(hour_column(hour), f64::from_le_bytes)? else { continue };
            for (row, amount) in rows.iter_mut().zip(amounts) {
                row.hours[usize::from(hour)] = amount;
            }
        }
        Ok(rows)
    }

    fn write(rows: &[Self], day: &mut DayWriter<'_>) -> Result<(), Cause> {
        day.put(CREATED, rows.iter().map(|row| row.created.to_le_bytes()))?;
        Written::write(rows.iter().map(|row| row.updated), day)?;
        day.put(FETCHED, rows.iter().map(|row| row.fetched.to_le_bytes()))?;
        for hour in 0..24 {
            let amounts = || rows.iter().map(|row| row.hours[usize::from(hour)]);
            // An hour without any amount needs no column.
            if amounts().any(|amount| !amount.is_nan()) {
                day.put(hour_column(hour), amounts().map(f64::to_le_bytes))?;
            }
        }
        Ok(())
    }
}

pub(super) fn measure_column(measure: Measure) -> u8 {
    (MEASURES..).zip(Measure::ALL).find(|(_, other)| *other == measure).map_or(MEASURES, |(column, _)| column)
}

pub(super) fn hour_column(hour: u8) -> u8 {
    HOURS + hour
}

pub(super) fn flag([flag]: [u8; 1]) -> bool {
    flag != 0
}

/// Returns the subject of an hourly row. `billing_hourly` has no lists of pricing types or regions.
fn named(entry: &LedgerEntry) -> Arc<Subject> {
    let (key, names) = (entry.key.clone(), entry.names.clone());
    Arc::new(Subject { key, names, pricing_categories: Vec::new(), regions: Vec::new() })
}
