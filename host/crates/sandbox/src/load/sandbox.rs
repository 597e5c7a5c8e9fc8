//! The sandbox: an engine, the limits, the compiler and the cache, shared by all plugins.

use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use wasmtime::Engine;

use crate::compile::cache::CodeCache;
use crate::compile::pool::{PoolSize, PooledEngine, pooled_engine};
use crate::compile::{CacheKey, Compiler, SandboxError};
use crate::limits::Limits;
use crate::run::batch::Batching;
use crate::run::{Slots, start_clock};

/// Loads plugins under a common set of limits.
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub limits: Arc<Limits>,
    pub(crate) cache: Option<CodeCache>,
    pub(super) compiler: Compiler,
    pub(crate) batching: Batching,
    pub(super) slots: Arc<Slots>,
}

/// Series in a batch: enough to hide the cost of an instance, with data that fits into the processor's cache.
const BATCH_SERIES: usize = 256;
/// Simultaneous instances per core: an instance of a running batch, and an instance for loading a plugin or checking
/// settings.
const SLOTS_PER_CORE: usize = 2;

impl Sandbox {
    /// Creates a sandbox. Compiled plugins and refusals are cached in the directory; an absent directory is created.
    /// Without a directory, every load compiles.
    ///
    /// If the process may not reserve enough addresses for an instance on each core, the sandbox runs fewer instances at
    /// the same time. The results are the same.
    ///
    /// # Errors
    /// The engine cannot keep the limits, e.g. a stack above 2 MiB, or the process may not reserve the addresses of a
    /// single instance. An unusable cache is not an error: the sandbox logs a warning and works without a cache.
    pub fn new(limits: Limits, cache_directory: Option<PathBuf>, compiler: Compiler) -> Result<Self, SandboxError> {
        let cache = cache_directory.and_then(|directory| open_cache(&directory));
        Self::with_cache(limits, cache, compiler)
    }

    /// Creates a sandbox that uses the cache of the runs and writes nothing, so that a load has the result of the next
    /// run. An absent directory counts as an empty cache.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn read_only(limits: Limits, cache_directory: &Path, compiler: Compiler) -> Result<Self, SandboxError> {
        Self::with_cache(limits, read_cache(cache_directory), compiler)
    }

    fn with_cache(limits: Limits, cache: Option<CodeCache>, compiler: Compiler) -> Result<Self, SandboxError> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let wanted = threads * SLOTS_PER_CORE;
        let PooledEngine { engine, size } = pooled_engine(&limits, wanted)?;
        start_clock(&engine).map_err(|error| SandboxError::Thread(error.to_string()))?;
        if size != PoolSize::full(&limits, wanted) {
            tracing::info!(
                instances = size.slots,
                wanted,
                memories = size.memories,
                "the limit of addresses (RLIMIT_AS) is low: fewer plugins run at the same time"
            );
        }
        Ok(Self {
            engine,
            limits: Arc::new(limits),
            cache,
            compiler,
            batching: Batching { series: BATCH_SERIES, threads: threads.min(size.slots) },
            slots: Arc::new(Slots::new(size.slots)),
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

fn read_cache(directory: &Path) -> Option<CodeCache> {
    match CodeCache::open_to_read(directory) {
        Ok(cache) => Some(cache),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(directory = %directory.display(), %error, "compiled plugins are not used");
            None
        }
    }
}
