//! Machine code made by this host: the only bytes that a worker runs.
//!
//! Machine code cannot be checked, only its origin. A [`MachineCode`] comes from exactly two places: the compiler
//! ([`crate::Isolation::compile`]), and a cache entry that no other user could have written ([`super::cache`]).

use std::sync::Arc;

/// Code serialized by a compiler of this host. This process does not map the code.
#[derive(Clone)]
pub(crate) struct MachineCode(Arc<Vec<u8>>);

impl MachineCode {
    /// Wraps the result of [`Engine::precompile_component`](wasmtime::Engine::precompile_component), made in this process,
    /// in a child process or for the cache.
    pub(crate) fn from_this_host(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
