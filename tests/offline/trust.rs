//! The origin of plugins: signatures, `plugins.lock`, grants, and changes between runs.

mod answers;
mod broken;
mod bundle;
mod config;
mod grants;
mod lock;
mod peer;
mod registry;
mod signing;
mod swapping;
