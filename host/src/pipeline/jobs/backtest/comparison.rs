//! The comparison of two backtests over the same days: the incidents of one result only, and the changed incidents.

use std::collections::BTreeSet;

use model::incident::Incident;

use super::figures::notifications;

/// A difference between two backtests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum IncidentChange<'a> {
    OnlyOld(&'a Incident),
    OnlyNew(&'a Incident),
    /// The incident is in both results, with other days, another state, another severity, another impact or another number
    /// of notifications.
    Changed {
        old: &'a Incident,
        new: &'a Incident,
    },
}

impl<'a> IncidentChange<'a> {
    /// Returns the new incident, or else the old incident.
    pub(crate) fn incident(self) -> &'a Incident {
        match self {
            Self::OnlyOld(incident) | Self::OnlyNew(incident) | Self::Changed { new: incident, .. } => incident,
        }
    }
}

/// Compares the incidents of two backtests. The differences are ordered by the start of the incident.
///
/// Two incidents of one series and direction are the same incident if they share a day. The rules of an incident do not
/// count: a renamed rule is no difference.
pub(crate) fn compare_incidents<'a>(old: &'a [Incident], new: &'a [Incident]) -> Vec<IncidentChange<'a>> {
    let mut matched: BTreeSet<&str> = BTreeSet::new();
    let mut changes = Vec::new();
    for incident in old {
        let unmatched = || new.iter().filter(|other| !matched.contains(other.id.as_str()));
        let same_id = unmatched().find(|other| other.id == incident.id);
        match same_id.or_else(|| unmatched().find(|other| incident.is_same_change(other))) {
            Some(other) => {
                matched.insert(&other.id);
                if is_different(incident, other) {
                    changes.push(IncidentChange::Changed { old: incident, new: other });
                }
            }
            None => changes.push(IncidentChange::OnlyOld(incident)),
        }
    }
    let added = new.iter().filter(|incident| !matched.contains(incident.id.as_str()));
    changes.extend(added.map(IncidentChange::OnlyNew));
    changes.sort_by(|one, other| {
        let [one, other] = [one.incident(), other.incident()];
        (one.first_seen, &one.id).cmp(&(other.first_seen, &other.id))
    });
    changes
}

fn is_different(one: &Incident, other: &Incident) -> bool {
    one.first_seen != other.first_seen
        || one.last_seen != other.last_seen
        || one.state != other.state
        || one.severity != other.severity
        || one.impact().to_bits() != other.impact().to_bits()
        || notifications(one) != notifications(other)
}
