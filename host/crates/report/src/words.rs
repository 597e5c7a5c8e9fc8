//! The words of a report in a language. Texts of detectors and people stay as they are.

mod english;
mod korean;

use model::anomaly::Severity;
use model::incident::{Action, IncidentState};
use model::language::Language;

use crate::facts::PartState;

/// The fixed texts of a report.
pub(crate) struct Words {
    language: Language,
    pub(crate) title: &'static str,
    pub(crate) bills_through: &'static str,
    pub(crate) written_at: &'static str,
    pub(crate) last_run: &'static str,
    pub(crate) month_so_far: &'static str,
    pub(crate) same_days_before: &'static str,
    pub(crate) no_same_days: &'static str,
    pub(crate) unknown_days: &'static str,
    pub(crate) change: &'static str,
    pub(crate) month_end: &'static str,
    pub(crate) range: &'static str,
    pub(crate) no_range: &'static str,
    pub(crate) no_forecast: &'static str,
    pub(crate) budgets: &'static str,
    pub(crate) budget: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) budget_amount: &'static str,
    pub(crate) spent: &'static str,
    pub(crate) no_services: &'static str,
    pub(crate) open_incidents: &'static str,
    pub(crate) no_open_incident: &'static str,
    pub(crate) explained: &'static str,
    pub(crate) explained_incidents: &'static str,
    pub(crate) service: &'static str,
    pub(crate) place: &'static str,
    pub(crate) newest_day: &'static str,
    pub(crate) usual: &'static str,
    pub(crate) since: &'static str,
    pub(crate) so_far: &'static str,
    pub(crate) until_month_end: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) next: &'static str,
    pub(crate) daily_totals: &'static str,
    pub(crate) daily_totals_note: &'static str,
    pub(crate) day: &'static str,
    pub(crate) cost: &'static str,
    pub(crate) changes: &'static str,
    pub(crate) changes_note: &'static str,
    pub(crate) no_changes: &'static str,
    pub(crate) other_services: &'static str,
    pub(crate) incidents: &'static str,
    pub(crate) no_incidents: &'static str,
    pub(crate) state: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) rules: &'static str,
    pub(crate) decision: &'static str,
    pub(crate) assignment: &'static str,
    pub(crate) comment: &'static str,
    pub(crate) notified: &'static str,
    pub(crate) nobody: &'static str,
    pub(crate) trials: &'static str,
    pub(crate) trials_note: &'static str,
    pub(crate) trials_pending: &'static str,
    pub(crate) trials_incomplete: &'static str,
    pub(crate) causes_pending: &'static str,
    pub(crate) causes_incomplete: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) decide: &'static str,
    pub(crate) no_module: &'static str,
    pub(crate) evaluate: &'static str,
    pub(crate) reset: &'static str,
    pub(crate) verdicts_equal: &'static str,
    pub(crate) verdicts_different: &'static str,
    pub(crate) trial_result: &'static str,
    pub(crate) anomalous: &'static str,
    pub(crate) no_verdict: &'static str,
    pub(crate) changed_verdicts: &'static str,
    pub(crate) host_verdict: &'static str,
    pub(crate) page_verdict: &'static str,
    pub(crate) trial_failed: &'static str,
    pub(crate) not_json: &'static str,
    pub(crate) entry: &'static str,
    pub(crate) add_entry: &'static str,
    pub(crate) accept: &'static str,
    pub(crate) accept_once: &'static str,
    pub(crate) dismiss: &'static str,
    pub(crate) note: &'static str,
    pub(crate) token: &'static str,
    pub(crate) wrong_token: &'static str,
    pub(crate) costs: &'static str,
    pub(crate) costs_note: &'static str,
    pub(crate) filter: &'static str,
    pub(crate) fold: &'static str,
    pub(crate) unfold: &'static str,
    pub(crate) name: &'static str,
    pub(crate) plans: &'static str,
    pub(crate) no_plans: &'static str,
    pub(crate) planned_event: &'static str,
    pub(crate) silence: &'static str,
    pub(crate) checked: &'static str,
    pub(crate) checked_note: &'static str,
    pub(crate) not_checked: &'static str,
    pub(crate) total: &'static str,
    pub(crate) reproduction: &'static str,
    pub(crate) reproduction_note: &'static str,
    outcomes: [(&'static str, &'static str); 4],
    counts: [&'static str; COUNTS.len()],
}

/// The counts of a run that a report shows: the evaluated items first, then the items left out.
pub(crate) const COUNTS: [&str; 11] = [
    "series",
    "rules",
    "verdicts",
    "anomalies",
    "held_verdicts",
    "insufficient_history",
    "failed_series",
    "refused_rows",
    "withheld_days",
    "missing_days",
    "undelivered",
];

pub(crate) fn words(language: Language) -> &'static Words {
    match language {
        Language::Korean => &korean::WORDS,
        Language::English => &english::WORDS,
    }
}

impl Words {
    pub(crate) fn state(&self, state: IncidentState) -> &'static str {
        state.text(self.language)
    }

    pub(crate) fn severity(&self, severity: Severity) -> &'static str {
        severity.text(self.language)
    }

    pub(crate) fn action(&self, action: &Action) -> &'static str {
        match action {
            Action::Decision(_) => self.decision,
            Action::Assignment(_) => self.assignment,
            Action::Comment => self.comment,
        }
    }

    /// Returns the note about the causes of the open incidents.
    pub(crate) fn causes_note_of(&self, state: PartState) -> Option<&'static str> {
        note_of(state, self.causes_pending, self.causes_incomplete)
    }

    /// Returns the note about the trials.
    pub(crate) fn trials_note_of(&self, state: PartState) -> Option<&'static str> {
        note_of(state, self.trials_pending, self.trials_incomplete)
    }

    /// Returns the words of the outcome of a run; the outcome itself if unknown.
    pub(crate) fn outcome<'o>(&self, outcome: &'o str) -> &'o str {
        self.outcomes.iter().find(|(name, _)| *name == outcome).map_or(outcome, |(_, words)| words)
    }

    /// Returns the words of the count with an index in [`COUNTS`].
    pub(crate) fn count(&self, index: usize) -> &'static str {
        self.counts[index]
    }
}

fn note_of(state: PartState, pending: &'static str, incomplete: &'static str) -> Option<&'static str> {
    match state {
        PartState::Complete => None,
        PartState::Pending => Some(pending),
        PartState::Incomplete => Some(incomplete),
    }
}
