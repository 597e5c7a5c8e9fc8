//! The causes of the incidents with a due notification.

use std::collections::HashMap;

use model::drivers::{Cause, IncidentBills, IncidentSpan};
use model::incident::{Incident, IncidentState};
use notify::routing::Dispatch;

use crate::pipeline::causes::{ArchivedBills, earlier_part, read_causes};
use crate::pipeline::run::{Remark, Run};

impl Run<'_> {
    /// Returns the causes of the incidents, by id. Reads the archive only for notifications that show a cause. The
    /// notifications go out without a cause if the archive cannot be read.
    pub(super) async fn causes<'i>(&mut self, incidents: impl Iterator<Item = &'i Incident>) -> HashMap<String, Cause> {
        let shown: Vec<(&Incident, IncidentBills)> = incidents
            .filter(|incident| self.shows_cause(incident))
            .filter_map(|incident| {
                let span = IncidentSpan::of(incident, earlier_part(self.comparison(incident).spans))?;
                Some((incident, IncidentBills::new(incident.series.clone(), span)))
            })
            .collect();
        if shown.is_empty() {
            return HashMap::new();
        }
        let ids: Vec<String> = shown.iter().map(|(incident, _)| incident.id.clone()).collect();
        let bills = shown.into_iter().map(|(_, bills)| bills).collect();
        let archived = ArchivedBills { archive: &self.services.archive, currency: &self.services.config.currency };
        let causes = read_causes(archived, bills).await;
        if let Some(error) = causes.archive_error {
            self.report.notes.push(Remark::new(
                format!("이번 실행의 알림에는 원인이 없습니다: {error}"),
                format!("notifications of this run name no cause: {error}"),
            ));
        }
        ids.into_iter().zip(causes.causes).collect()
    }

    /// Returns whether a receiver gets a text with the cause of the incident in this run.
    fn shows_cause(&self, incident: &Incident) -> bool {
        let factor = self.services.config.renotify_factor;
        self.services.receivers.iter().filter(|receiver| receiver.has_full_text()).any(|receiver| {
            let is_sent = self.dispatch(&receiver.name, incident) == Dispatch::Send;
            let is_due = !incident.due_notifications(&receiver.name, factor).is_empty();
            let is_refreshed = receiver.needs_refresh()
                && incident.state == IncidentState::Open
                && incident.deliveries.contains_key(&receiver.name);
            is_sent && (is_due || is_refreshed)
        })
    }
}
