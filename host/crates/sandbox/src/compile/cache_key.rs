//! The key of a cache entry: a hash of the plugin's bytes and of every other input of the compiled code.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

use crate::limits::Limits;
use crate::meter;

/// The file name of an entry.
#[derive(Debug, Clone)]
pub(crate) struct CacheKey(String);

impl CacheKey {
    /// Returns the key of compiled code.
    pub(crate) fn new(engine: &Engine, plugin_digest: &str) -> Self {
        Self::with_meter(&meter::SOURCES, engine, plugin_digest)
    }

    /// Returns the key for code with a fuel meter made of the given sources.
    pub(crate) fn with_meter(sources: &[&str], engine: &Engine, plugin_digest: &str) -> Self {
        let mut hasher = KeyHasher(Sha256::new());
        // Another release may wrap the same core module differently.
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        sources.hash(&mut hasher);
        plugin_digest.hash(&mut hasher);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self(format!("{}.compiled", hex::encode(hasher.0.finalize())))
    }

    /// Returns the key of a refusal. The limits that apply while a plugin is loaded are part of the key: other limits may
    /// allow the plugin.
    pub(crate) fn of_refusal(engine: &Engine, plugin_digest: &str, limits: &Limits) -> Self {
        Self::with_limits(engine, plugin_digest, limits, "refused")
    }

    /// Returns the key of the last failure for which the plugin is not to blame.
    pub(crate) fn of_failure(engine: &Engine, plugin_digest: &str, limits: &Limits) -> Self {
        Self::with_limits(engine, plugin_digest, limits, "failed")
    }

    /// Returns the key of the result of `describe`.
    pub(crate) fn of_description(engine: &Engine, plugin_digest: &str, limits: &Limits) -> Self {
        Self::with_limits(engine, plugin_digest, limits, "described")
    }

    /// Returns the key of the result of `check-settings`, for the key of a description.
    pub(crate) fn of_settings(&self, settings: &str) -> Self {
        let mut hasher = KeyHasher(Sha256::new());
        self.name().hash(&mut hasher);
        settings.hash(&mut hasher);
        Self(format!("{}.checked", hex::encode(hasher.0.finalize())))
    }

    fn with_limits(engine: &Engine, plugin_digest: &str, limits: &Limits, kind: &str) -> Self {
        let mut hasher = KeyHasher(Sha256::new());
        Self::new(engine, plugin_digest).name().hash(&mut hasher);
        let Limits { compile_seconds, compile_memory_bytes, describe_fuel, .. } = *limits;
        [compile_seconds, compile_memory_bytes, describe_fuel].hash(&mut hasher);
        let Limits { memory_bytes, table_elements, instances, memories, tables, .. } = *limits;
        [memory_bytes, table_elements, instances, memories, tables].hash(&mut hasher);
        [limits.stack_bytes, limits.output_bytes, limits.reason_bytes].hash(&mut hasher);
        Self(format!("{}.{kind}", hex::encode(hasher.0.finalize())))
    }

    /// Returns the file name.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

/// Feeds the engine's hash input into SHA-256, so every build of this program computes the same digest.
struct KeyHasher(Sha256);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("the key is the SHA-256 digest")
    }
}
