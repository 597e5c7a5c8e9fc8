//! The entries of people in the history of an incident.

use model::incident::{Action, HistoryEntry, Incident, IncidentState};
use store::{IncidentWrite, Store, StoreError};

use crate::config::StoreConfig;

/// An entry that was not added.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    #[error("incident {0} was taken back, since the bill was corrected: there is nothing to decide")]
    Retracted(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds an entry. The caller holds the write lease. Receivers are notified of a new level by the next run, which also
/// archives the entry.
///
/// # Errors
/// The entry decides about a retracted incident, or the store cannot be written.
pub(crate) async fn add(
    store: &Store,
    config: &StoreConfig,
    mut incident: Incident,
    entry: HistoryEntry,
) -> Result<Incident, EntryError> {
    let is_decision = matches!(entry.action, Action::Decision(_));
    if is_decision && incident.state == IncidentState::Retracted {
        return Err(EntryError::Retracted(incident.id));
    }
    let now = entry.at;
    incident.record(entry);
    let settled = incident.is_settled(receivers_of(config, &incident), config.renotify_factor);
    store.put_incidents(&[IncidentWrite { incident: incident.clone(), is_settled: settled }], now).await?;
    if is_decision {
        store.put_anomaly_status(&incident, now).await?;
    }
    Ok(incident)
}

/// Returns the names of the receivers that get an incident.
fn receivers_of<'c>(config: &'c StoreConfig, incident: &'c Incident) -> impl Iterator<Item = &'c str> {
    let names = config.receivers.iter().map(|receiver| receiver.name.as_str());
    names.filter(|name| config.routing.is_routed(name, incident))
}
