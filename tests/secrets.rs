//! Secrets: had from variables, files and a simulated Secrets Manager; and never shown, whatever fails.

mod support;

#[path = "secrets/manager.rs"]
mod manager;
