//! The sandbox: an engine, the limits, the compiler and the cache, shared by all plugins.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use wasmtime::Engine;

use crate::compile::cache::CodeCache;
use crate::compile::{CacheKey, Compiler, engine};
use crate::limits::Limits;
use crate::run::Slots;
use crate::run::batch::Batching;

/// Loads plugins under a common set of limits.
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub limits: Arc<Limits>,
    pub(crate) cache: Option<CodeCache>,
    pub(super) compiler: Compiler,
    pub(super) batching: Batching,
    pub(super) slots: Arc<Slots>,
}

/// Series in a batch: enough to hide the cost of an instance, with data that fits into the processor's cache.
const BATCH_SERIES: usize = 256;
/// Simultaneous instances per core: an instance of a running batch, and an instance for loading a plugin or checking
/// settings.
const SLOTS_PER_CORE: usize = 2;

impl Sandbox {
    /// Creates a sandbox. Compiled plugins are cached in the directory; an absent directory is created. Without a
    /// directory, every load compiles.
    ///
    /// # Errors
    /// The engine cannot keep the limits, e.g. a stack above 2 MiB. An unusable cache is not an error: the sandbox logs
    /// a warning and works without a cache.
    pub fn new(limits: Limits, cache_directory: Option<PathBuf>, compiler: Compiler) -> Result<Self, SandboxError> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let slots = threads * SLOTS_PER_CORE;
        let engine = engine::pooled_engine(&limits, slots).map_err(|error| SandboxError(format!("{error:#}")))?;
        Ok(Self {
            engine,
            limits: Arc::new(limits),
            cache: cache_directory.and_then(|directory| open_cache(&directory)),
            compiler,
            batching: Batching { series: BATCH_SERIES, threads },
            slots: Arc::new(Slots::new(slots)),
        })
    }

    /// Returns the engine, for tests of the fuel meter.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Moves the compiled code in the cache from a plugin to another plugin with the same code.
    pub fn move_cached_code(&self, from_digest: &str, to_digest: &str) {
        if let Some(cache) = &self.cache {
            cache.rename(&CacheKey::new(&self.engine, from_digest), &CacheKey::new(&self.engine, to_digest));
        }
    }

    /// Removes the oldest compiled plugins until the cache takes at most `bytes` bytes.
    pub fn shrink_cache(&self, bytes: u64) {
        if let Some(Err(error)) = self.cache.as_ref().map(|cache| cache.shrink(bytes)) {
            tracing::warn!(%error, "old compiled plugins are not removed");
        }
    }
}

fn open_cache(directory: &Path) -> Option<CodeCache> {
    match CodeCache::open(directory) {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::warn!(directory = %directory.display(), %error, "compiled plugins are not stored");
            None
        }
    }
}

/// The error of creating a sandbox.
#[derive(Debug, thiserror::Error)]
#[error("plugins cannot be run under these limits ([plugins.limits]): {0}")]
pub struct SandboxError(String);
