//! The hourly job: fetches and evaluates the partial day with the fits of the daily job.

use jiff::Timestamp;
use model::incident::Recency;
use model::moment::BillingHour;
use store::checkpoint::Checkpoint;

use super::run_job;
use crate::metrics::Metric;
use crate::pipeline::evaluate::{EvaluatedHour, HourResult};
use crate::pipeline::ingest::{CompletenessProblem, CompletenessTopic};
use crate::pipeline::run::{HOURLY, Repeat, Report, Run, RunError, Services, hour_period};

/// Runs the hourly job for the hour of `at`. The report contains the failures.
pub(crate) async fn hourly(services: &mut Services, at: Timestamp, repeat: Repeat, now: Timestamp) -> Report {
    let hour = services.billing_hour(at);
    let report = Report::new(HOURLY, hour_period(at, &services.config.zone));
    run_job(Run::new(services, report, now), repeat, async |run: &mut Run<'_>| process(run, hour).await).await
}

async fn process(run: &mut Run<'_>, hour: BillingHour) -> Result<(), RunError> {
    run.report_rules();
    let period = run.report.period.clone();
    let record = run.start_record(HOURLY, &period).await?;
    let result = evaluate_hour(run, hour).await;
    run.finish_record(record, &run.report, &result).await?;
    result
}

async fn evaluate_hour(run: &mut Run<'_>, hour: BillingHour) -> Result<(), RunError> {
    run.drain_spool().await;
    run.archive_history().await?;
    run.retry_totals(hour.date).await?;
    run.retry_budgets().await?;
    let ledger = run.ingest(hour.into()).await?;
    run.report.tally.set(Metric::CostSoFar, &[&run.services.config.currency], ledger.total_double());
    let late_bill = run.late_bill(hour).await?;
    run.train_changed_rules(hour).await?;
    let result = EvaluatedHour { hour, ledger: &ledger, recency: Recency::Live }.evaluate(run).await?;
    if let Some(problem) = late_bill {
        problem.report(&mut run.report);
    }
    let withheld = match &result {
        HourResult::Evaluated(_) => None,
        HourResult::Withheld(problem) => Some(*problem),
    };
    let problems: Vec<CompletenessProblem> = late_bill.into_iter().chain(withheld).collect();
    run.notify_completeness(&problems, &[CompletenessTopic::LateBill, CompletenessTopic::PartialDay]).await?;
    let HourResult::Evaluated(incidents) = result else { return Ok(()) };
    run.notify_incidents(incidents).await?;
    run.checkpoint(Checkpoint::Notified).await?;
    run.complete_report();
    Ok(())
}
