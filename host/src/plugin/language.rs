//! What a detector is written in, and what tells it from a project's files.

use std::path::Path;

/// The languages that projects are made in and built from. Whatever else compiles to WebAssembly can be packed as a
/// module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    Rust,
    Python,
    Javascript,
}

impl Language {
    /// The language of the project in a folder; none where the folder has none of [`MARKS`].
    pub(crate) fn of(project: &Path) -> Option<Self> {
        let has = |name| project.join(name).is_file();
        MARKS.iter().find(|(mark, _)| has(mark)).map(|(_, language)| *language)
    }
}

/// Files that tell a project's language.
const MARKS: [(&str, Language); 4] = [
    ("Cargo.toml", Language::Rust),
    ("pyproject.toml", Language::Python),
    ("app.py", Language::Python),
    ("package.json", Language::Javascript),
];
