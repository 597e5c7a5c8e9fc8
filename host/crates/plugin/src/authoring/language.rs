//! The language of a detector project, recognized by the project's files.

use std::path::Path;

/// The languages with project templates and builds. A module compiled from any language can be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    Rust,
    Python,
    Javascript,
}

impl Language {
    /// Returns the language of the project in a folder; `None` if the folder has none of `PROJECT_FILES`.
    pub fn of(project: &Path) -> Option<Self> {
        let has = |name| project.join(name).is_file();
        PROJECT_FILES.iter().find(|(file, _)| has(file)).map(|(_, language)| *language)
    }
}

/// Files that identify the language of a project; the first match counts.
const PROJECT_FILES: [(&str, Language); 4] = [
    ("Cargo.toml", Language::Rust),
    ("pyproject.toml", Language::Python),
    ("app.py", Language::Python),
    ("package.json", Language::Javascript),
];
