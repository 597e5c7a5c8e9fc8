//! The examples of `plugins/examples`, embedded unchanged: the templates of new projects.

use crate::authoring::language::Language;

/// Path relative to the project, and content.
pub(super) type Template = (&'static str, &'static str);

/// Detector name in all files of the examples.
pub(super) const EXAMPLE_NAME: &str = "weekday-ratio";

/// Path from the Rust example to the SDK, valid only in the repository.
pub(super) const SDK_IN_REPOSITORY: &str = "../../../plugin-sdk";

/// Text of the contract.
pub const WIT: &str = include_str!("../../../../../../plugin-sdk/wit/detector.wit");

macro_rules! example {
    ($language:literal, [$($path:literal),* $(,)?]) => {
        &[$(($path, include_str!(concat!("../../../../../../plugins/examples/", $language, "/", $path)))),*]
    };
}

const RUST: &[Template] = example!(
    "rust",
    [
        ".gitignore",
        "Cargo.lock",
        "Cargo.toml",
        "README.md",
        "golden/korean/case.toml",
        "golden/korean/expected.csv",
        "golden/korean/input.csv",
        "golden/spike/case.toml",
        "golden/spike/expected.csv",
        "golden/spike/input.csv",
        "series.csv",
        "src/lib.rs",
        "src/tests.rs",
    ]
);

const PYTHON: &[Template] = example!(
    "python",
    [
        ".gitignore",
        "README.md",
        "app.py",
        "golden/korean/case.toml",
        "golden/korean/expected.csv",
        "golden/korean/input.csv",
        "golden/spike/case.toml",
        "golden/spike/expected.csv",
        "golden/spike/input.csv",
        "pyproject.toml",
        "series.csv",
    ]
);

const JAVASCRIPT: &[Template] = example!(
    "javascript",
    [
        ".gitignore",
        "README.md",
        "detector.js",
        "golden/korean/case.toml",
        "golden/korean/expected.csv",
        "golden/korean/input.csv",
        "golden/spike/case.toml",
        "golden/spike/expected.csv",
        "golden/spike/input.csv",
        "package.json",
        "series.csv",
    ]
);

pub(super) fn example(language: Language) -> &'static [Template] {
    match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::Javascript => JAVASCRIPT,
    }
}
