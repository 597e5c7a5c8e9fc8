//! The intents of a golden case: the rows that alert, and no others.

use std::fmt;

use super::CaseRun;
use crate::authoring::verdict_csv::ShownRows;

/// The difference between the intended and the actual alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertDifference {
    /// Intended timestamps without an alert.
    pub missing: Vec<String>,
    /// Timestamps of alerts that are not intended.
    pub unexpected: Vec<String>,
}

impl AlertDifference {
    /// Returns `None` if the anomalous rows are the intended rows.
    pub(super) fn new(intended: &[String], run: &CaseRun) -> Option<Self> {
        let rows = ShownRows::Anomalous.of(&run.file, &run.result);
        let actual: Vec<&String> = rows.map(|row| &row.timestamp).collect();
        let missing = intended.iter().filter(|timestamp| !actual.contains(timestamp)).cloned().collect();
        let unexpected = actual.iter().filter(|timestamp| !intended.contains(timestamp)).copied().cloned().collect();
        let difference = Self { missing, unexpected };
        (!difference.missing.is_empty() || !difference.unexpected.is_empty()).then_some(difference)
    }
}

impl fmt::Display for AlertDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = (!self.missing.is_empty()).then(|| format!("no alert on {}", self.missing.join(", ")));
        let unexpected =
            (!self.unexpected.is_empty()).then(|| format!("unexpected alerts on {}", self.unexpected.join(", ")));
        let differences: Vec<String> = missing.into_iter().chain(unexpected).collect();
        write!(f, "{}: the case expects the alerts of `alerts` in case.toml and no others", differences.join("; "))
    }
}
