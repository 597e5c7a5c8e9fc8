//! The supply chain of plugins: signatures, plugins.lock and registries.

pub(crate) mod lock;
pub mod lock_marker;
pub(crate) mod moved_tag;
pub(crate) mod options;
pub(crate) mod pulled_plugins;
pub(crate) mod registry;
pub(crate) mod signature;
pub(crate) mod signing;
