//! Silences and planned events: incidents without notifications.

use std::collections::HashSet;

use model::anomaly::Anomaly;
use model::incident::{Incident, Suppression};
use model::planned_event::PlannedEvent;
use model::silence::Silence;
use store::IncidentWrite;

use crate::pipeline::run::{Count, Run, RunError};

/// The active silences and the planned events of a run.
#[derive(Debug)]
pub(super) struct Suppressions {
    silences: Vec<Silence>,
    events: Vec<PlannedEvent>,
    /// Largest ratio of a daily difference to the planned difference.
    factor: f64,
}

impl Suppressions {
    /// Returns the silence of an incident, or the planned event that explains the incident.
    pub(super) fn of(&self, incident: &Incident) -> Option<Suppression> {
        let silence = self.silences.iter().find(|silence| silence.scope.matches(incident));
        if let Some(silence) = silence {
            return Some(Suppression::Silence(silence.id.clone()));
        }
        let event = self.events.iter().find(|event| event.explains(incident, self.factor))?;
        Some(Suppression::PlannedEvent(event.id.clone()))
    }
}

impl Run<'_> {
    pub(super) async fn suppressions(&self) -> Result<Suppressions, RunError> {
        let store = &self.services.store;
        let mut silences = store.silences().await?;
        silences.retain(|silence| silence.is_active(self.now));
        let events = store.planned_events().await?;
        Ok(Suppressions { silences, events, factor: self.services.config.renotify_factor })
    }

    /// Marks the anomalies of the incidents that a planned event explains.
    pub(crate) async fn mark_planned(&self, incidents: &[Incident], anomalies: &mut [Anomaly]) -> Result<(), RunError> {
        if anomalies.is_empty() {
            return Ok(());
        }
        let factor = self.services.config.renotify_factor;
        for event in self.services.store.planned_events().await? {
            let explained = incidents.iter().filter(|incident| event.explains(incident, factor));
            let ids: HashSet<&String> = explained.map(|incident| &incident.id).collect();
            for anomaly in anomalies.iter_mut().filter(|it| it.incident.as_ref().is_some_and(|id| ids.contains(id))) {
                anomaly.planned_event = Some(event.id.clone());
            }
        }
        Ok(())
    }

    /// Stores the suppression of an incident, and counts an incident with a withheld notification. Returns whether people
    /// must not be notified.
    pub(super) async fn suppress(
        &mut self,
        incident: &mut Incident,
        suppressions: &Suppressions,
    ) -> Result<bool, RunError> {
        let factor = self.services.config.renotify_factor;
        let before = incident.suppressed_by.clone();
        incident.suppress(suppressions.of(incident));
        if incident.suppressed_by != before {
            let is_settled = self.services.is_settled(incident);
            let write = IncidentWrite { incident: incident.clone(), is_settled };
            self.services.store.put_incidents(&[write], self.now).await?;
        }
        if incident.suppressed_by.is_none() {
            return Ok(false);
        }
        let is_due = |receiver: &str| !incident.due_notifications(receiver, factor).is_empty();
        if self.services.receivers_of(incident).any(is_due) {
            self.report.add(Count::Suppressed, 1);
        }
        Ok(true)
    }
}
