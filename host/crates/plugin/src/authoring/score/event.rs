//! Events of the labels and alerts of the scores, as runs of rows.

/// Largest distance of two anomalous rows of one alert.
const MAX_ALERT_GAP: usize = 3;

/// A labelled event, or an alert: the first and the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Event {
    /// Returns true if the other event is at most one row away.
    pub(super) fn touches(&self, other: &Self) -> bool {
        self.first <= other.last + 1 && self.last + 1 >= other.first
    }
}

/// Returns the runs of equal labels other than 0.
pub(super) fn events(labels: &[i64]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut first = 0;
    for run in labels.chunk_by(|one, next| one == next) {
        if run[0] != 0 {
            events.push(Event { first, last: first + run.len() - 1 });
        }
        first += run.len();
    }
    events
}

/// Returns the runs of anomalous rows.
pub(super) fn alerts(flags: &[bool]) -> Vec<Event> {
    let mut alerts: Vec<Event> = Vec::new();
    for (row, _) in flags.iter().enumerate().filter(|(_, is_anomalous)| **is_anomalous) {
        match alerts.last_mut() {
            Some(alert) if row - alert.last <= MAX_ALERT_GAP => alert.last = row,
            _ => alerts.push(Event { first: row, last: row }),
        }
    }
    alerts
}
