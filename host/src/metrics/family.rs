//! The metrics with names, help texts, kinds and labels.
//!
//! Label values come from closed sets or from the operator (rules, plugins, receivers), never from series, days or
//! periods. No label is named `job` or `instance`, because Prometheus sets both labels for the scrape target.

/// A metric, with a value for each set of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    Build,
    Runs,
    LastRun,
    LastSuccess,
    FailuresInARow,
    RunSeconds,
    StageSeconds,
    Problems,
    Rows,
    RefusedRows,
    Series,
    InsufficientHistorySeries,
    Verdicts,
    Rules,
    RuleProblems,
    FailedSeries,
    Anomalies,
    IncidentsOpened,
    IncidentsClosed,
    OpenIncidents,
    DetectorFuel,
    DetectorSeconds,
    DetectorSeries,
    ApiUp,
    ApiRequests,
    ApiSeconds,
    ApiRetries,
    StoreUp,
    StoreOperations,
    StoreSeconds,
    ArchiveUp,
    Spooled,
    Notifications,
    NewestDay,
    DailyCost,
    CostSoFar,
    StateSize,
    StateAvailable,
}

/// The continuation of a value from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sum over all runs.
    Counter,
    /// Value of the last run.
    Gauge,
    /// Sum over consecutive runs with a value above 0; a run with 0 resets the sum.
    Streak,
}

/// The description of a metric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
}

impl Metric {
    pub(super) const ALL: [Self; 38] = [
        Self::Build,
        Self::Runs,
        Self::LastRun,
        Self::LastSuccess,
        Self::FailuresInARow,
        Self::RunSeconds,
        Self::StageSeconds,
        Self::Problems,
        Self::Rows,
        Self::RefusedRows,
        Self::Series,
        Self::InsufficientHistorySeries,
        Self::Verdicts,
        Self::Rules,
        Self::RuleProblems,
        Self::FailedSeries,
        Self::Anomalies,
        Self::IncidentsOpened,
        Self::IncidentsClosed,
        Self::OpenIncidents,
        Self::DetectorFuel,
        Self::DetectorSeconds,
        Self::DetectorSeries,
        Self::ApiUp,
        Self::ApiRequests,
        Self::ApiSeconds,
        Self::ApiRetries,
        Self::StoreUp,
        Self::StoreOperations,
        Self::StoreSeconds,
        Self::ArchiveUp,
        Self::Spooled,
        Self::Notifications,
        Self::NewestDay,
        Self::DailyCost,
        Self::CostSoFar,
        Self::StateSize,
        Self::StateAvailable,
    ];

    pub(super) fn family(self) -> Family {
        let (kind, name, help, labels): (_, _, _, &'static [&'static str]) = match self {
            Self::Build => (Kind::Gauge, "costwarden_build_info", "The version that ran last; always 1.", &["version"]),
            Self::Runs => (
                Kind::Counter,
                "costwarden_runs_total",
                "Runs, by how they ended: done, degraded (something was left out), failed, stopped (by a signal) or taken_over (by another host).",
                &["job_name", "outcome"],
            ),
            Self::LastRun => {
                (Kind::Gauge, "costwarden_last_run_timestamp_seconds", "When the last run began.", &["job_name"])
            }
            Self::LastSuccess => (
                Kind::Gauge,
                "costwarden_last_success_timestamp_seconds",
                "When the last run began that was done, or done but for what was left out.",
                &["job_name"],
            ),
            Self::FailuresInARow => (
                Kind::Streak,
                "costwarden_failures_in_a_row",
                "Runs on this host that failed since the last one that was done.",
                &["job_name"],
            ),
            Self::RunSeconds => (Kind::Gauge, "costwarden_run_duration_seconds", "Of the last run.", &["job_name"]),
            Self::StageSeconds => (
                Kind::Gauge,
                "costwarden_stage_duration_seconds",
                "Of the steps of the last run.",
                &["job_name", "step"],
            ),
            Self::Problems => (
                Kind::Gauge,
                "costwarden_problems",
                "What the last run could not do, the error that ended it included.",
                &["job_name"],
            ),
            Self::Rows => (Kind::Counter, "costwarden_rows_total", "Rows of bills that were read.", &["job_name"]),
            Self::RefusedRows => {
                (Kind::Counter, "costwarden_refused_rows_total", "Rows of bills that could not be used.", &["job_name"])
            }
            Self::Series => (
                Kind::Gauge,
                "costwarden_series",
                "Series of the last run's bills, counted on each of its days.",
                &["job_name"],
            ),
            Self::InsufficientHistorySeries => (
                Kind::Gauge,
                "costwarden_insufficient_history_series",
                "Series that the rules of the last run knew too little of, one for each rule.",
                &["job_name"],
            ),
            Self::Verdicts => (
                Kind::Counter,
                "costwarden_verdicts_total",
                "Judged values, anomalous or not, one for each rule.",
                &["job_name"],
            ),
            Self::Rules => (Kind::Gauge, "costwarden_rules", "Rules that can run.", &[]),
            Self::RuleProblems => {
                (Kind::Gauge, "costwarden_rule_problems", "What keeps rules of the set from running.", &[])
            }
            Self::FailedSeries => (
                Kind::Counter,
                "costwarden_failed_series_total",
                "Series that a detector failed with.",
                &["rule", "plugin"],
            ),
            Self::Anomalies => {
                (Kind::Counter, "costwarden_anomalies_total", "Anomalies of all jobs.", &["rule", "severity"])
            }
            Self::IncidentsOpened => (
                Kind::Counter,
                "costwarden_incidents_opened_total",
                "Incidents that began.",
                &["direction", "severity"],
            ),
            Self::IncidentsClosed => (
                Kind::Counter,
                "costwarden_incidents_closed_total",
                "Incidents that ended.",
                &["direction", "severity"],
            ),
            Self::OpenIncidents => {
                (Kind::Gauge, "costwarden_open_incidents", "Incidents that go on.", &["direction", "severity"])
            }
            Self::DetectorFuel => (
                Kind::Counter,
                "costwarden_detector_fuel_total",
                "Fuel that detectors used, about one a WebAssembly instruction.",
                &["rule", "plugin"],
            ),
            Self::DetectorSeconds => (
                Kind::Counter,
                "costwarden_detector_seconds_total",
                "Time that calls of detectors took, added over those that ran at once.",
                &["rule", "plugin"],
            ),
            Self::DetectorSeries => (
                Kind::Counter,
                "costwarden_detector_series_total",
                "Series that detectors were given, to learn or to judge.",
                &["rule", "plugin"],
            ),
            Self::ApiUp => (Kind::Gauge, "costwarden_api_up", "Whether the last run had the bill (1) or not (0).", &[]),
            Self::ApiRequests => (
                Kind::Counter,
                "costwarden_api_requests_total",
                "Requests to the billing API, by whether they were answered: ok or error.",
                &["outcome"],
            ),
            Self::ApiSeconds => (
                Kind::Counter,
                "costwarden_api_request_seconds_total",
                "Time that requests to the billing API took.",
                &[],
            ),
            Self::ApiRetries => (
                Kind::Counter,
                "costwarden_api_retries_total",
                "Requests to the billing API that repeated one that failed.",
                &[],
            ),
            Self::StoreUp => {
                (Kind::Gauge, "costwarden_store_up", "Whether the store served the last run (1) or not (0).", &[])
            }
            Self::StoreOperations => (
                Kind::Counter,
                "costwarden_store_operations_total",
                "Calls of the store, by kind and by whether they were answered: ok or error.",
                &["operation", "outcome"],
            ),
            Self::StoreSeconds => (
                Kind::Counter,
                "costwarden_store_operation_seconds_total",
                "Time that calls of the store took, added over those that ran at once.",
                &["operation"],
            ),
            Self::ArchiveUp => (
                Kind::Gauge,
                "costwarden_archive_up",
                "Whether the archive took the last document (1) or not (0).",
                &[],
            ),
            Self::Spooled => (
                Kind::Gauge,
                "costwarden_spooled_documents",
                "Raw documents on this host that wait for the archive.",
                &[],
            ),
            Self::Notifications => (
                Kind::Counter,
                "costwarden_notifications_total",
                "Notifications, by whether the receiver took them: delivered or undelivered.",
                &["receiver", "outcome"],
            ),
            Self::NewestDay => (
                Kind::Gauge,
                "costwarden_newest_day_timestamp_seconds",
                "When the newest day ended that the store holds the bill of.",
                &[],
            ),
            Self::DailyCost => {
                (Kind::Gauge, "costwarden_daily_cost", "The whole bill of that newest day.", &["currency"])
            }
            Self::CostSoFar => (
                Kind::Gauge,
                "costwarden_day_to_date_cost",
                "The whole bill of today, as the last hourly run saw it.",
                &["currency"],
            ),
            Self::StateSize => (
                Kind::Gauge,
                "costwarden_state_filesystem_size_bytes",
                "Of the file system that holds the state directory.",
                &[],
            ),
            Self::StateAvailable => (
                Kind::Gauge,
                "costwarden_state_filesystem_avail_bytes",
                "What is free there for whom the jobs run as.",
                &[],
            ),
        };
        Family { name, help, kind, labels }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.family().name == name)
    }
}

impl Family {
    /// Reports whether a label is a name chosen by the operator. If a run has any values of such a metric, missing
    /// label sets are removed.
    pub(super) fn is_by_name(self) -> bool {
        self.labels.iter().any(|label| ["rule", "receiver"].contains(label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_name_of_its_own_and_is_in_the_list() {
        let mut names: Vec<&str> = Metric::ALL.iter().map(|metric| metric.family().name).collect();
        assert!(Metric::ALL.is_sorted(), "as they are declared");
        assert_eq!(Metric::ALL.last(), Some(&Metric::StateAvailable), "the last that is declared");
        assert_eq!(Metric::StateAvailable as usize + 1, Metric::ALL.len());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            let Family { name, kind, .. } = metric.family();
            assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
            assert_eq!(Metric::of_name(name), Some(metric));
        }
    }
}
