//! The metrics with names, help texts, kinds and labels.
//!
//! Label values come from closed sets or from the operator (rules, plugins, receivers), never from series, days or
//! periods. No label is named `job` or `instance`, because Prometheus sets both labels for the scrape target.

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

/// Declares the metrics once: variant, kind, name, labels, help.
macro_rules! metrics {
    ($($variant:ident, $kind:ident, $name:literal, [$($label:literal),*], $help:literal;)*) => {
        /// A metric, with a value for each set of labels.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Metric {
            $($variant,)*
        }

        impl Metric {
            pub(super) const ALL: &[Self] = &[$(Self::$variant,)*];

            pub(super) fn family(self) -> Family {
                match self {
                    $(Self::$variant => Family {
                        name: concat!("costwarden_", $name),
                        help: $help,
                        kind: Kind::$kind,
                        labels: &[$($label),*],
                    },)*
                }
            }

            pub(super) fn of_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|metric| metric.family().name == name)
            }
        }
    };
}

metrics! {
    Build, Gauge, "build_info", ["version"], "Version of the last run; always 1.";
    Runs, Counter, "runs_total", ["job_name", "outcome"], "Runs by outcome: done, degraded (incomplete, nothing lost), failed, stopped (by a signal) or taken_over (by another host).";
    LastRun, Gauge, "last_run_timestamp_seconds", ["job_name"], "Start time of the last run.";
    LastSuccess, Gauge, "last_success_timestamp_seconds", ["job_name"], "Start time of the last successful or degraded run.";
    FailuresInARow, Streak, "failures_in_a_row", ["job_name"], "Failed runs on this host since the last successful run.";
    RunSeconds, Gauge, "run_duration_seconds", ["job_name"], "Duration of the last run.";
    StageSeconds, Gauge, "stage_duration_seconds", ["job_name", "stage"], "Duration of each stage of the last run.";
    Problems, Gauge, "problems", ["job_name"], "Problems of the last run, including a fatal error.";
    Rows, Counter, "rows_total", ["job_name"], "Bill rows read.";
    RefusedRows, Counter, "refused_rows_total", ["job_name"], "Bill rows refused as unusable.";
    Series, Gauge, "series", ["job_name"], "Series in the bills of the last run, counted for each day.";
    InsufficientHistorySeries, Gauge, "insufficient_history_series", ["job_name"], "Series with insufficient history in the last run, counted for each rule.";
    Verdicts, Counter, "verdicts_total", ["job_name"], "Verdicts of detectors, anomalous or not, counted for each rule.";
    Rules, Gauge, "rules", [], "Rules able to run.";
    RuleProblems, Gauge, "rule_problems", [], "Problems that prevent rules from running.";
    FailedSeries, Counter, "failed_series_total", ["rule", "plugin"], "Series with a failed detector call.";
    Anomalies, Counter, "anomalies_total", ["rule", "severity"], "Anomalies of all jobs.";
    ShadowAnomalies, Counter, "shadow_anomalies_total", ["rule"], "Anomalies of shadow rules in all jobs.";
    IncidentsOpened, Counter, "incidents_opened_total", ["direction", "severity"], "Incidents opened.";
    IncidentsClosed, Counter, "incidents_closed_total", ["direction", "severity"], "Incidents closed.";
    OpenIncidents, Gauge, "open_incidents", ["direction", "severity"], "Open incidents.";
    IncidentDecisions, Gauge, "incident_decisions", ["rule", "plugin", "decision"], "Incidents by the standing decision of people: accepted or dismissed. Precision of a rule: accepted / (accepted + dismissed).";
    DetectorFuel, Counter, "detector_fuel_total", ["rule", "plugin"], "Fuel used by detectors, about one unit per WebAssembly instruction.";
    DetectorSeconds, Counter, "detector_seconds_total", ["rule", "plugin"], "Duration of detector calls, summed over parallel calls.";
    DetectorSeries, Counter, "detector_series_total", ["rule", "plugin"], "Series passed to detectors for a fit or a judgement.";
    ApiUp, Gauge, "api_up", [], "1 if the last run received the bill, else 0.";
    ApiRequests, Counter, "api_requests_total", ["outcome"], "Requests to the billing API by outcome: ok or error.";
    ApiSeconds, Counter, "api_request_seconds_total", [], "Duration of the requests to the billing API.";
    ApiRetries, Counter, "api_retries_total", [], "Repeated requests to the billing API.";
    StoreUp, Gauge, "store_up", [], "1 if the store served the last run, else 0.";
    StoreOperations, Counter, "store_operations_total", ["operation", "outcome"], "Store calls by operation and outcome: ok or error.";
    StoreSeconds, Counter, "store_operation_seconds_total", ["operation"], "Duration of store calls, summed over parallel calls.";
    ArchiveUp, Gauge, "archive_up", [], "1 if the archive accepted the last document, else 0.";
    Spooled, Gauge, "spooled_documents", [], "Raw documents in the spool of this host.";
    Notifications, Counter, "notifications_total", ["receiver", "outcome"], "Notifications by receiver and outcome: delivered or undelivered.";
    NewestDay, Gauge, "newest_day_timestamp_seconds", [], "End of the newest day in the store.";
    DailyCost, Gauge, "daily_cost", ["currency"], "Total cost of the newest day in the store.";
    CostSoFar, Gauge, "day_to_date_cost", ["currency"], "Total cost of today at the last hourly run.";
    StateSize, Gauge, "state_filesystem_size_bytes", [], "Size of the file system with the state directory.";
    StateAvailable, Gauge, "state_filesystem_avail_bytes", [], "Free space of the file system with the state directory, for the user of the jobs.";
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
    fn names_are_unique_and_only_counters_end_in_total() {
        let mut names: Vec<&str> = Metric::ALL.iter().map(|metric| metric.family().name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metric::ALL.len());
        for &metric in Metric::ALL {
            let Family { name, kind, .. } = metric.family();
            assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
            assert_eq!(Metric::of_name(name), Some(metric));
        }
    }
}
