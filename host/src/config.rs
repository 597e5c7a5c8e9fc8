//! What the operator configured.

mod secret;

pub(crate) use secret::Secret;
