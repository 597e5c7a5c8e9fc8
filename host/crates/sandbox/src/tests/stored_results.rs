//! Tests of the stored results of `describe` and `check-settings`: a second run calls the plugin only if a result is
//! missing, damaged or made by other code.

use std::fs;
use std::path::{Path, PathBuf};

use text_plugin::Plugin;

use super::{Artifact, Grants, Isolation, Limits, Sandbox};
use crate::Issue;

/// A folder for compiled code, and a plugin that finds an issue in all settings.
struct Fixture {
    folder: tempfile::TempDir,
    plugin: Artifact,
}

/// The result of a load and of a check of the settings; an error text if the plugin would have to be called.
type Checked = Result<Vec<Issue>, String>;

impl Fixture {
    fn new(plugin: &Plugin<'_>) -> Self {
        let plugin = Artifact::new(Path::new("plugin.wasm"), plugin.core());
        Self { folder: tempfile::tempdir().expect("a folder"), plugin }
    }

    fn sandbox(&self, limits: Limits, isolation: Isolation) -> Sandbox {
        Sandbox::new(limits, Some(self.folder.path().join("compiled")), isolation).expect("a sandbox")
    }

    /// Loads the plugin and checks the settings, with workers.
    fn first(&self, settings: &str) -> Checked {
        self.checked(&self.sandbox(Limits::default(), Isolation::InProcess), settings)
    }

    /// Loads the plugin and checks the settings without a program for workers.
    fn second(&self, settings: &str) -> Checked {
        self.second_within(Limits::default(), settings)
    }

    fn second_within(&self, limits: Limits, settings: &str) -> Checked {
        let absent = Isolation::Processes { program: PathBuf::from("/nonexistent"), requires_jail: false };
        self.checked(&self.sandbox(limits, absent), settings)
    }

    fn checked(&self, sandbox: &Sandbox, settings: &str) -> Checked {
        let grants = Grants { reference: Some(self.folder.path().to_owned()) };
        let detector = sandbox.load("hostile", &self.plugin, &grants).map_err(|error| error.to_string())?;
        detector.check_settings(settings).map_err(|error| error.to_string())
    }

    fn entry(&self, kind: &str) -> PathBuf {
        let entries = fs::read_dir(self.folder.path().join("compiled")).expect("there");
        let mut entries = entries.map(|entry| entry.expect("read").path());
        entries.find(|path| path.extension().is_some_and(|extension| extension == kind)).expect("an entry")
    }
}

fn assert_needs_worker(checked: Checked) {
    let error = checked.expect_err("no worker");
    assert!(error.contains("a worker process cannot be started"), "{error}");
}

/// A plugin with the issue `{"pointer": "/a", "message": "bad"}`.
fn with_issue() -> Plugin<'static> {
    Plugin {
        check: "(i32.store (i32.const 8) (i32.const 16)) (i32.store (i32.const 12) (i32.const 1)) \
             (i32.store (i32.const 16) (i32.const 32)) (i32.store (i32.const 20) (i32.const 2)) \
             (i32.store (i32.const 24) (i32.const 34)) (i32.store (i32.const 28) (i32.const 3)) \
             (i32.store (i32.const 32) (i32.const 0x6162612f)) (i32.store8 (i32.const 36) (i32.const 100)) \
             (i32.const 8)",
        ..Plugin::default()
    }
}

#[test]
fn a_second_run_calls_no_plugin() {
    let fixture = Fixture::new(&with_issue());
    let first = fixture.first("{}").expect("checked");
    assert_eq!(first, [Issue { pointer: "/a".to_owned(), message: "bad".to_owned() }]);
    assert_eq!(fixture.second("{}"), Ok(first));
    assert_needs_worker(fixture.second(r#"{"other": 1}"#));
    assert_needs_worker(fixture.second_within(Limits { describe_fuel: 1_000_000, ..Limits::default() }, "{}"));
}

#[test]
fn a_damaged_result_is_made_again() {
    let fixture = Fixture::new(&with_issue());
    let first = fixture.first("{}");
    for kind in ["described", "checked", "compiled"] {
        let entry = fixture.entry(kind);
        let intact = fs::read(&entry).expect("read");
        let mut damaged = intact.clone();
        *damaged.last_mut().expect("not empty") ^= 1;
        fs::write(&entry, damaged).expect("written");
        let error = fixture.second("{}").expect_err("no program");
        assert!(error.contains("cannot be started"), "{kind}: {error}");
        assert_eq!(fixture.first("{}"), first, "{kind}");
        assert_eq!(fs::read(&entry).expect("read"), intact, "{kind}");
        assert_eq!(fixture.second("{}"), first, "{kind}");
    }
}

#[test]
fn the_description_of_other_code_is_not_used() {
    let fixture = Fixture::new(&with_issue());
    let first = fixture.first("{}");
    let entry = fixture.entry("compiled");
    let sandbox = fixture.sandbox(Limits::default(), Isolation::InProcess);
    let key = crate::compile::CacheKey::new(&sandbox.engine, &fixture.plugin.digest);
    let other = crate::compile::MachineCode::from_this_host(b"other code".to_vec());
    sandbox.cache.as_ref().expect("a cache").put(&key, &other);
    assert_needs_worker(fixture.second("{}"));
    assert_eq!(fixture.first("{}"), first, "compiled again");
    assert!(fs::read(entry).expect("read").len() > 1_000);
    assert_eq!(fixture.second("{}"), first);
}

/// The files can change between two runs.
#[test]
fn the_results_of_a_plugin_with_reference_data_are_not_stored() {
    let imports = r#"(import "costwarden:detector/reference@1.0.0" "read" (func (param i32 i32 i32)))"#;
    let fixture = Fixture::new(&Plugin { imports, ..with_issue() });
    assert_eq!(fixture.first("{}").expect("checked").len(), 1);
    assert_needs_worker(fixture.second("{}"));
}
