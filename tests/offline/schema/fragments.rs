//! Every shipped TOML matches its schema: files, parts of manifests, and examples in pages.

use std::path::{Path, PathBuf};

use costwarden_tests::repository;
use costwarden_tests::three_services::MINIMAL;

use super::refused;

/// The tables that a config must have.
const REQUIRED: [&str; 5] = ["source", "archive", "store", "plugins", "rules"];

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the files below a folder with a suffix.
fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, suffix));
        } else if path.to_string_lossy().ends_with(suffix) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Returns the TOML blocks of a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// Adds the required tables that an example leaves out.
fn completed(example: &str) -> String {
    let mut text = example.to_owned();
    for table in MINIMAL.split('[').skip(1) {
        let name = table.split(']').next().expect("a name");
        assert!(REQUIRED.contains(&name), "{name}");
        if !example.contains(&format!("[{name}]")) {
            let body = table.split_once(']').expect("a table").1;
            text.push_str(&format!("\n[{name}]{body}"));
        }
    }
    text
}

/// Returns the value of a block scalar in a manifest, without the indentation.
fn scalar(manifest: &str, key: &str) -> String {
    let start = manifest.find(&format!("  {key}: |\n")).unwrap_or_else(|| panic!("no {key}"));
    let lines = manifest[start..].lines().skip(1).take_while(|line| line.starts_with("    ") || line.is_empty());
    lines.map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or_default())).collect()
}

#[test]
fn every_shipped_file_names_its_schema() {
    let mut checked = 0;
    for (folder, schema) in [("config", "config"), ("rules", "rules")] {
        for file in files(&repository().join(folder), ".toml") {
            let text = text(&file);
            let named = text.lines().next().and_then(|line| line.strip_prefix("#:schema "));
            let named = named.unwrap_or_else(|| panic!("{}: the first line names no schema", file.display()));
            let target = file.parent().expect("a folder").join(named).canonicalize().expect("the schema exists");
            assert!(target.ends_with(format!("docs/schema/{schema}.json")), "{}", target.display());
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked} files");
}

#[test]
fn every_shipped_file_matches_its_schema() {
    let configs = tempfile::tempdir().expect("a folder");
    let rules = tempfile::tempdir().expect("a folder");
    let write = |folder: &tempfile::TempDir, name: &str, text: &str| {
        std::fs::write(folder.path().join(format!("{}.toml", name.replace('/', "_"))), text).expect("written");
    };
    for file in files(&repository().join("config"), ".toml") {
        write(&configs, &file.to_string_lossy(), &text(&file));
    }
    for file in files(&repository().join("rules"), ".toml") {
        write(&rules, &file.to_string_lossy(), &text(&file));
    }
    let kubernetes = repository().join("config/deploy/kubernetes");
    write(&configs, "config.yaml", &scalar(&text(&kubernetes.join("config.yaml")), "costwarden.toml"));
    write(&rules, "rules.yaml", &scalar(&text(&kubernetes.join("rules.yaml")), "default.toml"));
    let mut examples = 0;
    for page in files(&repository().join("docs"), ".md") {
        for (index, block) in blocks(&text(&page)).iter().enumerate() {
            let name = format!("{}.{index}", page.to_string_lossy());
            match block {
                block if ["[[owner]]", "[[hint]]"].iter().any(|table| block.contains(table)) => continue,
                block if block.contains("[[rule]]") => write(&rules, &name, block),
                block => write(&configs, &name, &completed(block)),
            }
            examples += 1;
        }
    }
    assert!(examples >= 8, "{examples} examples");
    for (schema, folder) in [("config", &configs), ("rules", &rules)] {
        let Some(refused) = refused(schema, folder.path()) else { return };
        assert_eq!(refused, [] as [&str; 0], "{schema}");
    }
}
