//! THREATS.md names tests that exist.

use std::collections::BTreeSet;
use std::path::Path;

use costwarden_tests::repository;

/// Adds the names of all functions below a folder.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let found = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            names.extend(found.map(str::to_owned));
        }
    }
}

#[test]
fn every_defence_has_an_existing_test() {
    let mut known = BTreeSet::new();
    for folder in ["tests/offline", "tests/servers", "tests/hosts", "host/crates", "host/src"] {
        functions(&repository().join(folder), &mut known);
    }
    let text = std::fs::read_to_string(repository().join("THREATS.md")).expect("a page");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat |"));
    let mut count = 0;
    for row in rows {
        let columns: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [_, _, tests, _] = columns[..] else { panic!("{row}: expected four columns") };
        if tests.trim().starts_with("none") {
            continue;
        }
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{row}: expected a test, or none");
        for test in named {
            let name = test.rsplit("::").next().expect("a name");
            assert!(known.contains(name), "{test} of THREATS.md is not a test");
            count += 1;
        }
    }
    assert!(count > 50, "{count} tests");
}
