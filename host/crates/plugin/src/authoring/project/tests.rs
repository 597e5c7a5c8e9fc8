//! Tests: a project has every file of the example, and invalid names and existing paths are refused.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::authoring::build::versions;

const LANGUAGES: [Language; 3] = [Language::Rust, Language::Python, Language::Javascript];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("the crate is in the repository")
}

/// Returns the paths of all files below a folder, except build outputs.
fn files_below(folder: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | "node_modules" | "__pycache__" | ".venv") {
                    folders.push(path);
                }
            } else if !name.ends_with(".wasm") && name != "package-lock.json" {
                files.insert(path.strip_prefix(folder).expect("below").to_string_lossy().into_owned());
            }
        }
    }
    files
}

#[test]
fn every_file_of_the_examples_is_embedded() {
    for (language, folder) in LANGUAGES.into_iter().zip(["rust", "python", "javascript"]) {
        let embedded = templates::example(language).iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(files_below(&repository().join("plugins/examples").join(folder)), embedded, "{folder}");
    }
}

#[test]
fn every_file_of_the_sdk_is_embedded() {
    let embedded = sdk::files().into_iter().map(|file| file.path.replacen("sdk/", "", 1)).collect();
    assert_eq!(files_below(&repository().join("plugin-sdk")), embedded);
}

#[test]
fn a_project_has_its_own_name_and_no_path_of_the_repository() {
    for language in LANGUAGES {
        for ProjectFile { path, text } in files("weekend-watch", language) {
            assert!(!text.contains(EXAMPLE_NAME), "{language:?}: {path}");
            assert!(path.starts_with("sdk/") || !text.contains(templates::SDK_IN_REPOSITORY), "{language:?}: {path}");
        }
        let named = files("weekend-watch", language).iter().any(|file| file.text.contains("weekend-watch"));
        assert!(named, "{language:?}");
    }
}

#[test]
fn comments_are_aligned_for_every_length_of_the_name() {
    for language in LANGUAGES {
        for name in ["w", "a-detector-with-quite-a-long-name"] {
            let readme =
                files(name, language).into_iter().find(|file| file.path == "README.md").expect("embedded").text;
            let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
            let columns: BTreeSet<_> = block.lines().map(|line| line.find(" # ").expect("a comment")).collect();
            assert_eq!(columns.len(), 1, "{block}");
            assert!(block.lines().any(|line| !line.contains("  # ")), "wider than required: {block}");
        }
    }
}

/// A project with the example's name equals the example: the alignment changes nothing.
#[test]
fn a_project_with_the_name_of_the_example_equals_the_example() {
    for language in LANGUAGES {
        let readme =
            |files: Vec<ProjectFile>| files.into_iter().find(|file| file.path == "README.md").expect("embedded").text;
        let example = templates::example(language).iter().find(|(path, _)| *path == "README.md").expect("embedded").1;
        assert_eq!(readme(files(EXAMPLE_NAME, language)), example, "{language:?}");
    }
}

#[test]
fn projects_and_builds_name_the_same_compilers() {
    let check = |language, path: &str, text: &str| {
        let file = files("watch", language).into_iter().find(|file| file.path == path).expect("embedded");
        assert!(file.text.contains(text), "{path}: {text}");
    };
    let python = format!("componentize-py=={}", versions::COMPONENTIZE_PY);
    check(Language::Python, "pyproject.toml", &python);
    check(Language::Python, "README.md", &python);
    check(
        Language::Javascript,
        "package.json",
        &format!("\"@bytecodealliance/componentize-js\": \"{}\"", versions::COMPONENTIZE_JS),
    );
}

#[test]
fn an_existing_folder_is_not_changed() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    create(parent.path(), "watch", Language::Python).expect("made");
    let before = files_below(&parent.path().join("watch"));
    let error = create(parent.path(), "watch", Language::Rust).expect_err("refused").to_string();
    let error = error.replace(&parent.path().display().to_string(), "[here]");
    insta::assert_snapshot!(error, @"[here]/watch already exists: choose another name, or remove the folder");
    assert_eq!(files_below(&parent.path().join("watch")), before);
}

#[test]
fn names_must_suit_crates_files_and_rules() {
    for name in ["a", "weekend-watch", "p95", "self", "serde"] {
        assert!(check_name(name).is_ok(), "{name}");
    }
    for name in ["", "9lives", "-a", "a-", "Watch", "a_b", "a.b", "../a", "a/b", "감시", "a b"] {
        assert!(matches!(check_name(name), Err(NameError { fault: NameFault::Characters, .. })), "{name}");
    }
    let error = |name: &str| check_name(name).expect_err(name).to_string();
    insta::assert_snapshot!(error("../\u{1b}[2Jwatch"), @"`../[2Jwatch` is not a name of a detector: expected lower-case letters, digits and -, with a letter at the start and no - at the end, like `weekend-watch`");
    insta::assert_snapshot!(error(&"a".repeat(65)), @"`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` is the start of a name that is too long: expected at most 64 characters");
    insta::assert_snapshot!(error("costwarden-sdk"), @"`costwarden-sdk` is the name of the SDK: choose another name");
}
