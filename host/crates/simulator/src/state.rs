//! The state of a running simulation, shared between the requests and the owner.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use config_file::secret::Secret;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::scenario::Scenario;

/// The value at `data` of each secret. The key is `ID` or `ID@VERSION`.
pub(crate) type SecretValues = BTreeMap<String, Value>;

/// State shared between the requests and the owner of a simulation.
pub(crate) struct Shared {
    pub(crate) zone: TimeZone,
    pub(crate) credential_id: Secret,
    pub(crate) credential_secret: Secret,
    cloud: Mutex<CloudState>,
}

/// The mutable state of a running simulation.
pub(crate) struct CloudState {
    pub(crate) scenario: Scenario,
    pub(crate) clock: Clock,
    pub(crate) fault: Fault,
    pub(crate) secrets: SecretValues,
    pub(crate) secret_requests: u64,
}

impl CloudState {
    pub(crate) fn new(scenario: Scenario, clock: Clock) -> Self {
        Self { scenario, clock, fault: Fault::default(), secrets: SecretValues::new(), secret_requests: 0 }
    }
}

impl Shared {
    pub(crate) fn new(zone: TimeZone, credential_id: Secret, credential_secret: Secret, cloud: CloudState) -> Self {
        Self { zone, credential_id, credential_secret, cloud: Mutex::new(cloud) }
    }

    /// Locks the mutable state. A poisoned lock stays valid: every change is a single assignment or push.
    pub(crate) fn cloud(&self) -> MutexGuard<'_, CloudState> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
