//! The stored bills as ledgers. The names of a day are the names on that day.

use jiff::civil::Date;
use model::bill::Amounts;
use model::history::{History, HistoryRow, Measure, SnapshotRow};
use model::ledger::{DayLedger, LedgerEntry};
use model::series::SeriesKey;
use store::{Store, StoreError};

use crate::pipeline::run::single_day;

/// The bills of a store.
pub(super) struct StoredBills<'a> {
    pub(super) store: &'a Store,
}

impl StoredBills<'_> {
    /// Returns the ledger of a finished day; `None` without a bill.
    pub(super) async fn day(&self, date: Date) -> Result<Option<DayLedger>, StoreError> {
        let History { days, rows } = self.store.history(single_day(date), &Measure::ALL).await?;
        Ok((!days.is_empty())
            .then(|| DayLedger::of_entries(date, rows.into_iter().map(|(key, row)| entry(key, row)).collect())))
    }

    /// Returns the ledgers of a day up to each hour with a snapshot, in order. A snapshot has only the billed cost.
    pub(super) async fn hours(&self, date: Date) -> Result<Vec<(u8, DayLedger)>, StoreError> {
        let rows = self.store.snapshots(single_day(date)).await?.rows;
        let ledger = |hour: u8| {
            let entries: Vec<LedgerEntry> = rows.iter().filter_map(|(key, row)| hour_entry(key, row, hour)).collect();
            (!entries.is_empty()).then(|| (hour, DayLedger::of_entries(date, entries)))
        };
        Ok((0..24).filter_map(ledger).collect())
    }
}

fn entry(key: SeriesKey, row: HistoryRow) -> LedgerEntry {
    let HistoryRow { names, values, marks, pricing_categories } = row;
    let amount = |measure| values.get(&measure).and_then(|values| values.first()).copied().unwrap_or(f64::NAN);
    LedgerEntry {
        key,
        names,
        amounts: Amounts {
            billed_cost: amount(Measure::BilledCost),
            list_cost: amount(Measure::ListCost),
            discount: amount(Measure::Discount),
            usage_time: amount(Measure::UsageTime),
            usage_quantity: amount(Measure::UsageQuantity),
        },
        pricing_categories,
        // No rule uses the regions.
        regions: Vec::new(),
        is_incomplete: marks.first().is_some_and(|marks| marks.is_incomplete),
    }
}

fn hour_entry(key: &SeriesKey, row: &SnapshotRow, hour: u8) -> Option<LedgerEntry> {
    let billed_cost = row.hours.first().map(|hours| hours[usize::from(hour)]).filter(|cost| !cost.is_nan())?;
    Some(LedgerEntry {
        key: key.clone(),
        names: row.names.clone(),
        amounts: Amounts { billed_cost, ..Amounts::default() },
        pricing_categories: Vec::new(),
        regions: Vec::new(),
        is_incomplete: false,
    })
}
