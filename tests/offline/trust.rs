//! SeriesKey plugins run: signatures, plugins.lock, registries, grants, and what changes between two runs.

mod broken;
mod config;
mod grants;
mod lock;
mod signing;
mod swapping;
