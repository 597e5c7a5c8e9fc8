//! Machine code, the only bytes that run without a check.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Loads code for execution.
///
/// # Errors
/// The code was compiled by another engine or release.
pub(super) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[expect(unsafe_code, reason = "machine code cannot be checked, only where it comes from")]
    // SAFETY: `deserialize` runs any bytes, so the bytes must be the output of `precompile_component`.
    //
    // The parent sent the bytes over a socket pair that it made for this process. The parent has code from two places.
    //
    // The compiler's child sent the code through a pipe, and only the child held the other end. The child is this
    // program, started from `/proc/self/exe` with no other open file and an environment that chooses no code. The output
    // began with the header that the child writes only before code, and the child then ended with success. To make the
    // child write other bytes, a plugin would have to take over the compiler.
    //
    // The cache returned the code from a file opened below a directory handle. File and directory belonged to this user,
    // neither group nor others could write to them, and the bytes matched the stored digest of this plugin. Only
    // processes of this user and root could have written them; both can also change this program.
    //
    // In a worker process, even other bytes would find nothing: the process is in its jail before the code is loaded.
    unsafe {
        Component::deserialize(engine, code)
    }
}
