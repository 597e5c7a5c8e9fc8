//! The jobs: each takes the leases, runs its stages in order, and returns a report.
//!
//! The order of the writes allows a kill and a repetition at any step: raw documents, sums, anomalies, incidents,
//! notifications, and delivery marks last.

mod backfill;
mod backtest;
mod daily;
mod hourly;
mod named_days;
mod plan;
mod planned_days;
mod preview;
mod rebuild;
mod verify;

pub(crate) use self::backfill::{Backfill, backfill};
pub(crate) use self::backtest::{
    Backtest, BacktestResult, DayLabel, IncidentChange, RuleFigures, RuleScore, Share, backtest, compare_incidents,
    notifications,
};
pub(crate) use self::daily::{DailyDays, daily};
pub(crate) use self::hourly::hourly;
pub(crate) use self::preview::{Preview, preview};
pub(crate) use self::rebuild::rebuild;
pub(crate) use self::verify::{Comparison, Difference, DifferenceKind, VerifyResult, verify};
use super::run::{Repeat, Report, Run, RunError};

/// Runs a job under the write lease and counts the result. If another host has completed the job meanwhile, sets
/// `report.done_by` and does nothing else.
async fn run_job(
    mut run: Run<'_>,
    repeat: Repeat,
    work: impl AsyncFnOnce(&mut Run<'_>) -> Result<(), RunError>,
) -> Report {
    let result = match run.take_leases(repeat).await {
        Ok(None) => work(&mut run).await,
        Ok(Some(owner)) => {
            run.report.done_by = Some(owner);
            Ok(())
        }
        Err(error) => Err(error),
    };
    run.release_leases().await;
    if let Err(error) = result {
        run.report.fail(&error);
    }
    run.count_failures().await;
    run.report
}
