//! Machine code that this host made itself: the one kind of bytes that is run without being checked.
//!
//! Machine code cannot be checked, only where it comes from. So there are two ways to a [`Compiled`] and no third: from
//! the compiler ([`super::compile`]), and from an entry of the cache that nobody else could have written
//! ([`super::cache`]).

use wasmtime::Engine;
use wasmtime::component::Component;

/// What a compiler of this host serialized.
pub(super) struct Compiled(Vec<u8>);

impl Compiled {
    /// Bytes that [`Engine::precompile_component`] gave, here, in a child of this process, or for the cache.
    pub(super) fn by_this_host(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The code, ready to be run. Code of another engine or release is an error.
    pub(super) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(unsafe_code, reason = "machine code cannot be checked, only where it comes from")]
        // SAFETY: `deserialize` runs whatever bytes it is given, so they must be what `precompile_component` wrote.
        //
        // Those of the compiler's child came through a pipe whose other end no process had but that child: this very
        // program, started from `/proc/self/exe` by the loader that reads it, with no other file open and nothing in its
        // environment that chooses code. They began with the line that it writes before code and nowhere else, and it
        // ended with success after them. A plugin that could make the child write other bytes would have had to take
        // over the compiler, which without a child would be this process: the child limits what compiling uses up, and
        // makes nothing less trusted than it was.
        //
        // Those of the cache were read, once, from a file opened below a directory handle; both belonged to this user,
        // neither group nor others could write to them, and the bytes had the digest that was written with them. Who
        // could still have written them: processes of this same user, and root, both of whom can change this program.
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}
