//! The results of earlier loads, stored in the cache: refusals that the bytes of a plugin prove, and the last failure for
//! which the plugin is not to blame.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FaultClass, LoadFault};
use crate::compile::CacheKey;
use crate::compile::cache::CodeCache;
use crate::limits::Limits;
use crate::text;

/// A refusal of an earlier run. The same bytes give the same refusal under the same limits and the same release, so a
/// run refuses the plugin without compiling or calling the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRefusal {
    message: String,
    /// Advice for the author of the plugin, or an empty text.
    advice: String,
    /// The name in the rules, if the refusal is a mismatch of names.
    expected_name: Option<String>,
}

/// The last failure for which the plugin is not to blame. The next run tries again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransientFailure {
    /// Time of the failure.
    pub at: Timestamp,
    /// The cause, without the path of the plugin.
    pub message: String,
}

/// The prospect of a plugin in the next run, according to the stored results of earlier runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prospect {
    /// The compiled code is stored, and the last load succeeded.
    Runs,
    /// No run has loaded these bytes under these limits. The next run compiles the plugin.
    FirstLoad,
    /// The next run refuses the plugin without an attempt.
    Refused(StoredRefusal),
    /// The last attempt failed for a reason outside the plugin. The next run tries again.
    Retried(TransientFailure),
}

/// The stored form of a [`TransientFailure`]. The time is the time of the write.
#[derive(Serialize, Deserialize)]
struct StoredFailure {
    message: String,
}

/// The keys of the records about a plugin.
pub(super) struct RecordKeys {
    refusal: CacheKey,
    failure: CacheKey,
}

impl StoredRefusal {
    fn new(fault: &LoadFault) -> Self {
        let expected_name = match fault {
            LoadFault::Name { expected, .. } => Some(expected.clone()),
            _ => None,
        };
        Self { message: fault.to_string(), advice: fault.advice().to_owned(), expected_name }
    }

    /// Returns advice for the author of the plugin; empty if the message is sufficient.
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// Returns true unless the refusal is a mismatch with another name than the given one.
    fn applies_to(&self, name: &str) -> bool {
        self.expected_name.as_deref().is_none_or(|expected| expected == name)
    }
}

impl fmt::Display for StoredRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Prospect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runs => f.write_str("the next run uses the compiled plugin"),
            Self::FirstLoad => f.write_str("the next run compiles the plugin for the first time"),
            Self::Refused(refusal) => write!(f, "the next run refuses the plugin without an attempt: {refusal}"),
            Self::Retried(TransientFailure { at, message }) => {
                write!(f, "the last run could not load the plugin ({message}; at {at:.0}): the next run tries again")
            }
        }
    }
}

impl RecordKeys {
    pub(super) fn new(engine: &wasmtime::Engine, digest: &str, limits: &Limits) -> Self {
        Self {
            refusal: CacheKey::of_refusal(engine, digest, limits),
            failure: CacheKey::of_failure(engine, digest, limits),
        }
    }

    /// Returns the stored refusal of the plugin with the given name in the rules.
    pub(super) fn refusal(&self, cache: &CodeCache, name: &str) -> Option<StoredRefusal> {
        cache.record(&self.refusal).filter(|refusal: &StoredRefusal| refusal.applies_to(name))
    }

    /// Returns the last transient failure, unless a later load had another result.
    pub(super) fn failure(&self, cache: &CodeCache) -> Option<TransientFailure> {
        let StoredFailure { message } = cache.record(&self.failure)?;
        Some(TransientFailure { at: cache.written(&self.failure)?, message: text::single_line(message) })
    }

    /// Stores the result of a load in place of the earlier result.
    pub(super) fn store(&self, cache: &CodeCache, fault: Option<&LoadFault>) {
        match fault.map(|fault| (fault.class(), fault)) {
            Some((FaultClass::Transient, fault)) => {
                cache.put_record(&self.failure, &StoredFailure { message: fault.to_string() });
                return;
            }
            Some((FaultClass::Bytes, fault)) if !matches!(fault, LoadFault::CachedRefusal(_)) => {
                cache.put_record(&self.refusal, &StoredRefusal::new(fault));
            }
            _ => {}
        }
        cache.remove(&self.failure);
    }
}
