//! Turns an [`Artifact`] into a [`Detector`]: recognises the form, compiles, checks the contract and calls `describe`.
//!
//! Any bytes give either a detector or a [`LoadError`]. The cache remembers the failures that the bytes prove, and the
//! last failure of the machine. Does not fit or judge.

mod componentize;
mod error;
mod record;
mod sandbox;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wasmtime::component::{Component, InstancePre, Linker};

use crate::artifact::Artifact;
use crate::bindings::{self, PluginWithReferenceIndices};
use crate::compile::{CacheKey, CompileError, STACK_BYTES};
use crate::contract::{self, ContractUse};
use crate::detector::Detector;
use crate::failure::CallError;
use crate::failure::system_error;
use crate::limits::Limits;
use crate::manifest::{Manifest, Scope, packed};
use crate::run::{self, FuelGauge, HOST_STACK_BYTES, LinkedPlugin, ReferenceFolder, StoreData, run_on_thread};
use crate::{meter, text};

use self::record::RecordKeys;

pub use self::error::{FaultClass, LoadError, LoadFault};
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

/// Attempts and pause while the kernel is busy.
const BUSY_ATTEMPTS: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(5);

impl Sandbox {
    /// Loads the plugin with the given name. Takes the compiled code from the cache or compiles, then calls `describe`.
    ///
    /// # Errors
    /// The file is not a plugin, needs a missing grant, is built for another contract, or declares another name.
    pub fn load(&self, name: &str, artifact: &Artifact, grants: &Grants) -> Result<Detector, LoadError> {
        self.load_on_thread(ExpectedName::Exactly(name), artifact, grants)
    }

    /// Loads a plugin with any declared name.
    ///
    /// # Errors
    /// See [`Self::load`].
    pub fn load_any(&self, artifact: &Artifact, grants: &Grants) -> Result<Detector, LoadError> {
        self.load_on_thread(ExpectedName::Any, artifact, grants)
    }

    fn load_on_thread(
        &self,
        name: ExpectedName<'_>,
        artifact: &Artifact,
        grants: &Grants,
    ) -> Result<Detector, LoadError> {
        let stack = STACK_BYTES + self.limits.stack_bytes + HOST_STACK_BYTES;
        let thread = thread::Builder::new().name("loader".to_owned()).stack_size(stack);
        run_on_thread(thread, || self.load_here(name, artifact, grants))
            .unwrap_or_else(|error| {
                let fault = LoadFault::Host(error);
                self.remember(&self.record_keys(artifact), Some(&fault));
                Err(fault)
            })
            .map_err(|fault| LoadError { path: artifact.path.clone(), fault })
    }

    /// Loads on the calling thread, which needs enough stack.
    pub(crate) fn load_here(
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
        let is_described_by_bytes = prepared.as_ref().map_or(true, |plugin| plugin.reference.is_none());
        let loaded = prepared.and_then(|plugin| self.describe(plugin, name, artifact));
        match &loaded {
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
            None if cache.has_code(&CacheKey::new(&self.engine, &artifact.digest)) => Prospect::Runs,
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

    /// Takes the compiled code from the cache or compiles, checks the contract and links the imports.
    fn prepare(&self, expected_name: &str, artifact: &Artifact, grants: &Grants) -> Result<LinkedPlugin, LoadFault> {
        let component = self.component(&CacheKey::new(&self.engine, &artifact.digest), artifact)?;
        let contract = contract::check(&self.engine, &component, meter::is_meter_import)?;
        let reference = self.reference(&contract, expected_name, grants)?;
        prepare_memory_images(&component);
        let instance = self.link(&component, &contract)?;
        Ok(LinkedPlugin {
            name: expected_name.into(),
            indices: PluginWithReferenceIndices::new(&instance).map_err(|error| contract.type_error(&error))?,
            instance,
            fuel_gauge: FuelGauge::of(&component),
            limits: Arc::clone(&self.limits),
            reference,
            slots: Arc::clone(&self.slots),
        })
    }

    /// Calls `describe` and checks the manifest.
    fn describe(
        &self,
        plugin: LinkedPlugin,
        name: ExpectedName<'_>,
        artifact: &Artifact,
    ) -> Result<Detector, LoadFault> {
        let manifest = checked_manifest(plugin.describe().map_err(LoadFault::Describe)?, &self.limits)?;
        if let ExpectedName::Exactly(expected) = name
            && manifest.name != expected
        {
            return Err(LoadFault::Name { expected: expected.to_owned(), declared: manifest.name });
        }
        // A packed manifest is read without running the plugin, so it must agree with `describe`.
        if let Some(packed) = packed::read(&artifact.bytes)?
            && let Some(difference) = packed.difference(&manifest)
        {
            return Err(LoadFault::PackedManifest(difference));
        }
        let cache_entry = CacheKey::new(&self.engine, &artifact.digest).name().to_owned();
        Ok(Detector { manifest, digest: artifact.digest.clone(), cache_entry, plugin, batching: self.batching })
    }

    /// Returns the code from the cache, or compiles.
    fn component(&self, key: &CacheKey, artifact: &Artifact) -> Result<Component, LoadFault> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.get(&self.engine, key)) {
            return Ok(component);
        }
        let code = self.compiler.compile(&self.engine, &self.limits, &artifact.bytes)?;
        let component = code.load(&self.engine).map_err(|error| CompileError::unusable_code(&error))?;
        // Stored before the remaining checks: a load under another name or with another grant uses the code.
        if let Some(cache) = &self.cache {
            cache.put(key, &code);
        }
        Ok(component)
    }

    /// Opens the granted reference data of a plugin that imports `reference`.
    fn reference(
        &self,
        contract: &ContractUse,
        name: &str,
        grants: &Grants,
    ) -> Result<Option<Arc<ReferenceFolder>>, LoadFault> {
        if !contract.imports_reference {
            return Ok(None);
        }
        let Some(folder) = &grants.reference else { return Err(LoadFault::NotGranted { name: name.to_owned() }) };
        let opened = ReferenceFolder::open(folder, self.limits.reference_bytes);
        match opened {
            Ok(opened) => Ok(Some(Arc::new(opened))),
            Err(error) => Err(LoadFault::ReferenceFolder { folder: folder.clone(), error }),
        }
    }

    fn link(&self, component: &Component, contract: &ContractUse) -> Result<InstancePre<StoreData>, LoadFault> {
        let mut linker = Linker::new(&self.engine);
        let linked = run::link(&mut linker, contract).and_then(|()| linker.instantiate_pre(component));
        linked.map_err(|error| match system_error(&error) {
            Some(message) => LoadFault::Host(CallError::Host(message)),
            None => contract.type_error(&error).into(),
        })
    }
}

/// Prepares the initial memory images of a plugin. The kernel cannot seal a page while it moves the page, and reports
/// EBUSY. The plugin is not at fault, so the function retries. The first call of the plugin reports a persistent error.
fn prepare_memory_images(component: &Component) {
    let is_busy = |error: &wasmtime::Error| {
        let cause = error.root_cause().downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::ResourceBusy)
    };
    for _ in 0..BUSY_ATTEMPTS {
        match component.initialize_copy_on_write_image() {
            Err(error) if is_busy(&error) => thread::sleep(BUSY_PAUSE),
            _ => return,
        }
    }
}

fn checked_manifest(described: bindings::Manifest, limits: &Limits) -> Result<Manifest, LoadFault> {
    let plain = |text| text::single_line(text::truncated(text, limits.reason_bytes));
    if described.settings_schema.len() > packed::LIMIT_BYTES {
        return Err(LoadFault::LargeSchema { bytes: described.settings_schema.len(), limit: packed::LIMIT_BYTES });
    }
    if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&described.settings_schema) {
        return Err(LoadFault::SettingsSchema(error.to_string()));
    }
    Ok(Manifest {
        name: plain(described.name),
        version: plain(described.version),
        summary: plain(described.summary),
        settings_schema: described.settings_schema,
        min_points: described.min_points,
        scope: match described.scope {
            bindings::Scope::Each => Scope::Each,
            bindings::Scope::Group => Scope::Group,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_schema_is_refused_before_it_is_parsed() {
        let described = bindings::Manifest {
            name: "large".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            settings_schema: "[".repeat(packed::LIMIT_BYTES + 1),
            min_points: 1,
            scope: bindings::Scope::Each,
        };
        let refused = checked_manifest(described, &Limits::default()).expect_err("refused");
        insta::assert_snapshot!(refused, @"`describe` returned a settings schema of 1048577 bytes, more than 1048576");
    }
}
