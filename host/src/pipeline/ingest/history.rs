//! The history of incidents, the silences and the planned events: kept in the archive, and restored by a rebuild.

use ingest::archive::{ArchiveError, ArchivedEntry, ArchivedPlans};
use model::incident::{HistoryEntry, Incident};
use store::IncidentWrite;

use crate::pipeline::run::{Remark, Run, RunError};

impl Run<'_> {
    /// Archives the history entries, silences and planned events that the archive does not have. A failure is a problem of the
    /// run; the next run tries again.
    pub(crate) async fn archive_history(&mut self) -> Result<(), RunError> {
        if self.is_dry_run() {
            return Ok(());
        }
        let store = &self.services.store;
        let plans = ArchivedPlans { silences: store.silences().await?, events: store.planned_events().await? };
        if let Err(error) = self.services.archive.put_plans(&plans).await {
            self.report.add_problem(Remark::new(
                format!("{error}. 알림 끄기와 예정된 변경은 다음 실행이 보관합니다"),
                format!("{error}; the next run archives the silences and the planned events"),
            ));
            return Ok(());
        }
        for mut incident in self.services.store.incidents_with_unarchived_history().await? {
            if let Err(error) = self.archive_history_of(&mut incident).await {
                let id = &incident.id;
                self.report.add_problem(Remark::new(
                    format!("{error}. 이상 {id}의 이력은 다음 실행이 보관합니다"),
                    format!("{error}; the next run archives the history of {id}"),
                ));
                return Ok(());
            }
            self.put_incident(incident).await?;
        }
        Ok(())
    }

    async fn archive_history_of(&self, incident: &mut Incident) -> Result<(), ArchiveError> {
        for entry in incident.history.iter_mut().filter(|entry| !entry.is_archived) {
            let archived = ArchivedEntry { incident: incident.id.clone(), entry: entry.clone() };
            self.services.archive.put_history_entry(&archived).await?;
            entry.is_archived = true;
        }
        Ok(())
    }

    /// Adds an archived entry to the incident of a rebuilt database, unless the incident has the entry.
    pub(crate) async fn restore_history_entry(&mut self, archived: ArchivedEntry) -> Result<(), RunError> {
        let ArchivedEntry { incident: id, entry } = archived;
        let Some(mut incident) = self.services.store.incident(&id).await? else {
            let HistoryEntry { action, author, .. } = &entry;
            self.report.add_problem(Remark::new(
                format!(
                    "보관소에 {author}의 이력이 있는 이상 {id}: 다시 만든 데이터베이스에 없습니다. 그때의 규칙이 있는지 확인하세요"
                ),
                format!(
                    "the archive has a {} of {author} for the incident {id}, which the rebuild did not find: check whether the rules of that time are present",
                    action.as_str()
                ),
            ));
            return Ok(());
        };
        if !incident.history.contains(&entry) {
            incident.record(entry);
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
