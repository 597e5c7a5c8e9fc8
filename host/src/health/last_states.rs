//! The states of the last health check in the state directory: the system log gets a line only for a change.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Check, State};

/// The states of the checks that are not ok, by name, and the start time of the states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastStates {
    since: Timestamp,
    states: BTreeMap<String, String>,
}

impl LastStates {
    /// Stores the present states. Returns the start time of the states if the states have changed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn update(state_dir: &Path, checks: &[Check], now: Timestamp) -> Result<Option<Timestamp>, String> {
        let path = state_dir.join("health.json");
        let not_ok = checks.iter().filter(|check| check.state != State::Ok);
        let states = not_ok.map(|check| (check.name.clone(), check.state.as_str().to_owned())).collect();
        // An unreadable file counts as a change.
        let last = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        if last.as_ref().is_some_and(|last| last.states == states) {
            return Ok(None);
        }
        // A healthy installation without an earlier check is no change.
        let is_first_and_ok = last.is_none() && states.is_empty();
        let present = Self { since: now, states };
        let failed =
            |error: std::io::Error| format!("{}: {error}; each health check prints its result", path.display());
        std::fs::create_dir_all(state_dir).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(state_dir).map_err(failed)?;
        serde_json::to_writer(&mut file, &present).map_err(|error| failed(error.into()))?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok((!is_first_and_ok).then_some(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_of_a_state_is_printed() {
        let folder = tempfile::tempdir().expect("a folder");
        let state_dir = folder.path().join("state");
        let at = |second: i64| Timestamp::from_second(second).expect("a time");
        let update = |states: &[(&str, State)], second| {
            let checks: Vec<Check> =
                states.iter().map(|(name, state)| Check::new(*name, *state, format!("at {second}"))).collect();
            LastStates::update(&state_dir, &checks, at(second)).expect("written")
        };
        assert_eq!(update(&[("store", State::Ok)], 1), None);
        assert_eq!(update(&[("store", State::Critical)], 2), Some(at(2)));
        assert_eq!(update(&[("store", State::Critical)], 3), None, "another message of the same state");
        assert_eq!(update(&[("store", State::Critical), ("disk", State::Warning)], 4), Some(at(4)));
        assert_eq!(update(&[("store", State::Ok), ("disk", State::Ok)], 5), Some(at(5)), "the recovery");
        assert_eq!(update(&[("store", State::Ok)], 6), None);
    }
}
