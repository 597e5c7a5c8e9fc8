//! Python: componentize-py combines the interpreter, the standard library and the project's modules in a component,
//! initialized up to the end of `import app`.
//!
//! The component contains the memory of a running interpreter, and the hash seed differs from build to build. Therefore
//! ship exactly the tested file.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use config_file::toml::Document;

use super::wit::{WitFolder, WitWorld};
use super::{BuildError, MissingTool, tool};

/// Well-known modules with machine code.
const NATIVE_MODULES: [&str; 3] = ["numpy", "scipy", "pandas"];

/// Name of the module with the class `Detector`.
const MODULE: &str = "app";

pub(super) fn compile(project: &Path) -> Result<Vec<u8>, BuildError> {
    let app = project.join(MODULE).with_extension("py");
    if !app.is_file() {
        let expected =
            "the module with the class Detector, as in a project of `costwarden plugin new --language python`";
        return Err(BuildError::Project { file: app, problem: "absent".to_owned(), expected });
    }
    let world = world(project)?;
    let program = componentize_py(project).ok_or(MissingTool::ComponentizePy)?;
    let wit = WitFolder::of(project).map_err(BuildError::TemporaryFolder)?;
    let folder = tempfile::tempdir().map_err(BuildError::TemporaryFolder)?;
    let output = folder.path().join("plugin.wasm");
    let mut command = Command::new(program);
    command.current_dir(project);
    command.arg("--wit-path").arg(wit.path()).args(["--world", world.name(), "componentize", "--stub-wasi", MODULE]);
    // An author may set this variable for cargo; componentize-py would add stack traces of the tool itself.
    command.env("RUST_BACKTRACE", "0");
    tool::run_quietly("componentize-py", command.arg("--output").arg(&output), python_error)?;
    std::fs::read(&output).map_err(|error| BuildError::Read(output, error))
}

/// Extracts Python's error from the output of componentize-py. The tool reports the error as an assertion and repeats
/// it below; an author needs neither.
fn python_error(output: &str) -> String {
    let Some((_, error)) = output.split_once("AssertionError: ") else { return output.to_owned() };
    let (error, causes) = error.split_once("\n\nCaused by:").unwrap_or((error, ""));
    if error.trim().is_empty() {
        // Without an exception, the module has called a trapping stub.
        return match causes.split_once("called trapping stub: ") {
            Some((_, import)) => {
                let import = import.lines().next().unwrap_or_default();
                format!(
                    "{MODULE}.py calls {import} during the import of the module, without a host: call {import} from a method\n"
                )
            }
            None => output.to_owned(),
        };
    }
    // `/0/` is the project's folder inside the tool.
    let error = error.replace("File \"/0/", "File \"");
    let native = NATIVE_MODULES.iter().find(|module| error.contains("Error: ") && error.contains(*module));
    let advice = native.map(|module| {
        format!(
            "{module} has parts in machine code, and a plugin contains Python code only: use the modules math and statistics, or write the detector in Rust\n"
        )
    });
    format!("{}\n{}", error.trim(), advice.unwrap_or_default())
}

/// Reads the world from `[tool.costwarden]` in pyproject.toml; the file and the table are optional.
fn world(project: &Path) -> Result<WitWorld, BuildError> {
    let file = project.join("pyproject.toml");
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(WitWorld::Plugin),
        Err(error) => return Err(BuildError::Read(file, error)),
    };
    let document = Document::new(&file, &text);
    let reference = document.root().and_then(|mut root| {
        let mut table = root
            .key("tool", "The tables of tools.")
            .section()?
            .key("costwarden", "The settings of costwarden.")
            .section()?;
        let reference = table.key("reference", "Whether the detector reads reference data.").flag();
        table.finish();
        reference
    });
    match document.into_errors().into_iter().next() {
        None => Ok(WitWorld::with_reference(reference)),
        Some(error) => {
            let problem = format!("line {}: {}: {}", error.line, error.key, error.message);
            Err(BuildError::Project { file, problem, expected: "only `reference = true` under [tool.costwarden]" })
        }
    }
}

fn componentize_py(project: &Path) -> Option<PathBuf> {
    // The project's virtual environment takes precedence over PATH.
    let own = project.join(".venv/bin/componentize-py");
    if own.is_file() { Some(own) } else { tool::find_on_path("componentize-py") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_error_of_python_is_shown() {
        let output = "Traceback (most recent call last):\n  File \"/home/ada/.venv/bin/componentize-py\", line 8, in <module>\n    sys.exit(script())\n\
            AssertionError:   File \"/0/app.py\", line 53\n    class Detector(exports.Detector)\n                                    ^\nSyntaxError: expected ':'\n\n\n\
            Caused by:\n    SyntaxError: expected ':' (app.py, line 53)\n\nStack backtrace:\n   0: anyhow::error::msg\n";
        assert_eq!(
            python_error(output),
            "File \"app.py\", line 53\n    class Detector(exports.Detector)\n                                    ^\nSyntaxError: expected ':'\n"
        );
        let absent = "AssertionError: Traceback (most recent call last):\n  File \"/0/app.py\", line 3, in <module>\n    import numpy as np\nModuleNotFoundError: No module named 'numpy'\n\nCaused by:\n    ModuleNotFoundError: No module named 'numpy'\n";
        assert!(python_error(absent).ends_with("No module named 'numpy'\nnumpy has parts in machine code, and a plugin contains Python code only: use the modules math and statistics, or write the detector in Rust\n"));
        let other = "error: unrecognized subcommand\n";
        assert_eq!(python_error(other), other);
    }
}
