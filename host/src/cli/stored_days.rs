//! The days in the store, for messages about days outside.

use anyhow::Context as _;
use jiff::civil::Date;
use model::language::Language;
use store::{DateRange, Store};

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
pub(super) fn note_outside(option: &str, day: Option<Date>, stored: DateRange, language: Language) {
    let DateRange { from, to } = stored;
    if let Some(day) = day.filter(|day| !(from..=to).contains(day)) {
        let note = match language {
            Language::Korean => format!("{option} {day}: 저장된 날({from}~{to})에 없습니다"),
            Language::English => format!("{option} {day} is outside the stored days {from} to {to}"),
        };
        present::note(&note, language);
    }
}
