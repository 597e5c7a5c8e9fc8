//! The words of every error: what is named, what was expected, what to do; and what still runs.

mod support;

#[path = "messages/bill.rs"]
mod bill;
#[path = "messages/cache.rs"]
mod cache;
#[path = "messages/config.rs"]
mod config;
#[path = "messages/documented.rs"]
mod documented;
#[path = "messages/help.rs"]
mod help;
#[path = "messages/log.rs"]
mod log;
#[path = "messages/minimal.rs"]
mod minimal;
#[path = "messages/misbehaving.rs"]
mod misbehaving;
#[path = "messages/plugins.rs"]
mod plugins;
#[path = "messages/rules.rs"]
mod rules;
#[path = "messages/store.rs"]
mod store;
