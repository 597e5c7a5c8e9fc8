//! JavaScript: componentize-js combines an engine and the project's modules in a component, initialized up to the end
//! of the modules' top-level code.
//!
//! The component contains the memory of a running engine, and the bytes differ from build to build. Therefore ship
//! exactly the tested file.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::wit::{WitFolder, WitWorld};
use super::{BuildError, MissingTool, tool};

const PACKAGE: &str = "node_modules/@bytecodealliance/componentize-js";

/// Node script with the arguments ENTRY, WIT, WORLD, OUTPUT. The working directory is the project's folder, so node
/// finds the project's node_modules.
const DRIVER: &str = include_str!("javascript/driver.mjs");

#[derive(Deserialize)]
struct PackageJson {
    #[serde(default = "default_main")]
    main: String,
    #[serde(default)]
    costwarden: CostwardenTable,
}

/// The `costwarden` object in package.json.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CostwardenTable {
    reference: Option<bool>,
}

/// The module with the `detector` export, and the world.
struct Entry {
    module: String,
    world: WitWorld,
}

fn default_main() -> String {
    "detector.js".to_owned()
}

pub(super) fn compile(project: &Path) -> Result<Vec<u8>, BuildError> {
    let Entry { module, world } = entry(project)?;
    let node = tool::find_on_path("node").ok_or(MissingTool::Node)?;
    if !project.ancestors().any(|folder| folder.join(PACKAGE).is_dir()) {
        return Err(MissingTool::ComponentizeJs.into());
    }
    let wit = WitFolder::of(project).map_err(BuildError::TemporaryFolder)?;
    let folder = tempfile::tempdir().map_err(BuildError::TemporaryFolder)?;
    let output = folder.path().join("plugin.wasm");
    let mut command = Command::new(node);
    command.current_dir(project).args(["--input-type=module", "--eval", DRIVER, "--", &module]);
    tool::run("componentize-js", command.arg(wit.path()).arg(world.name()).arg(&output))?;
    std::fs::read(&output).map_err(|error| BuildError::Read(output, error))
}

/// Returns the module with the `detector` export, named by package.json, and the world.
fn entry(project: &Path) -> Result<Entry, BuildError> {
    let file = project.join("package.json");
    let text = std::fs::read_to_string(&file).map_err(|error| BuildError::Read(file.clone(), error))?;
    let PackageJson { main, costwarden } = serde_json::from_str(&text).map_err(|error| BuildError::Project {
        file: file.clone(),
        problem: error.to_string(),
        expected: "a JSON object with the module as `main` and, optionally, `\"costwarden\": {\"reference\": true}`",
    })?;
    if project.join(&main).is_file() {
        Ok(Entry { module: main, world: WitWorld::with_reference(costwarden.reference) })
    } else {
        let problem = format!("`main` is `{main}`, but the file is absent");
        Err(BuildError::Project { file, problem, expected: "the module that exports `detector`" })
    }
}
