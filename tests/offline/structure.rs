//! The structure of the host: no circular imports among the modules of a crate, and crates that depend in one direction.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use costwarden_tests::repository;

/// Imports by module: each top-level module of a crate with the modules that the module names.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The dependencies of each crate on other crates of the host, from design to code.
const CRATES: [(&str, &[&str]); 10] = [
    ("config-file", &[]),
    ("transport", &["config-file"]),
    ("model", &["config-file"]),
    ("sandbox", &["model"]),
    ("store", &["config-file", "model", "transport"]),
    ("ingest", &["config-file", "model", "transport"]),
    ("notify", &["config-file", "model", "transport"]),
    ("simulator", &["config-file", "ingest", "model"]),
    ("plugin", &["config-file", "model", "sandbox", "transport"]),
    ("report", &["model", "notify"]),
];

#[test]
fn no_crate_has_circular_imports() {
    let crates = CRATES.map(|(name, _)| repository().join("host/crates").join(name).join("src"));
    for source in crates.into_iter().chain([repository().join("host/src")]) {
        let mut imports = Imports::new();
        for file in rust_files(&source) {
            let module = module_path(&source, &file);
            let text = std::fs::read_to_string(&file).expect("a source file");
            collect(&module, &text, &mut imports);
        }
        assert!(!imports.is_empty(), "{} has no modules", source.display());
        assert_eq!(circle(&imports), None, "{}", source.display());
    }
}

#[test]
fn crates_depend_in_one_direction() {
    for (name, allowed) in CRATES {
        let manifest = repository().join("host/crates").join(name).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).expect("a manifest");
        let dependencies = text.split("[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next());
        let names = dependencies.expect("dependencies").lines().filter_map(|line| line.split(['.', ' ']).next());
        let mut own: Vec<&str> = names.filter(|name| CRATES.iter().any(|(other, _)| other == name)).collect();
        own.sort_unstable();
        assert_eq!(own, allowed, "{name}");
    }
}

#[test]
fn a_circle_of_modules_is_found() {
    let mut imports = Imports::new();
    collect(&["a".to_owned()], "use crate::b::B;\n// use crate::c::C;", &mut imports);
    collect(&["b".to_owned(), "inner".to_owned()], "use super::super::c::{self, C};", &mut imports);
    assert_eq!(circle(&imports), None);
    collect(&["c".to_owned()], "fn f() { crate::{a::A, d::D}; }", &mut imports);
    assert_eq!(circle(&imports), Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["tests", "conformance"].contains(&name.as_str()) {
                files.extend(rust_files(&path));
            }
        } else if name.ends_with(".rs") && !["tests.rs", "conformance.rs"].contains(&name.as_str()) {
            files.push(path);
        }
    }
    files
}

fn module_path(source: &Path, file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(source).expect("below the source folder").with_extension("");
    let path: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if ["lib", "main"].contains(&path[0].as_str()) { Vec::new() } else { path }
}

/// Adds the imports of one file. Comments and the test module do not count.
fn collect(module: &[String], text: &str, imports: &mut Imports) {
    let Some(own) = module.first() else { return };
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code = lines.collect::<Vec<_>>().join("\n");
    let named = imports.entry(own.clone()).or_default();
    for (start, _) in code.match_indices("crate::") {
        let is_word = code[..start].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_');
        if !is_word {
            named.extend(first_modules(&code[start + "crate::".len()..]));
        }
    }
    for (start, _) in code.match_indices("super::") {
        if code[..start].ends_with("::") {
            continue;
        }
        let mut rest = &code[start..];
        let mut levels = 0;
        while let Some(shorter) = rest.strip_prefix("super::") {
            rest = shorter;
            levels += 1;
        }
        if levels == module.len() {
            named.extend(first_modules(rest));
        }
    }
    named.remove(own);
}

/// Returns the modules at the start of a path, or of each path in a group.
fn first_modules(path: &str) -> Vec<String> {
    let is_name = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let first = |text: &str| text.trim_start().chars().take_while(|character| is_name(*character)).collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![first(path)] };
    let mut depth = 0;
    let mut modules = vec![first(group)];
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => modules.push(first(&group[index + 1..])),
            _ => {}
        }
    }
    modules
}

/// Returns the modules of a circle, sorted.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    let reaches = |from: &str, to: &str| {
        let mut seen = BTreeSet::from([from.to_owned()]);
        let mut next = vec![from.to_owned()];
        while let Some(module) = next.pop() {
            for import in imports.get(&module).into_iter().flatten() {
                if import == to {
                    return true;
                }
                if imports.contains_key(import) && seen.insert(import.clone()) {
                    next.push(import.clone());
                }
            }
        }
        false
    };
    let first = imports.keys().find(|module| reaches(module, module))?;
    let members = imports.keys().filter(|module| reaches(first, module) && reaches(module, first));
    Some(members.cloned().collect())
}
