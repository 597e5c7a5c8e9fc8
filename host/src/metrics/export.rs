//! The text format of Prometheus, version 0.0.4, for the node exporter.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::borrow::Cow;

use super::family::{Family, Kind};
use super::tally::Tally;

/// Returns all metrics in a fixed order.
pub(super) fn text(tally: &Tally) -> String {
    let mut text = String::new();
    for (metric, values) in &tally.0 {
        let Family { name, help, kind, labels } = metric.family();
        let kind = match kind {
            Kind::Counter => "counter",
            // A streak returns to 0, so a streak is no counter.
            Kind::Gauge | Kind::Streak => "gauge",
        };
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for (given, value) in values {
            let labels: Vec<String> =
                labels.iter().zip(given).map(|(label, given)| format!("{label}=\"{}\"", escaped(given))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            text.push_str(&format!("{name}{labels} {value}\n"));
        }
    }
    text
}

fn escaped(value: &str) -> Cow<'_, str> {
    if value.contains(['\\', '"', '\n']) {
        Cow::Owned(value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"))
    } else {
        Cow::Borrowed(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metric;
    use super::*;

    #[test]
    fn figures_are_lines_under_their_families() {
        let mut tally = Tally::default();
        tally.set(Metric::LastRun, &["daily"], 1_795_397_400.25);
        tally.add(Metric::Runs, &["hourly", "done"], 2.0);
        tally.add(Metric::Runs, &["daily", "failed"], 0.0);
        tally.add(Metric::DetectorFuel, &["a \"b\" \\ c\nd", "p"], 123_456_789_012_345.0);
        tally.set(Metric::ApiUp, &[], 1.0);
        insta::assert_snapshot!(text(&tally), @r#"
        # HELP costwarden_runs_total Runs by outcome: done, degraded (incomplete, nothing lost), failed, stopped (by a signal) or taken_over (by another host).
        # TYPE costwarden_runs_total counter
        costwarden_runs_total{job_name="daily",outcome="failed"} 0
        costwarden_runs_total{job_name="hourly",outcome="done"} 2
        # HELP costwarden_last_run_timestamp_seconds Start time of the last run.
        # TYPE costwarden_last_run_timestamp_seconds gauge
        costwarden_last_run_timestamp_seconds{job_name="daily"} 1795397400.25
        # HELP costwarden_detector_fuel_total Fuel used by detectors, about one unit per WebAssembly instruction.
        # TYPE costwarden_detector_fuel_total counter
        costwarden_detector_fuel_total{rule="a \"b\" \\ c\nd",plugin="p"} 123456789012345
        # HELP costwarden_api_up 1 if the last run received the bill, else 0.
        # TYPE costwarden_api_up gauge
        costwarden_api_up 1
        "#);
    }
}
