//! THREATS.md names tests that exist.

use std::path::Path;

use costwarden_tests::repository;

/// A test function and the modules of its file.
struct KnownTest {
    modules: Vec<String>,
    name: String,
}

impl KnownTest {
    /// Returns whether a path names the test. A path may leave out the outer modules, and names the module `tests` of a file.
    fn has_path(&self, path: &str) -> bool {
        let mut named: Vec<&str> = path.split("::").collect();
        let name = named.pop();
        let is_in = |modules: &[&str]| {
            let place = self.modules.len().checked_sub(modules.len());
            place.is_some_and(|place| self.modules[place..].iter().eq(modules))
        };
        name == Some(&self.name) && (is_in(&named) || (named.pop() == Some("tests") && is_in(&named)))
    }
}

/// Adds the tests of all files below a folder.
fn add_tests(folder: &Path, tests: &mut Vec<KnownTest>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            add_tests(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let modules: Vec<String> =
                path.with_extension("").iter().map(|module| module.to_string_lossy().into_owned()).collect();
            let functions = text.split("test]\n").skip(1).filter_map(|rest| rest.split_once("fn "));
            let names = functions.filter_map(|(_, rest)| rest.split(['(', '<']).next());
            tests.extend(names.map(|name| KnownTest { modules: modules.clone(), name: name.to_owned() }));
        }
    }
}

#[test]
fn every_defence_has_an_existing_test() {
    let mut known = Vec::new();
    for folder in ["tests/offline", "tests/servers", "tests/hosts", "host/crates", "host/src"] {
        add_tests(&repository().join(folder), &mut known);
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
            assert!(known.iter().any(|known| known.has_path(test)), "{test} of THREATS.md is not a test");
            count += 1;
        }
    }
    assert!(count > 50, "{count} tests");
}
