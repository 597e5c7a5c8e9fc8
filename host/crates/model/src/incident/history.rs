//! The history of an incident: the decisions, assignments and comments of people.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Incident, IncidentState, Resolution};
use crate::language::Language;

/// An entry of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub action: Action,
    /// Name of the person.
    pub author: String,
    pub note: Option<String>,
    pub at: Timestamp,
    /// True if the archive has the entry.
    pub is_archived: bool,
}

/// The action of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ends the incident. Later evaluations do not change the decision.
    Decision(Resolution),
    /// Names the person or team that takes care of the incident.
    Assignment(String),
    /// The note is the comment.
    Comment,
}

/// The numbers of decided incidents of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecisionCount {
    /// Incidents that people accepted as a real change: a new level or an expected deviation.
    pub accepted: u64,
    /// Incidents that people dismissed as false alarms.
    pub dismissed: u64,
}

impl DecisionCount {
    /// Counts the decided incidents by rule id.
    pub fn by_rule(incidents: &[Incident]) -> BTreeMap<&str, Self> {
        let mut counts: BTreeMap<&str, Self> = BTreeMap::new();
        for incident in incidents.iter().filter(|incident| incident.is_decided()) {
            for rule in &incident.rules {
                let count = counts.entry(rule).or_default();
                match incident.state {
                    IncidentState::Closed(Resolution::Dismissed) => count.dismissed += 1,
                    _ => count.accepted += 1,
                }
            }
        }
        counts
    }

    /// Returns the accepted part of the decided incidents: `4 of 5`. `None` without a decision.
    pub fn share(self, language: Language) -> Option<String> {
        let Self { accepted, dismissed } = self;
        let decided = accepted + dismissed;
        (decided > 0).then(|| match language {
            Language::Korean => format!("{decided}건 중 {accepted}건"),
            Language::English => format!("{accepted} of {decided}"),
        })
    }

    /// Returns the accepted part of the decided incidents as a number; `None` without a decision.
    pub fn precision(self) -> Option<f64> {
        let decided = self.accepted + self.dismissed;
        (decided > 0).then(|| self.accepted as f64 / decided as f64)
    }
}

impl Action {
    /// Returns the name in documents.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Decision(_) => "decision",
            Self::Assignment(_) => "assignment",
            Self::Comment => "comment",
        }
    }
}

impl Incident {
    /// Adds an entry to the history. A decision ends the incident.
    pub fn record(&mut self, entry: HistoryEntry) {
        if let Action::Decision(resolution) = entry.action {
            self.state = IncidentState::Closed(resolution);
            // An incident with an earlier end keeps the time of the end.
            self.closed_at.get_or_insert(self.last_seen);
            self.accepted_impact = self.largest_daily_impact();
        }
        self.history.push(entry);
    }

    /// Returns the newest decision, which stands.
    pub fn decision(&self) -> Option<&HistoryEntry> {
        self.history.iter().rfind(|entry| matches!(entry.action, Action::Decision(_)))
    }

    pub fn is_decided(&self) -> bool {
        self.decision().is_some()
    }

    /// Returns the person or team of the newest assignment.
    pub fn assignee(&self) -> Option<&str> {
        self.history.iter().rev().find_map(|entry| match &entry.action {
            Action::Assignment(assignee) => Some(assignee.as_str()),
            Action::Decision(_) | Action::Comment => None,
        })
    }
}
