//! Python: componentize-py combines the interpreter, the standard library and the project's modules in a component,
//! initialized up to the end of `import app`.
//!
//! The component contains the memory of a running interpreter, and the hash seed differs from build to build. Therefore
//! ship exactly the tested file.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::BuildError;
use super::tool::{self, Missing};
use super::wit::{Wit, World};
use config_file::toml::Document;

/// Release of componentize-py for new projects.
pub const VERSION: &str = "0.25.0";

/// Name of the module with the class `Detector`.
const MODULE: &str = "app";

pub(super) fn compiled(project: &Path) -> Result<Vec<u8>, BuildError> {
    let app = project.join(MODULE).with_extension("py");
    if !app.is_file() {
        let expected =
            "the module with the class Detector in it, as `costwarden plugin new --language python` makes it";
        return Err(BuildError::Project { file: app, what: "absent".to_owned(), expected });
    }
    let world = world(project)?;
    let program = componentize_py(project).ok_or(Missing::ComponentizePy)?;
    let wit = Wit::of(project).map_err(BuildError::Folder)?;
    let folder = tempfile::tempdir().map_err(BuildError::Folder)?;
    let output = folder.path().join("plugin.wasm");
    let mut command = Command::new(program);
    command.current_dir(project);
    command.arg("--wit-path").arg(wit.path()).args(["--world", world.name(), "componentize", "--stub-wasi", MODULE]);
    // An author may set this variable for cargo; componentize-py would add stack traces of the tool itself.
    command.env("RUST_BACKTRACE", "0");
    tool::run_cut("componentize-py", command.arg("--output").arg(&output), complaint)?;
    std::fs::read(&output).map_err(|error| BuildError::Read(output, error))
}

/// Extracts Python's error from the output of componentize-py. The tool reports the error as an assertion and repeats
/// it below; an author needs neither.
fn complaint(said: &str) -> String {
    let Some((_, complaint)) = said.split_once("AssertionError: ") else { return said.to_owned() };
    let (complaint, causes) = complaint.split_once("\n\nCaused by:").unwrap_or((complaint, ""));
    if complaint.trim().is_empty() {
        // Without an exception, the module has called a trapping stub.
        return match causes.split_once("called trapping stub: ") {
            Some((_, import)) => {
                let import = import.lines().next().unwrap_or_default();
                format!(
                    "{MODULE}.py calls {import} while it is imported, when there is no host: call it from a method\n"
                )
            }
            None => said.to_owned(),
        };
    }
    // `/0/` is the project's folder inside the tool.
    format!("{}\n", complaint.replace("File \"/0/", "File \"").trim())
}

/// Reads the world from `[tool.costwarden]` in pyproject.toml; the file and the table are optional.
fn world(project: &Path) -> Result<World, BuildError> {
    let file = project.join("pyproject.toml");
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(World::Plugin),
        Err(error) => return Err(BuildError::Read(file, error)),
    };
    let document = Document::new(&file, &text);
    let asked = document.root().and_then(|mut root| {
        let mut asks = root.section("tool")?.section("costwarden")?;
        let reference = asks.flag("reference");
        asks.finish();
        reference
    });
    match document.into_errors().into_iter().next() {
        None => Ok(World::asked(asked)),
        Some(error) => {
            let what = format!("line {}: {}: {}", error.line, error.key, error.message);
            Err(BuildError::Project { file, what, expected: "nothing but `reference = true` under [tool.costwarden]" })
        }
    }
}

fn componentize_py(project: &Path) -> Option<PathBuf> {
    // The project's virtual environment takes precedence over PATH.
    let own = project.join(".venv/bin/componentize-py");
    if own.is_file() { Some(own) } else { tool::on_path("componentize-py") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_says_is_all_that_is_left() {
        let said = "Traceback (most recent call last):\n  File \"/home/ada/.venv/bin/componentize-py\", line 8, in <module>\n    sys.exit(script())\n\
            AssertionError:   File \"/0/app.py\", line 53\n    class Detector(exports.Detector)\n                                    ^\nSyntaxError: expected ':'\n\n\n\
            Caused by:\n    SyntaxError: expected ':' (app.py, line 53)\n\nStack backtrace:\n   0: anyhow::error::msg\n";
        assert_eq!(
            complaint(said),
            "File \"app.py\", line 53\n    class Detector(exports.Detector)\n                                    ^\nSyntaxError: expected ':'\n"
        );
        let other = "error: unrecognized subcommand\n";
        assert_eq!(complaint(other), other);
    }
}
