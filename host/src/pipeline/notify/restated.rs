//! One notification per run about the bills that the provider has corrected.

use std::collections::BTreeMap;

use jiff::civil::Date;
use model::count::counted;
use model::history::{HistoryRow, Measure};
use model::language::Language;
use model::ledger::DayLedger;
use model::series::{Names, SeriesKey};
use notify::{CostChange, Level, amount_text, signed_amount_text};

use super::OperationalProblem;
use super::cost_changes::{SeriesCost, cost_changes, sort_largest_first};
use crate::pipeline::run::{Run, RunError, single_day};

/// Prefix of the notification ids.
const KEY: &str = "restated:";
/// Minimum change of a total. A smaller change is no news.
const MIN_SHARE: f64 = 0.01;
/// Maximum number of days, and of changes, in the text.
const SHOWN: usize = 5;

/// A corrected bill beside the stored day.
#[derive(Debug, PartialEq)]
pub(crate) struct RestatedDay {
    date: Date,
    before: f64,
    after: f64,
    changes: Vec<CostChange>,
}

impl Run<'_> {
    /// Compares a bill with the stored day.
    pub(crate) async fn compare_with_stored(&self, ledger: &DayLedger) -> Result<RestatedDay, RunError> {
        let stored = self.services.store.history(single_day(ledger.date), &[Measure::BilledCost]).await?;
        let cost = |row: &HistoryRow| {
            let cost = row.values.get(&Measure::BilledCost).and_then(|values| values.first()).copied();
            cost.filter(|cost| !cost.is_nan()).unwrap_or_default()
        };
        let stored = || stored.rows.iter().map(|(key, row)| SeriesCost { key, names: &row.names, cost: cost(row) });
        let before = stored().fold(0.0, |sum, series| sum + series.cost);
        let now = ledger.entries.iter();
        let now = now.map(|entry| SeriesCost { key: &entry.key, names: &entry.names, cost: entry.amounts.billed_cost });
        let changes = cost_changes(stored(), now);
        Ok(RestatedDay { date: ledger.date, before, after: ledger.total_double(), changes })
    }

    /// Notifies people of corrected bills, and repeats earlier attempts. A bill that has grown at the first repeated
    /// reading was not complete before, which is no news.
    pub(crate) async fn notify_restated(&mut self, days: Vec<RestatedDay>, newest: Date) -> Result<(), RunError> {
        for pending in self.services.store.notifications().await? {
            if pending.key.starts_with(KEY) && pending.times > 0 {
                self.announce_restated(&pending.key, &pending.text).await?;
            }
        }
        let is_news = |day: &RestatedDay| {
            let is_completion = day.date.tomorrow().is_ok_and(|next| next >= newest) && day.after > day.before;
            !is_completion && (day.after - day.before).abs() >= MIN_SHARE * day.before.abs().max(day.after.abs())
        };
        let news: Vec<RestatedDay> = days.into_iter().filter(is_news).collect();
        let Some(first) = news.first() else { return Ok(()) };
        let key = format!("{KEY}{}", first.date);
        self.announce_restated(&key, &self.restated_text(&news)).await
    }

    async fn announce_restated(&mut self, key: &str, text: &str) -> Result<(), RunError> {
        self.announce(OperationalProblem { key, level: Level::Info, tag: "RESTATED", text, after: 1 }).await
    }

    fn restated_text(&self, days: &[RestatedDay]) -> String {
        let locale = self.services.config.locale();
        let mut changes: BTreeMap<&SeriesKey, CostChange> = BTreeMap::new();
        for change in days.iter().flat_map(|day| &day.changes) {
            let new = || CostChange { difference: 0.0, ..change.clone() };
            changes.entry(&change.key).or_insert_with(new).difference += change.difference;
        }
        let mut changes: Vec<CostChange> = changes.into_values().collect();
        sort_largest_first(&mut changes);
        let totals = days.iter().take(SHOWN).map(|day| {
            let [before, after] = [day.before, day.after].map(|total| amount_text(total, locale));
            format!("{} {before} → {after} ({})", day.date, signed_amount_text(day.after - day.before, locale))
        });
        let totals = totals.collect::<Vec<_>>().join(", ");
        let largest = changes.iter().take(SHOWN).map(|CostChange { key, names, difference }| {
            let Names { account, project, service } = names;
            let difference = signed_amount_text(*difference, locale);
            let has_same_names = changes.iter().any(|other| other.names == *names && other.key != *key);
            let id = if has_same_names { format!(" ({key})") } else { String::new() };
            match locale.language {
                Language::Korean => format!("{account}/{project} {service}{id} {difference}"),
                Language::English => format!("{service} of {account}/{project}{id} {difference}"),
            }
        });
        let largest = largest.collect::<Vec<_>>().join(", ");
        let more = days.len().saturating_sub(SHOWN);
        match locale.language {
            Language::Korean => {
                let more = if more > 0 { format!(" 외 {more}일") } else { String::new() };
                format!("청구서 {}건이 정정되었습니다: {totals}{more}. 변화가 큰 항목: {largest}", days.len())
            }
            Language::English => {
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let days = counted(days.len() as u64, "day");
                format!("the provider corrected the bills of {days}: {totals}{more}; largest changes: {largest}")
            }
        }
    }
}
