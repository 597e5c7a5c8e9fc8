//! The reader of operator files: TOML with the place of every error, and references to secrets.
//!
//! The crate knows no key of a config or a rule.

pub mod secret;
pub mod toml;
