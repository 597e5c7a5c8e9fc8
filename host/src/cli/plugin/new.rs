//! The command `plugin new`: creates a detector project.
use std::path::Path;

use serde_json::json;

use super::NewArgs;
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;
use plugin::build::COMPONENTIZE_PY;
use plugin::language::Language;
use plugin::project;

pub(super) fn new(args: &NewArgs, form: Form) -> anyhow::Result<Grade> {
    let NewArgs { name, language } = args;
    project::create(Path::new(""), name, *language)?;
    if form == Form::Json {
        present::out(&json!({"name": name, "directory": name}).to_string());
        return Ok(Grade::Done);
    }
    let prepare = match language {
        Language::Rust => "cargo test                # its unit tests, natively".to_owned(),
        Language::Python => {
            format!("python3 -m venv .venv && .venv/bin/pip install componentize-py=={COMPONENTIZE_PY}")
        }
        Language::Javascript => "npm install".to_owned(),
    };
    present::out(&format!("made {name}/; README.md in it says what is where. Next:\n"));
    for step in [
        &format!("cd {name}"),
        &prepare,
        &format!("costwarden plugin build   # {name}.wasm"),
        "costwarden plugin test    # its golden cases, in the sandbox",
    ] {
        present::out(&format!("    {step}"));
    }
    Ok(Grade::Done)
}
