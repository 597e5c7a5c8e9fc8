//! JavaScript: componentize-js combines an engine and the project's modules in a component, initialized up to the end
//! of the modules' top-level code.
//!
//! The component contains the memory of a running engine, and the bytes differ from build to build. Therefore ship
//! exactly the tested file.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::BuildError;
use super::tool::{self, Missing};
use super::wit::{Wit, World};

/// Release of componentize-js for new projects.
pub const VERSION: &str = "0.23.0";

const PACKAGE: &str = "node_modules/@bytecodealliance/componentize-js";

/// Node script with the arguments ENTRY, WIT, WORLD, OUTPUT. The working directory is the project's folder, so node
/// finds the project's node_modules.
const DRIVER: &str = include_str!("javascript/driver.mjs");

#[derive(Deserialize)]
struct PackageJson {
    #[serde(default = "default_main")]
    main: String,
    #[serde(default)]
    costwarden: Asks,
}

/// The `costwarden` object in package.json.
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

/// Returns the module with the `detector` export, named by package.json, and the world.
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
