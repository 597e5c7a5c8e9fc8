//! The series that each rule covers on the newest day of the store, and the decisions about the incidents of the rule.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::history::{History, Measure};
use model::incident::DecisionCount;
use model::rule::Rule;
use model::series::SeriesKey;
use store::options::StoreOptions;
use store::{Access, DateRange, Store};

/// The covered series, and the decisions of people, by the id of the rule.
pub(super) struct Coverage {
    pub(super) day: Date,
    pub(super) decisions: BTreeMap<String, DecisionCount>,
    pub(super) series: BTreeMap<String, BTreeSet<SeriesKey>>,
}

/// Reads the covered series of the newest day.
///
/// # Errors
/// Fails if the store cannot be read or has no day yet.
pub(super) async fn read(options: &StoreOptions, rules: &[&Rule]) -> anyhow::Result<Coverage> {
    let store = Store::open(options, Access::Read).await?;
    let Some(day) = store.newest_day().await? else {
        anyhow::bail!("the store has no day yet: run costwarden backfill")
    };
    let history = store.history(DateRange { from: day, to: day }, &[Measure::BilledCost]).await?;
    let series = rules.iter().map(|rule| (rule.id.clone(), covered(rule, &history))).collect();
    let decided = store.decided_incidents().await?;
    let counts = DecisionCount::by_rule(&decided);
    let decisions = counts.into_iter().map(|(rule, count)| (rule.to_owned(), count)).collect();
    Ok(Coverage { day, decisions, series })
}

/// Returns the series of a rule: the selected series of the ledger, grouped.
fn covered(rule: &Rule, history: &History) -> BTreeSet<SeriesKey> {
    let rows = history.rows.iter().filter(|(key, row)| rule.select.matches(key, &row.names));
    rows.map(|(key, _)| rule.group_by.group(key)).collect()
}
