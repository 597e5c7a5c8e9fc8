//! Secrets: had from variables, files and a simulated Secrets Manager; and never shown, whatever fails.

mod fixture;
mod forms;
mod manager;
mod redaction;
