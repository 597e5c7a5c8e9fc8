//! The command `plugin new`: creates a detector project.

use std::path::Path;

use plugin::authoring::build::versions::COMPONENTIZE_PY;
use plugin::authoring::language::Language;
use plugin::authoring::project;
use serde_json::json;

use super::NewArgs;
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;

pub(super) fn new(args: &NewArgs, form: Form) -> anyhow::Result<Grade> {
    let NewArgs { name, language } = args;
    project::create(Path::new(""), name, *language)?;
    if form == Form::Json {
        present::out(&json!({"name": name, "directory": name}).to_string());
        return Ok(Grade::Done);
    }
    let preparation = match language {
        Language::Rust => "cargo test                # unit tests, without the sandbox".to_owned(),
        Language::Python => {
            format!("python3 -m venv .venv && .venv/bin/pip install componentize-py=={COMPONENTIZE_PY}")
        }
        Language::Javascript => "npm install".to_owned(),
    };
    present::out(&format!("created {name}/; {name}/README.md explains the files. Next steps:\n"));
    for step in [
        &format!("cd {name}"),
        &preparation,
        &format!("costwarden plugin build   # {name}.wasm"),
        "costwarden plugin test    # golden cases, in the sandbox",
    ] {
        present::out(&format!("    {step}"));
    }
    Ok(Grade::Done)
}
