//! The words of every error: what is named, what was expected, what to do; and what still runs.

mod cache;
mod config;
mod documented;
mod help;
mod log;
mod minimal;
mod misbehaving;
mod plugins;
mod rules;
mod store;
