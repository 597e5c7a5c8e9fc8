//! The sandbox: the limits, the isolation, the cache and the workers, shared by all plugins.

use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use wasmtime::Engine;

use crate::compile::cache::CodeCache;
use crate::compile::engine::compiler_engine;
use crate::compile::pool::check_addresses;
use crate::compile::{CacheKey, SandboxError};
use crate::isolation::Isolation;
use crate::jail::Jail;
use crate::limits::Limits;
use crate::run::Workers;
use crate::run::batch::{BATCH_SERIES, Batching};

/// Loads plugins under a common set of limits.
pub struct Sandbox {
    /// An engine that neither compiles nor runs, for the keys of the cache.
    pub(crate) engine: Engine,
    pub limits: Arc<Limits>,
    pub(crate) cache: Option<Arc<CodeCache>>,
    pub(super) isolation: Isolation,
    pub(crate) batching: Batching,
    pub(super) workers: Arc<Workers>,
    /// The turn of a plugin from its first worker to its description. A worker ends before another plugin is loaded.
    pub(super) turn: Mutex<()>,
}

impl Sandbox {
    /// Creates a sandbox. Compiled plugins and refusals are cached in the directory; an absent directory is created.
    /// Without a directory, every load compiles. Each core runs a worker at most.
    ///
    /// # Errors
    /// The engine cannot keep the limits, e.g. a stack above 2 MiB, or a process may not reserve the addresses of a
    /// single instance. An unusable cache is not an error: the sandbox logs a warning and works without a cache.
    pub fn new(limits: Limits, cache_directory: Option<PathBuf>, isolation: Isolation) -> Result<Self, SandboxError> {
        let cache = cache_directory.and_then(|directory| open_cache(&directory));
        Self::with_cache(limits, cache, isolation)
    }

    /// Creates a sandbox that uses the cache of the runs and writes nothing, so that a load has the result of the next
    /// run. An absent directory counts as an empty cache.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn read_only(limits: Limits, cache_directory: &Path, isolation: Isolation) -> Result<Self, SandboxError> {
        Self::with_cache(limits, read_cache(cache_directory), isolation)
    }

    fn with_cache(limits: Limits, cache: Option<CodeCache>, isolation: Isolation) -> Result<Self, SandboxError> {
        check_addresses(&limits)?;
        let engine = compiler_engine(&limits).map_err(|error| SandboxError::Limits(format!("{error:#}")))?;
        let limits = Arc::new(limits);
        Ok(Self {
            engine,
            cache: cache.map(Arc::new),
            isolation: isolation.clone(),
            batching: Batching {
                series: BATCH_SERIES,
                threads: thread::available_parallelism().map_or(1, NonZero::get),
            },
            workers: Arc::new(Workers::new(Arc::clone(&limits), isolation)?),
            turn: Mutex::default(),
            limits,
        })
    }

    /// Returns the jail of workers. Starts a worker without a plugin if no worker was started before. Returns nothing if
    /// workers are no processes or cannot be started.
    pub fn jail(&self) -> Option<Jail> {
        self.workers.jail()
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
