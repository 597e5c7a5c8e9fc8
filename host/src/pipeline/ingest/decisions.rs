//! Decisions, silences and planned events of people: kept in the archive, and applied again by a rebuild.

use ingest::archive::{ArchiveError, ArchivedDecision, ArchivedPlans};
use model::incident::Incident;
use store::IncidentWrite;

use crate::pipeline::run::{Run, RunError};

impl Run<'_> {
    /// Archives the decisions, silences and planned events that the archive does not have. A failure is a problem of the
    /// run; the next run tries again.
    pub(crate) async fn archive_decisions(&mut self) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        let store = &self.services.store;
        let plans = ArchivedPlans { silences: store.silences().await?, events: store.planned_events().await? };
        if let Err(error) = self.services.archive.put_plans(&plans).await {
            self.report.add_problem(format!("{error}; the next run archives the silences and the planned events"));
            return Ok(());
        }
        for mut incident in self.services.store.incidents_with_unarchived_decision().await? {
            if let Err(error) = self.archive_decisions_of(&mut incident).await {
                self.report.add_problem(format!("{error}; the next run archives the decision about {}", incident.id));
                return Ok(());
            }
            self.put_incident(incident).await?;
        }
        Ok(())
    }

    async fn archive_decisions_of(&self, incident: &mut Incident) -> Result<(), ArchiveError> {
        for decision in incident.decisions.iter_mut().filter(|decision| !decision.is_archived) {
            let archived = ArchivedDecision { incident: incident.id.clone(), decision: decision.clone() };
            self.services.archive.put_decision(&archived).await?;
            decision.is_archived = true;
        }
        Ok(())
    }

    /// Applies an archived decision to the incident of a rebuilt database, unless the incident has the decision.
    pub(crate) async fn apply_decision(&mut self, archived: ArchivedDecision) -> Result<(), RunError> {
        let ArchivedDecision { incident: id, decision } = archived;
        let Some(mut incident) = self.services.store.incident(&id).await? else {
            let author = &decision.author;
            self.report.add_problem(format!(
                "the archive has a decision of {author} about the incident {id}, which the rebuild did not find: check whether the rules of that time are present"
            ));
            return Ok(());
        };
        if !incident.decisions.contains(&decision) {
            incident.decide(decision);
            self.services.store.put_anomaly_status(&incident, self.now).await?;
            self.put_incident(incident).await?;
        }
        Ok(())
    }

    async fn put_incident(&self, incident: Incident) -> Result<(), RunError> {
        let is_settled = self.services.is_settled(&incident);
        let write = IncidentWrite { incident, is_settled };
        Ok(self.services.store.put_incidents(&[write], self.now).await?)
    }
}
