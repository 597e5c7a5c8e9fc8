//! Secrets: had from variables, files and a simulated Secrets Manager; and never shown, whatever fails.

mod support;

#[path = "secrets/forms.rs"]
mod forms;
#[path = "secrets/manager.rs"]
mod manager;
#[path = "secrets/redaction.rs"]
mod redaction;
#[path = "secrets/stage.rs"]
mod stage;
