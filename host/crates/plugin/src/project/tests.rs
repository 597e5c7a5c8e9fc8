//! Tests: a project has every file of the example, and invalid names and existing paths are refused.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::build;

const ALL: [Language; 3] = [Language::Rust, Language::Python, Language::Javascript];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("the crate is in the repository")
}

/// Returns the paths of all files below a folder, except build outputs.
fn below(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
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
                found.insert(path.strip_prefix(folder).expect("below").to_string_lossy().into_owned());
            }
        }
    }
    found
}

#[test]
fn every_file_of_the_examples_is_carried() {
    for (language, folder) in ALL.into_iter().zip(["rust", "python", "javascript"]) {
        let carried = templates::example(language).iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(below(&repository().join("plugins/examples").join(folder)), carried, "{folder}");
    }
}

#[test]
fn every_file_of_the_sdk_is_carried() {
    let carried = sdk::files().into_iter().map(|file| file.path.replacen("sdk/", "", 1)).collect();
    assert_eq!(below(&repository().join("plugin-sdk")), carried);
}

#[test]
fn a_project_has_its_own_name_and_nothing_of_the_repository() {
    for language in ALL {
        for File { path, text } in files("weekend-watch", language) {
            assert!(!text.contains(EXAMPLE), "{language:?}: {path}");
            assert!(path.starts_with("sdk/") || !text.contains(templates::SDK_IN_REPOSITORY), "{language:?}: {path}");
        }
        let named = files("weekend-watch", language).iter().any(|file| file.text.contains("weekend-watch"));
        assert!(named, "{language:?}");
    }
}

#[test]
fn comments_stay_below_each_other_whatever_the_name() {
    for language in ALL {
        for name in ["w", "a-detector-with-quite-a-long-name"] {
            let readme = files(name, language).into_iter().find(|file| file.path == "README.md").expect("carried").text;
            let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
            let columns: BTreeSet<_> = block.lines().map(|line| line.find(" # ").expect("a comment")).collect();
            assert_eq!(columns.len(), 1, "{block}");
            assert!(block.lines().any(|line| !line.contains("  # ")), "no wider than it need be: {block}");
        }
    }
}

/// A project with the example's name equals the example: the alignment changes nothing.
#[test]
fn a_project_of_the_examples_name_is_the_example() {
    for language in ALL {
        let readme = |files: Vec<File>| files.into_iter().find(|file| file.path == "README.md").expect("carried").text;
        let example = templates::example(language).iter().find(|(path, _)| *path == "README.md").expect("carried").1;
        assert_eq!(readme(files(EXAMPLE, language)), example, "{language:?}");
    }
}

#[test]
fn projects_name_the_compilers_that_builds_name() {
    let names = |language, path: &str, text: &str| {
        let file = files("watch", language).into_iter().find(|file| file.path == path).expect("carried");
        assert!(file.text.contains(text), "{path}: {text}");
    };
    let python = format!("componentize-py=={}", build::COMPONENTIZE_PY);
    names(Language::Python, "pyproject.toml", &python);
    names(Language::Python, "README.md", &python);
    names(
        Language::Javascript,
        "package.json",
        &format!("\"@bytecodealliance/componentize-js\": \"{}\"", build::COMPONENTIZE_JS),
    );
}

#[test]
fn what_exists_is_left_alone() {
    let parent = tempfile::tempdir().expect("a temporary folder");
    create(parent.path(), "watch", Language::Python).expect("made");
    let kept = below(&parent.path().join("watch"));
    let error = create(parent.path(), "watch", Language::Rust).expect_err("refused").to_string();
    let error = error.replace(&parent.path().display().to_string(), "[here]");
    insta::assert_snapshot!(error, @"[here]/watch exists already: choose another name, or remove it");
    assert_eq!(below(&parent.path().join("watch")), kept);
}

#[test]
fn names_are_those_that_crates_files_and_rules_can_have() {
    for name in ["a", "weekend-watch", "p95", "self", "serde"] {
        assert!(check_name(name).is_ok(), "{name}");
    }
    for name in ["", "9lives", "-a", "a-", "Watch", "a_b", "a.b", "../a", "a/b", "감시", "a b"] {
        assert!(matches!(check_name(name), Err(NameError { fault: NameFault::Characters, .. })), "{name}");
    }
    let told = |name: &str| check_name(name).expect_err(name).to_string();
    insta::assert_snapshot!(told("../\u{1b}[2Jwatch"), @"`../[2Jwatch` is no detector's name: expected lower-case letters, digits and -, beginning with a letter and not ending with -, as in `weekend-watch`");
    insta::assert_snapshot!(told(&"a".repeat(65)), @"`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` begins a name that is too long: expected at most 64 characters");
    insta::assert_snapshot!(told("costwarden-sdk"), @"`costwarden-sdk` is the name of the SDK: choose another");
}
