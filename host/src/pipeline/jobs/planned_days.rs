//! A daily run over planned days: closes gaps, fetches yesterday, and fetches recent bills again.
//!
//! After a restatement, the restated day and every later day are evaluated again.

use std::collections::BTreeMap;

use jiff::civil::Date;
use model::incident::{Incident, Recency};
use model::ledger::DayLedger;
use model::moment::Moment;
use store::RunRecord;
use store::checkpoint::Checkpoint;

use super::plan::{Plan, Task, plan};
use crate::pipeline::evaluate::FinishedDays;
use crate::pipeline::ingest::{CompletenessProblem, CompletenessTopic, LateBillCause};
use crate::pipeline::notify::RestatedDay;
use crate::pipeline::run::{Count, DAILY, DayRecord, Remark, Report, Run, RunError, day_period};

/// Consecutive failed requests after which the run requests no older days.
const MAX_FAILED_REQUESTS: usize = 2;

/// A run over days chosen by the plan.
pub(super) struct PlannedDays<'r, 's> {
    run: &'r mut Run<'s>,
    newest: Date,
    /// Whether the ledger held `newest` or a later day before the run.
    has_newest: bool,
    /// The ledger from the first changed day on.
    finished: Option<FinishedDays>,
    /// The changed days. The records are completed after the evaluation of all later days.
    changed: Vec<DayRecord>,
    /// Incidents to notify at the end, by id.
    incidents: BTreeMap<String, Incident>,
    last_evaluated: Option<Date>,
    /// Consecutive failed requests.
    failed_requests: usize,
    /// Whether any request of the run failed: the day may be withheld.
    has_failed_request: bool,
    /// Withheld and overdue days.
    completeness_problems: Vec<CompletenessProblem>,
    restated: Vec<RestatedDay>,
}

/// A day and the task for the day.
#[derive(Debug, Clone, Copy)]
struct DayTask {
    date: Date,
    task: Task,
    /// Age before the newest day, in days.
    age: u64,
}

impl<'r, 's> PlannedDays<'r, 's> {
    pub(super) fn new(run: &'r mut Run<'s>, newest: Date) -> Self {
        Self {
            run,
            newest,
            has_newest: false,
            finished: None,
            changed: Vec::new(),
            incidents: BTreeMap::new(),
            last_evaluated: None,
            failed_requests: 0,
            has_failed_request: false,
            completeness_problems: Vec::new(),
            restated: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) -> Result<(), RunError> {
        self.run.report_rules();
        self.run.drain_spool().await;
        self.run.archive_history().await?;
        self.run.retry_totals(self.newest).await?;
        self.run.retry_budgets().await?;
        self.run.retry_row_problems(self.newest).await?;
        let Plan { days, has_newest, gap } = plan(self.run.services, self.newest).await?;
        self.has_newest = has_newest;
        self.run.report_gaps(gap).await?;
        let result = self.process(days).await;
        for DayRecord { record, .. } in std::mem::take(&mut self.changed) {
            self.run.finish_record(record, &self.run.report, &result).await?;
        }
        result
    }

    async fn process(&mut self, days: Vec<(Date, Task)>) -> Result<(), RunError> {
        for (date, task) in days {
            let age = u64::try_from((self.newest - date).get_days()).unwrap_or(0);
            self.process_day(DayTask { date, task, age }).await?;
        }
        let checked: &[CompletenessTopic] = match self.has_failed_request {
            false => &[CompletenessTopic::LateBill, CompletenessTopic::ShortDay],
            true => &[CompletenessTopic::LateBill],
        };
        self.run.notify_completeness(&self.completeness_problems, checked).await?;
        self.run.notify_restated(std::mem::take(&mut self.restated), self.newest).await?;
        let incidents = std::mem::take(&mut self.incidents).into_values().collect();
        self.run.notify_days(incidents, &mut self.changed).await?;
        if let (Some(finished), Some(last)) = (self.finished.take(), self.last_evaluated) {
            finished.train(self.run, last).await?;
            self.run.checkpoint(Checkpoint::Trained).await?;
            self.run.complete_report();
        }
        Ok(())
    }

    async fn process_day(&mut self, day: DayTask) -> Result<(), RunError> {
        let DayTask { date, task, .. } = day;
        let may_request = self.failed_requests < MAX_FAILED_REQUESTS;
        let is_requested = match task {
            Task::NoBill => return Ok(()),
            Task::Newest => true,
            Task::Missing | Task::Restate | Task::Finish => may_request,
            Task::Keep => false,
        };
        let is_stored = match task {
            Task::Newest => self.has_newest,
            Task::Missing | Task::NoBill => false,
            Task::Restate | Task::Finish | Task::Keep => true,
        };
        let fetched = if is_requested { self.fetch(day).await? } else { None };
        match fetched {
            // An unchanged bill needs no evaluation while no earlier day has changed.
            Some(ledger)
                if task == Task::Restate && self.finished.is_none() && !self.run.has_changed(&ledger).await? =>
            {
                self.run.report.add(Count::UnchangedDays, 1);
            }
            Some(ledger) => self.evaluate(&ledger, task).await?,
            None if is_stored && (self.finished.is_some() || task == Task::Finish) => {
                self.reevaluate(date, task).await?;
            }
            None => {}
        }
        Ok(())
    }

    /// Fetches the bill of a day. `None` if no bill is available and the run can continue.
    async fn fetch(&mut self, day: DayTask) -> Result<Option<DayLedger>, RunError> {
        let DayTask { date, task, age } = day;
        match self.run.ingest(Moment::finished_day(date)).await {
            Ok(ledger) => {
                self.failed_requests = 0;
                let Some(problem) = self.run.check_day(&ledger, age).await? else { return Ok(Some(ledger)) };
                self.add_completeness_problem(problem);
                let incidents = self.run.evaluate_withheld_day(&ledger, problem, Recency::Live).await?;
                self.incidents.extend(incidents.into_iter().map(|incident| (incident.id.clone(), incident)));
                Ok(None)
            }
            Err(error) if error.is_missing_day() => {
                self.report_missing_day(day, &error).await?;
                Ok(None)
            }
            // Without the newest bill, the run fails. An older day can wait for the next run.
            Err(error) if task == Task::Newest => Err(error),
            Err(error) => {
                self.failed_requests += 1;
                self.has_failed_request = true;
                self.run.report.add(Count::MissingDays, 1);
                self.run.report.add_problem(Remark::of(&error));
                if self.failed_requests == MAX_FAILED_REQUESTS {
                    self.run.report.add_problem(Remark::new(
                        "이번 실행은 이전 날을 더 요청하지 않습니다. 다음 실행이 요청합니다",
                        "this run requests no more earlier days; the next run requests them",
                    ));
                }
                Ok(None)
            }
        }
    }

    async fn report_missing_day(&mut self, day: DayTask, error: &RunError) -> Result<(), RunError> {
        let DayTask { date, task, age } = day;
        let report = &mut self.run.report;
        report.add(Count::MissingDays, 1);
        // The provider has no bill for an old day. The record suffices: a nightly problem would be noise.
        if task == Task::Missing && age > u64::from(self.run.services.config.restate_days) {
            report.add(Count::DaysWithoutBill, 1);
        } else {
            report.add_problem(Remark::of(error));
        }
        if task == Task::Newest && self.run.is_bill_overdue(date) {
            self.add_completeness_problem(CompletenessProblem::LateBill { date, cause: LateBillCause::NotPublished });
        }
        if !self.run.is_dry_run() && task != Task::Restate {
            let period = day_period(date);
            let record = self.run.start_record(DAILY, &period).await?;
            let mut report = Report::new(DAILY, period);
            report.add(Count::NoBillAfterDays, age);
            report.add_problem(Remark::of(error));
            self.run.finish_record(record, &report, &Ok(())).await?;
        }
        Ok(())
    }

    async fn evaluate(&mut self, ledger: &DayLedger, task: Task) -> Result<(), RunError> {
        let date = ledger.date;
        // The record precedes the first write: the next run completes a killed run.
        let mut record = self.run.start_record(DAILY, &day_period(date)).await?;
        record.total = Some(ledger.total_text());
        record.refused = ledger.refused_total();
        match task {
            Task::Newest => {
                self.run.report.total.clone_from(&record.total);
            }
            Task::Missing => self.run.report.add(Count::ClosedGapDays, 1),
            _ => {
                let is_restated = self.run.has_changed(ledger).await?;
                if is_restated {
                    self.run.report.add(Count::RestatedDays, 1);
                    self.restated.push(self.run.compare_with_stored(ledger).await?);
                }
            }
        }
        self.changed.push(DayRecord { date, record });
        let recency = if task == Task::Newest { Recency::Live } else { Recency::Late };
        self.run.notify_row_problems(ledger, recency).await?;
        self.open_ledger(date).await?;
        let finished = self.finished.as_mut().expect("the ledger is open");
        let incidents = finished.add(self.run, ledger, recency).await?;
        self.add_evaluated(date, incidents);
        Ok(())
    }

    async fn reevaluate(&mut self, date: Date, task: Task) -> Result<(), RunError> {
        let record: Option<RunRecord> = match task {
            // An earlier run did not complete the day.
            Task::Finish => Some(self.run.start_record(DAILY, &day_period(date)).await?),
            _ => None,
        };
        self.open_ledger(date).await?;
        let finished = self.finished.as_mut().expect("the ledger is open");
        let incidents = finished.reevaluate(self.run, date, Recency::Late).await?;
        self.add_evaluated(date, incidents);
        self.changed.extend(record.map(|record| DayRecord { date, record }));
        Ok(())
    }

    /// Opens the ledger from the first changed day on, at the first call.
    async fn open_ledger(&mut self, first: Date) -> Result<(), RunError> {
        if self.finished.is_none() {
            self.finished = Some(FinishedDays::open(self.run, first).await?);
        }
        Ok(())
    }

    fn add_completeness_problem(&mut self, problem: CompletenessProblem) {
        problem.report(&mut self.run.report);
        self.completeness_problems.push(problem);
    }

    fn add_evaluated(&mut self, date: Date, incidents: Vec<Incident>) {
        self.incidents.extend(incidents.into_iter().map(|incident| (incident.id.clone(), incident)));
        self.last_evaluated = Some(date);
    }
}
