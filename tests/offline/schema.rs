//! The JSON Schemas of config and rules: current in `docs/schema`, complete, and equal to the parser.

mod documents;
mod fragments;
mod wrong_values;

use std::path::Path;
use std::process::Command;

use costwarden_tests::{binary, download, repository, run};
use serde_json::Value;

/// Returns the schema that the command prints, as text.
fn printed(file: &str) -> String {
    run(Command::new(binary()).args(["schema", file])).expect(0).stdout
}

/// Returns the names of the files that do not match a schema. `None` if taplo is unavailable.
fn refused(schema: &str, folder: &Path) -> Option<Vec<String>> {
    let taplo = download("taplo")?;
    let schema = format!("file://{}", repository().join(format!("docs/schema/{schema}.json")).display());
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut command = Command::new(taplo);
    command.args(["lint", "--colors", "never", "--schema", &schema]).args(files).current_dir(folder);
    let text = run(&mut command).stderr;
    let names = text.lines().filter(|line| line.contains("invalid file")).filter_map(|line| {
        let (_, path) = line.split_once("path=\"")?;
        Path::new(path.trim_end_matches('"')).file_name()?.to_str().map(str::to_owned)
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    Some(names)
}

#[test]
fn the_files_are_current() {
    for file in ["config", "rules"] {
        let path = format!("docs/schema/{file}.json");
        let stored = std::fs::read_to_string(repository().join(&path)).expect("a schema");
        assert!(stored == printed(file), "{path} is old: run `costwarden schema {file} > {path}`");
    }
}

#[test]
fn the_reference_of_rules_is_current() {
    let page = run(Command::new(binary()).args(["schema", "rules", "--markdown"])).expect(0).stdout;
    let stored = std::fs::read_to_string(repository().join("docs/rules.md")).expect("a page");
    assert!(stored == page, "docs/rules.md is old: run `costwarden schema rules --markdown > docs/rules.md`");
}

/// Calls `visit` with each key of a schema: the dotted path, and the schema of the key.
fn each_key(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    for (name, key) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        visit(&path, key);
        each_key(key, &path, visit);
        each_key(&key["items"], &path, visit);
        each_key(&key["additionalProperties"], &path, visit);
    }
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        each_key(variant, path, visit);
    }
}

#[test]
fn every_key_has_a_description_and_a_type() {
    for file in ["config", "rules"] {
        let schema = serde_json::from_str(&printed(file)).expect("JSON");
        let mut keys = 0;
        each_key(&schema, "", &mut |path, key| {
            keys += 1;
            let description = key["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.'), "{file}: {path}: {description:?} is no sentence");
            let has_type = ["type", "oneOf", "anyOf"].iter().any(|keyword| key.get(keyword).is_some());
            assert!(has_type, "{file}: {path} has no type");
        });
        assert!(keys >= 18, "{file}: {keys} keys");
    }
}
