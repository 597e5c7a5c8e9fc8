//! Machine code made by this host: the only bytes that run without a check.
//!
//! Machine code cannot be checked, only its origin. A [`MachineCode`] comes from exactly two places: the compiler
//! ([`super::Compiler`]), and a cache entry that no other user could have written ([`super::cache`]).

use wasmtime::Engine;
use wasmtime::component::Component;

/// Code serialized by a compiler of this host.
pub(crate) struct MachineCode(Vec<u8>);

impl MachineCode {
    /// Wraps the result of [`Engine::precompile_component`], made in this process, in a child process or for the cache.
    pub(crate) fn from_this_host(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Loads the code for execution.
    ///
    /// # Errors
    /// The code was compiled by another engine or release.
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(unsafe_code, reason = "machine code cannot be checked, only where it comes from")]
        // SAFETY: `deserialize` runs any bytes, so the bytes must be the output of `precompile_component`.
        //
        // Bytes from the compiler's child came through a pipe, and only the child held the other end. The child is this
        // program: the reader of the pipe started it from `/proc/self/exe`, with no other open file and an environment
        // that chooses no code. The output began with the header that the child writes only before code, and the child
        // then ended with success. To make the child write other bytes, a plugin would have to take over the compiler.
        // Without a child, the compiler would run in this process. So the child limits the resources of compiling and
        // adds no trust.
        //
        // Bytes from the cache were read once, from a file opened below a directory handle. File and directory belonged
        // to this user, neither group nor others could write to them, and the bytes matched the stored digest. Only
        // processes of this user and root could have written them; both can also change this program.
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}
