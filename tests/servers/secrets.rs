//! Secrets from variables, files and a simulated Secrets Manager. No failure shows a secret.

mod fixture;
mod forms;
mod manager;
mod redaction;
mod rotation;
