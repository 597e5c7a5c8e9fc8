//! A daily run over given days. Evaluates every given day, regardless of the ledger.
//!
//! If a day was missing or the bill is a restatement, the run also evaluates later days that look back to a change.
//! People are notified of the end, the retraction and the growth of incidents, but not of new incidents on past days.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::incident::{Incident, Recency};
use model::ledger::DayLedger;
use model::moment::Moment;
use model::series::hours::days_through;
use store::DateRange;
use store::checkpoint::Checkpoint;

use super::plan::unfinished_days;
use crate::pipeline::evaluate::FinishedDays;
use crate::pipeline::ingest::{CompletenessProblem, FEW_SERIES_DAYS};
use crate::pipeline::run::{Count, DAILY, DayRecord, Remark, Run, RunError, day_period, days_before, has_succeeded};

/// The given days and the dependent later days.
pub(super) struct NamedDays<'r, 's> {
    run: &'r mut Run<'s>,
    range: DateRange,
    finished: FinishedDays,
    /// Days in the ledger before the run, from the first given day on.
    ledger_days: Vec<Date>,
    /// Given days that an earlier run has started and not completed.
    unfinished: BTreeSet<Date>,
    /// Whether a bill differs from the ledger, or an earlier run was incomplete. Later days then follow.
    is_changed: bool,
    /// Records of the fetched days. The records are completed after the evaluation of all later days.
    records: Vec<DayRecord>,
    /// Incidents to notify at the end, by id.
    incidents: BTreeMap<String, Incident>,
    last_evaluated: Option<Date>,
    /// Withheld days.
    problems: Vec<CompletenessProblem>,
}

impl<'r, 's> NamedDays<'r, 's> {
    pub(super) async fn run(run: &'r mut Run<'s>, range: DateRange) -> Result<(), RunError> {
        let DateRange { from, to } = range;
        let dates: Vec<Date> = days_through(from, to, &run.services.config.zone).collect();
        if dates.is_empty() {
            return Err(run.services.range_error(range));
        }
        run.report_rules();
        run.drain_spool().await;
        run.archive_history().await?;
        run.retry_totals(from).await?;
        run.retry_budgets().await?;
        let ledger_days = run.services.store.days(DateRange { from, to: Date::MAX }).await?;
        let unfinished = unfinished_days(run.services, range).await?;
        let finished = FinishedDays::open(run, from).await?;
        let mut days = Self {
            run,
            range,
            finished,
            ledger_days,
            unfinished,
            is_changed: false,
            records: Vec::new(),
            incidents: BTreeMap::new(),
            last_evaluated: None,
            problems: Vec::new(),
        };
        let mut result = days.process(dates).await;
        let Self { run, finished, records, last_evaluated, problems, .. } = days;
        run.notify_completeness(&problems, &[]).await?;
        let has_bill = !records.is_empty();
        if let Some(last) = last_evaluated.filter(|_| result.is_ok() && has_bill) {
            result = train(run, finished, last).await;
        }
        for DayRecord { record, .. } in records {
            run.finish_record(record, &run.report, &result).await?;
        }
        result
    }

    async fn process(&mut self, dates: Vec<Date>) -> Result<(), RunError> {
        let mut first_error = None;
        for date in dates {
            if let Some(error) = self.process_day(date).await? {
                self.run.report.add(Count::MissingDays, 1);
                self.run.report.add_problem(Remark::of(&error));
                first_error.get_or_insert(error);
            }
        }
        let to = self.range.to;
        let later_days: Vec<Date> = self.ledger_days.iter().copied().filter(|date| *date > to).collect();
        for date in later_days {
            if self.is_changed && self.finished.depends_on_change(date) {
                self.reevaluate(date).await?;
            }
        }
        if self.records.is_empty() {
            return first_error.map_or(Ok(()), Err);
        }
        let incidents = std::mem::take(&mut self.incidents).into_values().collect();
        self.run.notify_days(incidents, &mut self.records).await
    }

    /// Fetches and evaluates a day. Returns the cause of a missing bill if the run can continue with the remaining
    /// days.
    async fn process_day(&mut self, date: Date) -> Result<Option<RunError>, RunError> {
        let period = day_period(date);
        let earlier = self.run.services.store.run(DAILY, &period).await?;
        if earlier.is_some_and(|record| !has_succeeded(&record)) || self.unfinished.contains(&date) {
            // The progress of the earlier run is unknown: evaluate every later day.
            self.finished.mark_changed(Date::MAX);
        }
        let record = self.run.start_record(DAILY, &period).await?;
        let fetched = self.fetch(date).await;
        if let Ok(Some(ledger)) = fetched {
            self.records.push(DayRecord { date, record });
            self.evaluate(&ledger).await?;
            return Ok(None);
        }
        self.run.finish_record(record, &self.run.report, &fetched).await?;
        let DateRange { from, to } = self.range;
        let error = match fetched {
            // A single given day decides the result of the run. In a range, the remaining days continue.
            Err(error) if from == to || error.is_interruption() => return Err(error),
            fetched => fetched.err(),
        };
        if self.ledger_days.contains(&date) && (self.is_changed || date < to) {
            // The ledger keeps the earlier version of the day, and later days look back to the day.
            self.reevaluate(date).await?;
        }
        Ok(error)
    }

    /// Fetches the bill of a day. `None` for a withheld day.
    async fn fetch(&mut self, date: Date) -> Result<Option<DayLedger>, RunError> {
        let ledger = self.run.ingest(Moment::finished_day(date)).await?;
        let newest = self.ledger_days.last().copied().unwrap_or(date);
        let age = u64::try_from((newest - date).get_days()).unwrap_or(0);
        // A second bill with few series shows that the services are gone.
        let waited = if self.run.is_withheld(days_before(date, 1)).await? { age.max(FEW_SERIES_DAYS) } else { age };
        let Some(problem) = self.run.check_day(&ledger, waited).await? else { return Ok(Some(ledger)) };
        problem.report(&mut self.run.report);
        self.problems.push(problem);
        let recency = if age == 0 { Recency::Live } else { Recency::Past };
        let incidents = self.run.evaluate_withheld_day(&ledger, problem, recency).await?;
        self.add_incidents(incidents);
        Ok(None)
    }

    async fn evaluate(&mut self, ledger: &DayLedger) -> Result<(), RunError> {
        let date = ledger.date;
        let is_restated = self.run.has_changed(ledger).await?;
        if is_restated {
            self.finished.mark_changed(date);
            if self.ledger_days.contains(&date) {
                self.run.report.add(Count::RestatedDays, 1);
            }
        }
        self.is_changed |= is_restated || self.unfinished.contains(&date);
        // Only the newest day of the ledger is current. A repeated older day is history and notifies nobody.
        let is_newest = date == self.range.to && self.ledger_days.last().is_none_or(|last| *last <= date);
        let recency = if is_newest { Recency::Live } else { Recency::Past };
        self.run.notify_row_problems(ledger, recency).await?;
        let total = Some(ledger.total_text());
        self.run.report.total.clone_from(&total);
        let record = &mut self.records.last_mut().expect("the record of the day is the last").record;
        record.total = total;
        record.refused = ledger.refused_total();
        let incidents = self.finished.add(self.run, ledger, recency).await?;
        if self.is_changed || is_newest {
            self.add_incidents(incidents);
        }
        self.last_evaluated = Some(date);
        Ok(())
    }

    async fn reevaluate(&mut self, date: Date) -> Result<(), RunError> {
        let incidents = self.finished.reevaluate(self.run, date, Recency::Past).await?;
        if self.is_changed {
            self.add_incidents(incidents);
        }
        self.last_evaluated = Some(date);
        Ok(())
    }

    fn add_incidents(&mut self, incidents: Vec<Incident>) {
        self.incidents.extend(incidents.into_iter().map(|incident| (incident.id.clone(), incident)));
    }
}

/// Trains through the last evaluated day.
async fn train(run: &mut Run<'_>, finished: FinishedDays, last: Date) -> Result<(), RunError> {
    finished.train(run, last).await?;
    run.checkpoint(Checkpoint::Trained).await?;
    run.complete_report();
    Ok(())
}
