//! One execution of a job: the services, the time, the report, the leases and the progress.
//!
//! The stages add methods to [`Run`]. This module knows no stage.

mod checkpoint;
mod error;
mod hourly_history;
mod lease;
mod metrics;
mod names;
mod period;
mod record;
mod remark;
mod report;
mod services;
mod write_lease;

use jiff::Timestamp;
use model::count::{counted, one_or};
use model::money;

use self::checkpoint::Progress;
pub(crate) use self::error::RunError;
pub(crate) use self::hourly_history::HourlyHistory;
use self::lease::Lease;
pub(crate) use self::metrics::{
    count_decisions, count_open_incidents, create_incident_metrics, incident_labels, publish_metrics, publish_report,
    set_newest_day,
};
pub(crate) use self::names::{Count, Stage};
pub(crate) use self::period::{day_period, days_before, hour_period, open_period, range_period, single_day};
pub(crate) use self::record::{
    BACKFILL, DAILY, DayRecord, HOURLY, REBUILD, REBUILD_PERIOD, has_succeeded, is_partly_rebuilt,
};
pub(crate) use self::remark::Remark;
pub(crate) use self::report::{Grade, Outcome, Report};
pub(crate) use self::services::{Mode, Services};
pub(crate) use self::write_lease::{Repeat, with_write_lease};
use super::rules::PreparedRules;
use crate::config::Config;

/// One execution of a job.
pub(crate) struct Run<'s> {
    pub(crate) services: &'s mut Services,
    /// The time of the run. A rebuild replays the archive with the fetch time of each document.
    pub(crate) now: Timestamp,
    pub(crate) report: Report,
    progress: Progress,
    /// The write lease, while the process holds it.
    write_lease: Option<Lease>,
    /// The lease on the period of a long job, in addition to the write lease.
    period_lease: Option<Lease>,
}

impl<'s> Run<'s> {
    pub(crate) fn new(services: &'s mut Services, report: Report, now: Timestamp) -> Self {
        Self { services, now, report, progress: Progress::new(None), write_lease: None, period_lease: None }
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.services.mode == Mode::DryRun
    }

    /// Reports the unusable rules and creates the metrics of the usable rules.
    pub(crate) fn report_rules(&mut self) {
        // Without a sandbox, the rules are not the cause.
        if self.services.check_sandbox().is_err() {
            return;
        }
        self.report.add_rules(&self.services.rules, &self.services.config);
        metrics::create_rule_metrics(&self.services.rules, &mut self.report.tally);
    }

    /// Counts the requests to the source, and reports a run without any verdict as a problem.
    pub(crate) fn complete_report(&mut self) {
        self.count_api_requests();
        self.report.check_verdicts(&self.services.rules);
        self.report.notes.extend(self.report.hourly_histories.notes());
        let held = self.report.count(Count::HeldVerdicts);
        if held > 0 {
            let verdicts = counted(held, "anomalous verdict");
            let largest = money::text(self.report.largest_held);
            let currency = &self.services.config.currency;
            self.report.notes.push(Remark::new(
                format!(
                    "이상하지만 min_impact, min_impact_share, min_change에 못 미친 판정이 {held}개 있습니다(가장 큰 차액 {largest} {currency})"
                ),
                format!(
                    "{verdicts} below min_impact, min_impact_share or min_change; the largest difference is {largest} {currency}"
                ),
            ));
        }
    }

    /// Counts the requests to the source.
    pub(crate) fn count_api_requests(&mut self) {
        let traffic = self.services.source.traffic();
        self.report.add(Count::ApiRequests, traffic.calls);
        self.report.add(Count::ApiRetries, traffic.retries);
    }
}

impl Report {
    /// Counts the rules and reports the unusable rules of a set.
    pub(crate) fn add_rules(&mut self, rules: &PreparedRules, config: &Config) {
        self.add(Count::Rules, rules.rules.len() as u64);
        for problem in &rules.problems {
            self.add(Count::RuleProblems, 1);
            self.add_problem(Remark::of(problem));
        }
        if rules.rules.is_empty() {
            let folder = config.rules.display();
            self.add_problem(Remark::new(
                format!("{folder} 폴더에 쓸 수 있는 규칙이 없어 아무것도 평가하지 않습니다"),
                format!("no rule in {folder} is usable: nothing is evaluated"),
            ));
        }
    }

    /// Reports a run without any verdict as a problem, because silence must not look like health.
    pub(crate) fn check_verdicts(&mut self, rules: &PreparedRules) {
        let is_already_trained = self.counts.contains_key(&Count::AlreadyTrained);
        if self.count(Count::Verdicts) == 0 && !rules.rules.is_empty() && !is_already_trained {
            let insufficient = self.count(Count::InsufficientHistory);
            let have = one_or(insufficient, "has", "have");
            self.add_problem(Remark::new(
                format!("판정한 규칙이 없습니다. 기록이 짧은 시리즈 {insufficient}개"),
                format!("no rule gave a verdict: {insufficient} series {have} insufficient history"),
            ));
        }
    }
}
