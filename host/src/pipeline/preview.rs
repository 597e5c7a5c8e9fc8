//! Preview: evaluates a rule set on a stored day. Fetches, stores and notifies nothing.
//!
//! Rules over finished days give the result of the daily job. Rules over snapshots give the result of the hourly job on
//! a day with a training in the night before.

use std::collections::HashSet;
use std::time::Instant;

use jiff::civil::Date;

use super::days::back;
use super::exclude::Excluded;
use super::look::{self, Look};
use super::past::{Past, Wanted};
use super::report::Report;
use super::ruleset::{Ready, ReadyRule};
use super::{RunError, run};
use crate::config::Config;
use model::history::Snapshots;
use model::series::Grain;
use store::{AnomalyKey, DateRange, Store};

/// The day of the preview, and the hour for rules over snapshots.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preview {
    /// `None` for the newest ledger day.
    pub(crate) date: Option<Date>,
    pub(crate) hour: u8,
}

/// Evaluates the day. The report contains the failures.
pub(crate) async fn preview(config: &Config, store: &Store, ready: &Ready, asked: Preview) -> Report {
    let period = asked.date.map_or_else(|| "newest day".to_owned(), |date| run::days(date, date));
    let mut report = Report::new("rules run", period);
    if let Err(error) = one_day(config, store, ready, asked, &mut report).await {
        report.error = Some(error.to_string());
    }
    report
}

async fn one_day(
    config: &Config,
    store: &Store,
    ready: &Ready,
    asked: Preview,
    report: &mut Report,
) -> Result<(), RunError> {
    run::rules(ready, config, report);
    let started = Instant::now();
    let newest = store.newest_day().await?.ok_or(RunError::NothingRemembered)?;
    let (date, hour) = (asked.date.unwrap_or(newest), asked.hour);
    report.period = format!("{}T{hour:02}", run::days(date, date));
    let wanted = wanted(&ready.rules, date, hour);
    let mut excluded = Excluded::default();
    let before = DateRange { from: wanted.days.from, to: back(date, 1) };
    for AnomalyKey { series, date, hour } in store.anomaly_keys(before).await? {
        excluded.add(&series, date, hour);
    }
    let (history, snapshots);
    let past = match store.key_ranges()? {
        Some(key_ranges) => Past::stored(key_ranges, wanted)?,
        None => {
            history = store.history(wanted.days, &wanted.measures).await?;
            excluded.add_marks(&history, date);
            snapshots = match wanted.snapshots {
                Some(range) => store.snapshots(range).await?,
                None => Snapshots::default(),
            };
            Past::held(&history, &snapshots)
        }
    };
    if past.days.binary_search(&date).is_err() {
        return Err(RunError::DayNotRemembered { date, newest });
    }
    report.took("open", started);

    let started = Instant::now();
    let rules: Vec<&ReadyRule> = ready.rules.iter().collect();
    // A preview advances no incidents.
    let nobody = HashSet::new();
    let look = Look { config, rules: &rules, date, hour, excluded: &excluded, watched: &nobody };
    let judgement = look::over(&past, look, report)?;
    report.took("evaluate", started);
    report.count("series", judgement.series);
    report.count("verdicts", judgement.judged);
    report.count("anomalies", judgement.anomalies.len() as u64);
    report.anomalies = judgement.anomalies;
    run::judged(ready, report);
    Ok(())
}

/// The data for the rules: the day and the history of each rule before.
fn wanted(rules: &[ReadyRule], date: Date, hour: u8) -> Wanted {
    let rules = || rules.iter().map(|ready| &ready.rule);
    let range = |days: u16| DateRange { from: back(date, days), to: date };
    let mut measures: Vec<_> = rules().map(|rule| rule.measure).collect();
    measures.sort_unstable();
    measures.dedup();
    // Hourly increments need every hour of a day.
    let hours = if rules().any(|rule| rule.grain == Grain::Hourly) { (0..24).collect() } else { vec![hour] };
    Wanted {
        days: range(rules().map(|rule| rule.history_days).max().unwrap_or(0)),
        measures,
        snapshots: rules().filter(|rule| rule.grain != Grain::Daily).map(|rule| rule.history_days).max().map(range),
        hours,
    }
}
