//! JavaScript: componentize-js puts an engine and the project's modules into one component, run as far as their top
//! level goes.
//!
//! Its bytes are those of a running engine's memory, which differ from build to build: what was tested is what has to be
//! shipped.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::BuildError;
use super::tool::{self, Missing};
use super::wit::{Wit, World};

/// The release that projects are started with.
pub(crate) const VERSION: &str = "0.23.0";

const PACKAGE: &str = "node_modules/@bytecodealliance/componentize-js";

/// Run by node in the project's folder, whose node_modules it therefore finds: ENTRY, WIT, WORLD, OUTPUT.
const DRIVER: &str = include_str!("javascript/driver.mjs");

#[derive(Deserialize)]
struct PackageJson {
    #[serde(default = "default_main")]
    main: String,
    #[serde(default)]
    costwarden: Asks,
}

/// What a project asks for.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asks {
    reference: Option<bool>,
}

fn default_main() -> String {
    "detector.js".to_owned()
}

pub(super) fn compiled(project: &Path) -> Result<Vec<u8>, BuildError> {
    let (entry, world) = entry(project)?;
    let node = tool::on_path("node").ok_or(Missing::Node)?;
    if !project.ancestors().any(|folder| folder.join(PACKAGE).is_dir()) {
        return Err(Missing::ComponentizeJs.into());
    }
    let wit = Wit::of(project).map_err(BuildError::Folder)?;
    let folder = tempfile::tempdir().map_err(BuildError::Folder)?;
    let output = folder.path().join("plugin.wasm");
    let mut command = Command::new(node);
    command.current_dir(project).args(["--input-type=module", "--eval", DRIVER, "--", &entry]);
    tool::run("componentize-js", command.arg(wit.path()).arg(world.name()).arg(&output))?;
    std::fs::read(&output).map_err(|error| BuildError::Read(output, error))
}

/// The module that exports `detector`, as package.json names it, and the world that it is for.
fn entry(project: &Path) -> Result<(String, World), BuildError> {
    let file = project.join("package.json");
    let text = std::fs::read_to_string(&file).map_err(|error| BuildError::Read(file.clone(), error))?;
    let PackageJson { main, costwarden: asks } = serde_json::from_str(&text).map_err(|error| BuildError::Project {
        file: file.clone(),
        what: error.to_string(),
        expected: "a JSON object whose `main` names a module, and whose `costwarden`, if there is one, is {\"reference\": true}",
    })?;
    if project.join(&main).is_file() {
        Ok((main, World::asked(asks.reference)))
    } else {
        let what = format!("`main` is `{main}`, which is absent");
        Err(BuildError::Project { file, what, expected: "the module that exports `detector`" })
    }
}
