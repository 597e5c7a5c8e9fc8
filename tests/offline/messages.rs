//! The text of every error: object, expectation and remedy; and the effect on the rest of the run.

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
mod tags;
