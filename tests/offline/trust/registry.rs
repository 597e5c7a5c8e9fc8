//! A hostile registry: no answer makes the client use much memory, follow without end, or give credentials away.

mod answers;
mod credentials;
