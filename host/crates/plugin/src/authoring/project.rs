//! New projects: the example of a language under a new name, with everything for a build in any folder.
//!
//! The program embeds the examples, the SDK and the contract. Builds are the responsibility of [`super::build`].

mod sdk;
mod templates;

use std::io;
use std::path::{Path, PathBuf};

use self::templates::EXAMPLE_NAME;
use super::language::Language;

pub use self::templates::WIT;

/// A file of a new project: path relative to the project, and content.
struct ProjectFile {
    path: String,
    text: String,
}

/// Reserved name: a crate with this name could not depend on the SDK.
const RESERVED_NAME: &str = "costwarden-sdk";
/// Maximum length of a name, in characters.
const NAME_CHARS: usize = 64;

/// Writes a project into the folder NAME below `parent` and returns the folder's path.
///
/// # Errors
/// Fails if the name is invalid, the path already exists, or a file cannot be written.
pub fn create(parent: &Path, name: &str, language: Language) -> Result<PathBuf, ProjectError> {
    check_name(name)?;
    let project = parent.join(name);
    std::fs::create_dir(&project).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ProjectError::Exists(project.clone()),
        _ => ProjectError::Write(project.clone(), error),
    })?;
    for ProjectFile { path, text } in files(name, language) {
        let path = project.join(path);
        let folder = path.parent().expect("below the project");
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| ProjectError::Write(path, error))?;
    }
    Ok(project)
}

/// Checks the name of a detector. Crates, files and rules use the same name.
///
/// # Errors
/// Returns the fault of the name.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let fault = if name.len() > NAME_CHARS {
        NameFault::TooLong
    } else if !name.starts_with(|first: char| first.is_ascii_lowercase())
        || name.ends_with('-')
        || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    {
        NameFault::Characters
    } else if name == RESERVED_NAME {
        NameFault::Reserved
    } else {
        return Ok(());
    };
    // An invalid name may hold escape sequences, and the message goes to a terminal.
    let start: String = name.chars().filter(|character| !character.is_control()).take(NAME_CHARS).collect();
    Err(NameError { name: start, fault })
}

fn files(name: &str, language: Language) -> Vec<ProjectFile> {
    let templates = templates::example(language).iter();
    let mut files: Vec<_> = templates
        .map(|(path, text)| ProjectFile { path: (*path).to_owned(), text: text.replace(EXAMPLE_NAME, name) })
        .collect();
    // A longer or shorter name moves the comments in the command blocks.
    for file in files.iter_mut().filter(|file| file.path == "README.md") {
        file.text = align_comments(&file.text);
    }
    match language {
        Language::Rust => {
            for file in files.iter_mut().filter(|file| file.path == "Cargo.toml") {
                file.text = file.text.replace(templates::SDK_IN_REPOSITORY, sdk::FOLDER);
            }
            files.extend(sdk::files());
        }
        Language::Python | Language::Javascript => {
            files.push(ProjectFile { path: "wit/detector.wit".to_owned(), text: WIT.to_owned() });
        }
    }
    files
}

/// Aligns the trailing comments of each command block again after a change of the name.
fn align_comments(markdown: &str) -> String {
    const COMMENT: &str = " # ";
    let width = |line: &str| line.split_once(COMMENT).map(|(command, _)| command.trim_end().chars().count());
    let mut blocks: Vec<String> = markdown.split("```").map(str::to_owned).collect();
    for block in blocks.iter_mut().filter(|block| block.starts_with("sh\n")) {
        let Some(column) = block.lines().filter_map(width).max() else { continue };
        let line = |line: &str| match line.split_once(COMMENT) {
            Some((command, comment)) => format!("{:column$}{COMMENT}{comment}\n", command.trim_end()),
            None => format!("{line}\n"),
        };
        *block = block.lines().map(line).collect();
    }
    blocks.join("```")
}

/// Errors of project creation.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("{} already exists: choose another name, or remove the folder", .0.display())]
    Exists(PathBuf),
    #[error("{} cannot be written: {}", .0.display(), .1)]
    Write(PathBuf, io::Error),
}

/// An invalid detector name.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` {fault}")]
pub struct NameError {
    name: String,
    fault: NameFault,
}

#[derive(Debug, thiserror::Error)]
enum NameFault {
    #[error("is the start of a name that is too long: expected at most {NAME_CHARS} characters")]
    TooLong,
    #[error(
        "is not a name of a detector: expected lower-case letters, digits and -, with a letter at the start and no - at the end, like `weekend-watch`"
    )]
    Characters,
    #[error("is the name of the SDK: choose another name")]
    Reserved,
}

#[cfg(test)]
mod tests;
