//! The daily job: fetches, evaluates and reports finished days, then trains every series.

use jiff::Timestamp;
use jiff::civil::Date;
use model::ledger::DayLedger;
use store::DateRange;

use super::named_days::NamedDays;
use super::planned_days::PlannedDays;
use super::run_job;
use crate::pipeline::run::{DAILY, Repeat, Report, Run, RunError, Services, day_period, range_period};

/// The days of a daily run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DailyDays {
    /// The newest expected day, missing days before, and restatements.
    Through(Date),
    /// The given days, and later ledger days that look back to a change.
    Named(DateRange),
}

impl Run<'_> {
    /// Whether the bill differs from the ledger before the run.
    pub(super) async fn has_changed(&self, ledger: &DayLedger) -> Result<bool, RunError> {
        Ok(!self.services.store.holds_day(ledger).await?)
    }
}

/// Runs the daily job. The report contains the failures.
pub(crate) async fn daily(services: &mut Services, days: DailyDays, repeat: Repeat, now: Timestamp) -> Report {
    let period = match days {
        DailyDays::Through(newest) => day_period(newest),
        DailyDays::Named(range) => range_period(range),
    };
    let run = Run::new(services, Report::new(DAILY, period), now);
    let work = async |run: &mut Run<'_>| match days {
        DailyDays::Through(newest) => PlannedDays::new(run, newest).run().await,
        DailyDays::Named(range) => NamedDays::run(run, range).await,
    };
    run_job(run, repeat, work).await
}
