//! The days in the store, for messages about days outside.

use anyhow::Context as _;
use jiff::civil::Date;
use store::{DateRange, Store};
use tracing::Level;

use super::args::ALL_DAYS;
use super::present;

/// Returns the first and the newest day in the store.
///
/// # Errors
/// The store has no day, or cannot be read.
pub(super) async fn stored_days(store: &Store) -> anyhow::Result<DateRange> {
    let days = store.days(ALL_DAYS).await?;
    let range = days.first().zip(days.last()).map(|(first, newest)| DateRange { from: *first, to: *newest });
    range.context("the ledger holds no day yet: costwarden backfill --from DAY loads some")
}

/// Prints a note if an option names a day outside the store. The note names the days in the store.
pub(super) fn note_outside(option: &str, day: Option<Date>, stored: DateRange) {
    let DateRange { from, to } = stored;
    if let Some(day) = day.filter(|day| !(from..=to).contains(day)) {
        let note = format!("note: {option} {day} is outside the stored days {from} to {to}");
        present::complaint(Level::INFO, &note);
    }
}
