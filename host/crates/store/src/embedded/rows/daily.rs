//! The rows of `billing_daily`.

use std::sync::Arc;

use jiff::civil::Date;
use model::bill::Amounts;
use model::history::{DayMarks, Measure};
use model::ledger::LedgerEntry;
use mongodb::bson::Document;
use redb::ReadableTable;

use super::{Row, WriteStamp, timestamp};
use crate::documents::daily;
use crate::documents::field::bson_time;
use crate::documents::key::Collection;
use crate::documents::restatement::ReplacedAmounts;
use crate::documents::upsert::run_field;
use crate::embedded::cause::Cause;
use crate::embedded::columns::{CREATED, Day, DayWriter};
use crate::embedded::series_index::{IndexedSeries, SeriesIndex};
use crate::embedded::tables::ColumnKey;

/// The column of the marks.
pub(in crate::embedded) const MARKS: u8 = 4;
/// The bits of a mark.
const ANOMALOUS: u8 = 1;
const INCOMPLETE: u8 = 2;
/// The column of the first measure. The measures follow the order of [`Measure::ALL`].
const MEASURES: u8 = 16;

/// A document of `billing_daily`.
#[derive(Debug, Clone)]
pub(in crate::embedded) struct DailyRow {
    pub(in crate::embedded) series: Arc<IndexedSeries>,
    pub(in crate::embedded) amounts: Amounts,
    pub(in crate::embedded) marks: DayMarks,
    /// Milliseconds since 1970.
    pub(in crate::embedded) created: i64,
    pub(in crate::embedded) updated: WriteStamp,
}

impl DailyRow {
    /// Converts a ledger entry. Keeps the creation time and the anomaly mark of the stored row, and also the stamp of
    /// the last write if nothing changed.
    pub(in crate::embedded) fn from_entry(entry: &LedgerEntry, stored: Option<&Self>, stamp: WriteStamp) -> Self {
        let series = Arc::new(IndexedSeries::of_entry(entry));
        let amounts = entry.amounts;
        match stored {
            Some(old) => {
                let is_unchanged = old.has_content_of(entry);
                let marks = DayMarks { is_incomplete: entry.is_incomplete, ..old.marks };
                Self { series, amounts, marks, updated: if is_unchanged { old.updated } else { stamp }, ..*old }
            }
            None => {
                let marks = DayMarks { is_anomalous: false, is_incomplete: entry.is_incomplete };
                Self { series, amounts, marks, created: stamp.millis, updated: stamp }
            }
        }
    }

    /// Returns the amounts to keep in `billing_restatements` when a restatement replaces the row.
    pub(in crate::embedded) fn replaced_amounts(&self) -> ReplacedAmounts {
        ReplacedAmounts {
            key: self.series.key.clone(),
            names: self.series.names.clone(),
            amounts: self.amounts,
            created: self.created,
        }
    }

    /// Returns whether the row already has the content of a ledger entry.
    pub(in crate::embedded) fn has_content_of(&self, entry: &LedgerEntry) -> bool {
        let IndexedSeries { key, names, pricing_categories, regions } = &*self.series;
        self.amounts == entry.amounts
            && self.marks.is_incomplete == entry.is_incomplete
            && *key == entry.key
            && *names == entry.names
            && *pricing_categories == entry.pricing_categories
            && *regions == entry.regions
    }

    pub(in crate::embedded) fn document(&self, date: Date) -> Document {
        let IndexedSeries { key, names, pricing_categories, regions } = (*self.series).clone();
        let DayMarks { is_anomalous, is_incomplete } = self.marks;
        let entry = LedgerEntry { key, names, amounts: self.amounts, pricing_categories, regions, is_incomplete };
        let mut document = daily::upsert(date, &entry, timestamp(self.created)).new_document();
        document.insert("isAnomaly", is_anomalous);
        document.insert("updatedAt", bson_time(timestamp(self.updated.millis)));
        document.extend(run_field(self.updated.run));
        document
    }
}

impl Row for DailyRow {
    const COLLECTION: &'static Collection = &daily::COLLECTION;

    fn series(&self) -> &Arc<IndexedSeries> {
        &self.series
    }

    fn read(
        day: &Day<'_, impl ReadableTable<ColumnKey, &'static [u8]>>,
        index: &SeriesIndex,
    ) -> Result<Vec<Self>, Cause> {
        let created = day.column(CREATED, i64::from_le_bytes)?;
        let updated = WriteStamp::read(day)?;
        let marks = day.column(MARKS, read_marks)?;
        let amounts = |measure| day.column(measure_column(measure), f64::from_le_bytes);
        let billed_cost = amounts(Measure::BilledCost)?;
        let list_cost = amounts(Measure::ListCost)?;
        let discount = amounts(Measure::Discount)?;
        let usage_time = amounts(Measure::UsageTime)?;
        let usage_quantity = amounts(Measure::UsageQuantity)?;
        let mut rows = Vec::with_capacity(day.numbers.len());
        for (row, number) in day.numbers.iter().enumerate() {
            rows.push(Self {
                series: Arc::clone(index.get(*number)?),
                amounts: Amounts {
                    billed_cost: billed_cost[row],
                    list_cost: list_cost[row],
                    discount: discount[row],
                    usage_time: usage_time[row],
                    usage_quantity: usage_quantity[row],
                },
                marks: marks[row],
                created: created[row],
                updated: updated[row],
            });
        }
        Ok(rows)
    }

    fn write(rows: &[Self], day: &mut DayWriter<'_>) -> Result<(), Cause> {
        day.put(CREATED, rows.iter().map(|row| row.created.to_le_bytes()))?;
        WriteStamp::write(rows.iter().map(|row| row.updated), day)?;
        day.put(MARKS, rows.iter().map(|row| write_marks(row.marks)))?;
        for (column, measure) in (MEASURES..).zip(Measure::ALL) {
            day.put(column, rows.iter().map(|row| measure.value(&row.amounts).to_le_bytes()))?;
        }
        Ok(())
    }
}

pub(in crate::embedded) fn read_marks([bits]: [u8; 1]) -> DayMarks {
    DayMarks { is_anomalous: bits & ANOMALOUS != 0, is_incomplete: bits & INCOMPLETE != 0 }
}

fn write_marks(marks: DayMarks) -> [u8; 1] {
    [(u8::from(marks.is_anomalous) * ANOMALOUS) | (u8::from(marks.is_incomplete) * INCOMPLETE)]
}

/// Returns the column of a measure.
pub(in crate::embedded) fn measure_column(measure: Measure) -> u8 {
    (MEASURES..).zip(Measure::ALL).find(|(_, other)| *other == measure).map_or(MEASURES, |(column, _)| column)
}
