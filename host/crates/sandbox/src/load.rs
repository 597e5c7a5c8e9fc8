//! Turns an [`Artifact`] into a [`Detector`]: recognises the form, compiles, starts a worker and calls `describe`.
//!
//! Any bytes give either a detector or a [`LoadError`]. The cache remembers the result of `describe`, the failures that
//! the bytes prove, and the last failure of the machine. Does not fit or judge.

mod componentize;
mod error;
mod inspect;
mod record;
mod sandbox;

use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};

use crate::artifact::Artifact;
use crate::compile::cache::CachedCode;
use crate::compile::pool::INSTANCE_BYTES;
use crate::compile::{CacheKey, CompileError, CompileRefusal, MachineCode};
use crate::contract;
use crate::detector::Detector;
use crate::failure::CallError;
use crate::inspection::InspectedFile;
use crate::limits::Limits;
use crate::manifest::json_shape::{self, SCHEMA_LEVELS};
use crate::manifest::{Manifest, packed};
use crate::protocol::{LoadedPlugin, SetupFault};
use crate::run::time_account::TimeAccount;
use crate::run::{Image, Plugin, ReferenceFolder};
use crate::stop::is_stopped;
use crate::text;

use self::record::RecordKeys;
use crate::stored_results::{DescribedCode, StoredResults};

pub use self::error::{FaultClass, LoadError, LoadFault};
pub use self::inspect::{CoreModuleError, InspectError, InspectFault};
pub use self::record::{Prospect, StoredRefusal, TransientFailure};
pub use self::sandbox::Sandbox;

/// Permissions of a plugin beyond the input of a call, granted by the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// The folder with the files readable through `reference.read`.
    pub reference: Option<PathBuf>,
}

/// The accepted name of a plugin.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ExpectedName<'a> {
    Exactly(&'a str),
    Any,
}

/// A plugin with the description of an earlier run, or with a first worker.
struct Prepared<'a> {
    plugin: Plugin,
    manifest: Option<Manifest>,
    /// The turn of a plugin with a first worker.
    turn: Option<MutexGuard<'a, ()>>,
}

/// The code of a plugin with a first worker.
struct Started<'a> {
    image: Arc<Image>,
    loaded: LoadedPlugin,
    turn: MutexGuard<'a, ()>,
}

impl Sandbox {
    /// Loads the plugin with the given name. Takes the compiled code and the result of `describe` from the
    /// cache, or compiles and calls `describe`.
    ///
    /// # Errors
    /// The file is not a plugin, needs a missing grant, is built for another contract, or declares another name.
    pub fn load(&self, name: &str, artifact: &Artifact, grants: &Grants) -> Result<Detector, LoadError> {
        self.load_named(ExpectedName::Exactly(name), artifact, grants)
    }

    /// Loads a plugin with any declared name.
    ///
    /// # Errors
    /// See [`Self::load`].
    pub fn load_any(&self, artifact: &Artifact, grants: &Grants) -> Result<Detector, LoadError> {
        self.load_named(ExpectedName::Any, artifact, grants)
    }

    fn load_named(&self, name: ExpectedName<'_>, artifact: &Artifact, grants: &Grants) -> Result<Detector, LoadError> {
        self.load_unlocated(name, artifact, grants).map_err(|fault| LoadError { path: artifact.path.clone(), fault })
    }

    /// Loads a plugin. The error is without the path.
    fn load_unlocated(
        &self,
        name: ExpectedName<'_>,
        artifact: &Artifact,
        grants: &Grants,
    ) -> Result<Detector, LoadFault> {
        // Refuses other file types without starting a compiler process.
        contract::encoding(&artifact.bytes)?;
        let expected_name = match name {
            ExpectedName::Exactly(name) => name.to_owned(),
            ExpectedName::Any => artifact.stem(),
        };
        let keys = self.record_keys(artifact);
        if let Some(refusal) = self.cache.as_ref().and_then(|cache| keys.refusal(cache, &expected_name)) {
            return Err(LoadFault::CachedRefusal(refusal));
        }
        let prepared = self.prepare(&expected_name, artifact, grants);
        // With reference data, the result of `describe` may depend on files that can change.
        let is_described_by_bytes = prepared.as_ref().map_or(true, |prepared| prepared.plugin.reference.is_none());
        let loaded = prepared.and_then(|prepared| self.detector(prepared, name, artifact));
        match &loaded {
            // The end of the run proves nothing about the plugin.
            Err(_) if is_stopped() => {}
            Err(fault) if is_described_by_bytes || fault.class() == FaultClass::Transient => {
                self.remember(&keys, Some(fault));
            }
            _ => self.remember(&keys, None),
        }
        loaded
    }

    /// Returns the prospect of the plugin in the next run, from the stored results of earlier runs. The plugin is neither
    /// compiled nor called. Without a cache, the prospect is [`Prospect::FirstLoad`].
    pub fn prospect(&self, name: &str, artifact: &Artifact) -> Prospect {
        let Some(cache) = &self.cache else { return Prospect::FirstLoad };
        let keys = self.record_keys(artifact);
        if let Some(refusal) = keys.refusal(cache, name) {
            return Prospect::Refused(refusal);
        }
        match keys.failure(cache) {
            Some(failure) => Prospect::Retried(failure),
            None if cache.has_code(&self.code_key(artifact)) => Prospect::Runs,
            None => Prospect::FirstLoad,
        }
    }

    fn record_keys(&self, artifact: &Artifact) -> RecordKeys {
        RecordKeys::new(&self.engine, &artifact.digest, &self.limits)
    }

    /// Stores the result of a load for later runs. Without the record, each run would spend the time again.
    fn remember(&self, keys: &RecordKeys, fault: Option<&LoadFault>) {
        if let Some(cache) = &self.cache {
            keys.store(cache, fault);
        }
    }

    /// Takes the compiled code and the description from the cache. Otherwise takes the code from the cache or compiles, and
    /// starts a worker.
    fn prepare(&self, expected_name: &str, artifact: &Artifact, grants: &Grants) -> Result<Prepared<'_>, LoadFault> {
        if let Some(DescribedCode { manifest, code }) = self.described_code(artifact) {
            self.workers.check_required_jail()?;
            let plugin = self.plugin(expected_name, Arc::new(Image::new(code)), None);
            return Ok(Prepared { plugin, manifest: Some(manifest), turn: None });
        }
        let Started { image, loaded, turn } = self.start(artifact)?;
        let reference = self.reference(loaded, expected_name, grants)?;
        Ok(Prepared { plugin: self.plugin(expected_name, image, reference), manifest: None, turn: Some(turn) })
    }

    fn plugin(&self, name: &str, image: Arc<Image>, reference: Option<Arc<ReferenceFolder>>) -> Plugin {
        Plugin {
            name: name.into(),
            image,
            limits: Arc::clone(&self.limits),
            reference,
            workers: Arc::clone(&self.workers),
            time: TimeAccount::new(self.limits.all_calls_seconds()),
        }
    }

    /// Returns the detector of a plugin with the expected name. Calls `describe` if the cache has no description.
    fn detector(
        &self,
        prepared: Prepared<'_>,
        name: ExpectedName<'_>,
        artifact: &Artifact,
    ) -> Result<Detector, LoadFault> {
        // The turn lasts until the plugin is described.
        let Prepared { plugin, manifest, turn: _turn } = prepared;
        let code_key = self.code_key(artifact);
        let stored = self.stored_results(artifact).filter(|_| plugin.reference.is_none());
        let manifest = match manifest {
            Some(manifest) => manifest,
            None => {
                let manifest = self.describe(&plugin, artifact)?;
                if let Some(stored) = &stored {
                    stored.put_description(&manifest, &code_key, plugin.image.code());
                }
                manifest
            }
        };
        if let ExpectedName::Exactly(expected) = name
            && manifest.name != expected
        {
            return Err(LoadFault::Name { expected: expected.to_owned(), declared: manifest.name });
        }
        let digest = artifact.digest.clone();
        let cache_entry = code_key.name().to_owned();
        Ok(Detector { manifest, digest, cache_entry, plugin, stored, batching: self.batching })
    }

    /// Calls `describe` and checks the manifest.
    fn describe(&self, plugin: &Plugin, artifact: &Artifact) -> Result<Manifest, LoadFault> {
        let manifest = checked_manifest(plugin.describe().map_err(LoadFault::Describe)?, &self.limits)?;
        // A packed manifest is read without running the plugin, so it must agree with `describe`.
        let inspection = self.workers.inspect(&artifact.bytes)?.and_then(InspectedFile::checked)?;
        match inspection.manifest.and_then(|packed| packed.difference(&manifest)) {
            Some(difference) => Err(LoadFault::PackedManifest(difference)),
            None => Ok(manifest),
        }
    }

    fn code_key(&self, artifact: &Artifact) -> CacheKey {
        CacheKey::new(&self.engine, &artifact.digest)
    }

    /// Returns the results of earlier runs about a plugin without reference data; `None` without a cache.
    fn stored_results(&self, artifact: &Artifact) -> Option<StoredResults> {
        let description = CacheKey::of_description(&self.engine, &artifact.digest, &self.limits);
        Some(StoredResults::new(Arc::clone(self.cache.as_ref()?), description))
    }

    fn described_code(&self, artifact: &Artifact) -> Option<DescribedCode> {
        self.stored_results(artifact)?.described_code(&self.code_key(artifact))
    }

    /// Starts a worker with the code from the cache, or with freshly compiled code.
    fn start(&self, artifact: &Artifact) -> Result<Started<'_>, LoadFault> {
        let key = self.code_key(artifact);
        if let Some(CachedCode { code, .. }) = self.cache.as_ref().and_then(|cache| cache.get(&key)) {
            match self.start_worker(code) {
                Err(SetupFault::UnusableCode(error)) => {
                    tracing::warn!(entry = key.name(), error, "a cached plugin is compiled again");
                }
                started => return started.map_err(LoadFault::from),
            }
        }
        let code = self.isolation.compile(&self.engine, &self.limits, &artifact.bytes)?;
        let cached = self.cache.as_ref().map(|cache| (cache, code.clone()));
        let started = self.start_worker(code);
        // Stored even if the contract is broken: a load under another name or with another grant uses the code.
        if let Some((cache, code)) = cached
            && matches!(started, Ok(_) | Err(SetupFault::Invalid(_)))
        {
            cache.put(&key, &code);
        }
        started.map_err(LoadFault::from)
    }

    /// Starts the first worker of a plugin, after the turn of another plugin.
    fn start_worker(&self, code: MachineCode) -> Result<Started<'_>, SetupFault> {
        // A turn has no data that a panic could damage.
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let image = Arc::new(Image::new(code));
        let loaded = self.workers.load(&image)?;
        Ok(Started { image, loaded, turn })
    }

    /// Opens the granted reference data of a plugin that imports `reference`.
    fn reference(
        &self,
        loaded: LoadedPlugin,
        name: &str,
        grants: &Grants,
    ) -> Result<Option<Arc<ReferenceFolder>>, LoadFault> {
        if !loaded.imports_reference {
            return Ok(None);
        }
        let Some(folder) = &grants.reference else { return Err(LoadFault::NotGranted { name: name.to_owned() }) };
        let opened = ReferenceFolder::open(folder, self.limits.reference_bytes);
        match opened {
            Ok(opened) => Ok(Some(Arc::new(opened))),
            Err(error) => Err(LoadFault::ReferenceFolder { folder: folder.clone(), error }),
        }
    }
}

impl From<SetupFault> for LoadFault {
    fn from(fault: SetupFault) -> Self {
        match fault {
            SetupFault::Host(message) => Self::Host(CallError::Host(message)),
            SetupFault::Invalid(invalid) => Self::Invalid(invalid),
            SetupFault::InstanceSize => Self::Compile(CompileRefusal::InstanceSize(INSTANCE_BYTES).into()),
            SetupFault::TooLarge(text) => Self::Compile(CompileRefusal::TooLarge(text).into()),
            SetupFault::UnusableCode(text) => Self::Compile(CompileError::unusable_code(&text)),
        }
    }
}

fn checked_manifest(described: Manifest, limits: &Limits) -> Result<Manifest, LoadFault> {
    let plain = |text| text::single_line(text::truncated(text, limits.reason_bytes));
    if described.settings_schema.len() > packed::LIMIT_BYTES {
        return Err(LoadFault::LargeSchema { bytes: described.settings_schema.len(), limit: packed::LIMIT_BYTES });
    }
    json_shape::check(described.settings_schema.as_bytes(), SCHEMA_LEVELS).map_err(LoadFault::SchemaShape)?;
    if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&described.settings_schema) {
        return Err(LoadFault::SettingsSchema(error.to_string()));
    }
    Ok(Manifest {
        name: plain(described.name),
        version: plain(described.version),
        summary: plain(described.summary),
        ..described
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Scope;

    #[test]
    fn a_large_schema_is_refused_before_it_is_parsed() {
        let described = Manifest {
            name: "large".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            settings_schema: "[".repeat(packed::LIMIT_BYTES + 1),
            min_points: 1,
            scope: Scope::Each,
        };
        let refused = checked_manifest(described, &Limits::default()).expect_err("refused");
        insta::assert_snapshot!(refused, @"`describe` returned a settings schema of 1048577 bytes, more than 1048576");
    }
}
