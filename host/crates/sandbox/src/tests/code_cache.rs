//! Tests of the cache of compiled plugins: trusted entries are used, untrusted entries are replaced.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use text_plugin::Plugin;

use super::{Artifact, FaultClass, Grants, Isolation, Limits, LoadFault, Prospect, Sandbox, logged};
use crate::compile::CacheKey;
use crate::compile::cache::CodeCache;
use crate::meter;

/// A plugin and a directory for compiled code.
struct Fixture {
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("plugin.wasm"), Plugin::default().core()).expect("written");
        Self { directory }
    }

    fn compiled(&self) -> PathBuf {
        self.directory.path().join("compiled")
    }

    /// Loads the plugin and returns the log of the load.
    fn load(&self) -> String {
        self.load_with(Limits::default())
    }

    fn load_with(&self, limits: Limits) -> String {
        let sandbox = Sandbox::new(limits, Some(self.compiled()), Isolation::InProcess).expect("a sandbox");
        let plugin = Artifact::read(&self.directory.path().join("plugin.wasm"), u64::MAX).expect("read");
        let (loaded, log) = logged(|| sandbox.load("hostile", &plugin, &Grants::default()));
        assert_eq!(loaded.expect("loads").manifest.name, "hostile");
        log
    }

    fn entries(&self) -> Vec<PathBuf> {
        let mut entries: Vec<_> =
            fs::read_dir(self.compiled()).expect("there").map(|entry| entry.expect("read").path()).collect();
        entries.sort();
        entries
    }

    /// The entries with compiled code.
    fn compiled_entries(&self) -> Vec<PathBuf> {
        let is_compiled = |entry: &PathBuf| entry.extension().is_some_and(|extension| extension == "compiled");
        self.entries().into_iter().filter(is_compiled).collect()
    }

    fn only_entry(&self) -> PathBuf {
        let entries = self.compiled_entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.into_iter().next().expect("one")
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o7777
}

#[test]
fn an_entry_is_private_and_reused() {
    let fixture = Fixture::new();
    assert_eq!(fixture.load(), "");
    let entry = fixture.only_entry();
    assert_eq!((mode(&fixture.compiled()), mode(&entry)), (0o700, 0o600));
    let written = fs::metadata(&entry).expect("there").ino();
    assert_eq!(fixture.load(), "");
    assert_eq!(fs::metadata(fixture.only_entry()).expect("there").ino(), written, "not written again");
}

#[test]
fn every_plugin_has_an_entry() {
    let fixture = Fixture::new();
    fixture.load();
    // The compiled code stays the same: only the store enforces this limit.
    fixture.load_with(Limits { memory_bytes: 1 << 20, ..Limits::default() });
    assert_eq!(fixture.compiled_entries().len(), 1);
    fs::write(fixture.directory.path().join("plugin.wasm"), Plugin { summary: "another", ..Plugin::default() }.core())
        .expect("written");
    fixture.load();
    assert_eq!(fixture.compiled_entries().len(), 2);
}

/// A copy of an intact entry under the name of another plugin is not used.
#[test]
fn an_entry_is_bound_to_its_plugin() {
    let fixture = Fixture::new();
    fixture.load();
    let first = fixture.only_entry();
    let other = Plugin { name: "another", ..Plugin::default() }.core();
    let sandbox = Sandbox::new(Limits::default(), Some(fixture.compiled()), Isolation::InProcess).expect("a sandbox");
    let plugin = Artifact::new(Path::new("plugin.wasm"), other);
    let entry = fixture.compiled().join(CacheKey::new(&sandbox.engine, &plugin.digest).name());
    fs::copy(&first, &entry).expect("copied");
    let (loaded, log) = logged(|| sandbox.load("another", &plugin, &Grants::default()));
    assert_eq!(loaded.expect("loads").manifest.name, "another");
    assert!(log.contains("compiled again"), "{log}");
}

/// A host with a meter that differs by a character leaves entries that this host does not use.
#[test]
fn code_with_another_meter_is_not_used() {
    let fixture = Fixture::new();
    fixture.load();
    let entry = fixture.only_entry();
    let sandbox = Sandbox::new(Limits::default(), None, Isolation::InProcess).expect("a sandbox");
    let plugin = Artifact::read(&fixture.directory.path().join("plugin.wasm"), u64::MAX).expect("read");
    let path = |sources: &[&str]| {
        fixture.compiled().join(CacheKey::with_meter(sources, &sandbox.engine, &plugin.digest).name())
    };
    assert_eq!(path(&meter::SOURCES), entry);
    for (changed, source) in meter::SOURCES.into_iter().enumerate() {
        let mut sources = meter::SOURCES;
        sources[changed] = source.strip_suffix('\n').expect("a source ends with a line break");
        let other = path(&sources);
        assert_ne!(other, entry);
        fs::rename(&entry, &other).expect("renamed");
        fs::write(&other, "made by another").expect("written");
        assert_eq!(fixture.load(), "");
        assert!(entry.exists(), "compiled anew");
        assert_eq!(fs::read(&other).expect("read"), b"made by another");
    }
}

#[test]
fn a_damaged_entry_is_replaced() {
    let fixture = Fixture::new();
    fixture.load();
    let entry = fixture.only_entry();
    let intact = fs::read(&entry).expect("read");
    let mut tampered = intact.clone();
    tampered[intact.len() / 2] ^= 1;
    for damaged in [tampered, intact[..intact.len() - 1].to_vec(), intact[..10].to_vec(), Vec::new()] {
        fs::write(&entry, damaged).expect("written");
        let log = fixture.load();
        assert!(log.contains("the digest does not match the content"), "{log}");
        assert_eq!(fs::read(fixture.only_entry()).expect("read"), intact, "replaced by the same");
    }
}

#[test]
fn an_entry_writable_by_others_is_replaced() {
    let fixture = Fixture::new();
    fixture.load();
    for open in [0o620, 0o602] {
        fs::set_permissions(fixture.only_entry(), Permissions::from_mode(open)).expect("set");
        let log = fixture.load();
        assert!(log.contains(&format!("writable by others (mode {open:04o})")), "{log}");
        assert_eq!(mode(&fixture.only_entry()), 0o600);
    }
}

#[test]
fn a_folder_in_place_of_an_entry_stays() {
    let fixture = Fixture::new();
    fixture.load();
    let entry = fixture.only_entry();
    fs::remove_file(&entry).expect("removed");
    fs::create_dir(&entry).expect("created");
    let log = fixture.load();
    assert!(log.contains("not a regular file") && log.contains("a compiled plugin is not stored"), "{log}");
}

#[test]
fn an_entry_of_another_user_is_replaced() {
    let fixture = Fixture::new();
    fixture.load();
    // Only root can give a file away. For another user, the test opens a directory of root.
    if !rustix::process::geteuid().is_root() {
        let error = CodeCache::open(Path::new("/")).err().expect("not ours").to_string();
        assert!(error.contains("owned by user 0"), "{error}");
        return;
    }
    std::os::unix::fs::chown(fixture.only_entry(), Some(12_345), None).expect("given away");
    let log = fixture.load();
    assert!(log.contains("owned by user 12345, not by user 0"), "{log}");
    assert_eq!(fs::metadata(fixture.only_entry()).expect("there").uid(), 0);
}

#[test]
fn a_directory_writable_by_others_is_not_used() {
    let fixture = Fixture::new();
    fixture.load();
    let entry = fixture.only_entry();
    fs::set_permissions(fixture.compiled(), Permissions::from_mode(0o770)).expect("set");
    let (sandbox, log) =
        logged(|| Sandbox::new(Limits::default(), Some(fixture.compiled()), Isolation::InProcess).expect("a sandbox"));
    assert!(sandbox.cache.is_none());
    assert!(log.contains("compiled plugins are not stored") && log.contains("writable by others (mode 0770)"), "{log}");
    assert_eq!(fixture.only_entry(), entry);
}

#[test]
fn a_plugin_with_a_failing_describe_is_compiled_once() {
    let fixture = Fixture::new();
    let core = Plugin { fields: "(func $trap unreachable) (start $trap)", ..Plugin::default() }.core();
    let error = |compiler| {
        let sandbox = Sandbox::new(Limits::default(), Some(fixture.compiled()), compiler).expect("a sandbox");
        let plugin = Artifact::new(Path::new("plugin.wasm"), core.clone());
        sandbox.load("hostile", &plugin, &Grants::default()).err().expect("fails").to_string()
    };
    let first = error(Isolation::InProcess);
    insta::assert_snapshot!(first, @"plugin.wasm: `describe` failed: trapped: wasm `unreachable` instruction executed");
    assert_eq!(fixture.entries().len(), 2, "the code and the refusal");
    let absent = Isolation::Processes { program: PathBuf::from("/nonexistent"), requires_jail: false };
    insta::assert_snapshot!(error(absent), @"plugin.wasm: `describe` failed: trapped: wasm `unreachable` instruction executed (result of an earlier run; costwarden tries again after a change of the file, the limits or the release)");
}

/// Returns a compiler that counts its calls and prints the given answer.
fn counting(fixture: &Fixture, answer: &str) -> Isolation {
    let program = fixture.directory.path().join("compiler");
    let count = fixture.directory.path().join("count");
    let script = format!("#!/bin/sh\ncat > /dev/null\necho >> {}\nprintf '{answer}'\n", count.display());
    fs::write(&program, script).expect("written");
    fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("set");
    Isolation::Processes { program, requires_jail: false }
}

/// Returns the error of a load, and the number of compiler calls until then.
fn refused(fixture: &Fixture, compiler: &Isolation, limits: Limits) -> (String, usize) {
    let sandbox = Sandbox::new(limits, Some(fixture.compiled()), compiler.clone()).expect("a sandbox");
    let plugin = Artifact::new(Path::new("plugin.wasm"), Plugin::default().core());
    let error = sandbox.load("hostile", &plugin, &Grants::default()).err().expect("refused").to_string();
    (error, fs::read_to_string(fixture.directory.path().join("count")).expect("counted").lines().count())
}

#[test]
fn a_refusal_is_cached_for_its_limits() {
    let fixture = Fixture::new();
    let compiler = counting(&fixture, "costwarden refuses a plugin\\n\"SeveralComponents\"");
    let refused = |limits| refused(&fixture, &compiler, limits);
    let first = refused(Limits::default());
    insta::assert_snapshot!(first.0, @"plugin.wasm: contains several components with code, expected one component: link the code as core modules");
    assert_eq!(first.1, 1);
    let second = refused(Limits::default());
    insta::assert_snapshot!(second.0, @"plugin.wasm: contains several components with code, expected one component: link the code as core modules (result of an earlier run; costwarden tries again after a change of the file, the limits or the release)");
    assert_eq!(second.1, 1, "not compiled again");
    assert_eq!(refused(Limits { compile_seconds: 50, ..Limits::default() }), (first.0.clone(), 2));
    assert_eq!(refused(Limits { compile_memory_bytes: 512 << 20, ..Limits::default() }), (first.0, 3));
    // An entry that anybody could have written is not trusted.
    let entry = fixture.entries().into_iter().next().expect("an entry");
    fs::set_permissions(entry, Permissions::from_mode(0o666)).expect("set");
    let all = [
        Limits::default(),
        Limits { compile_seconds: 50, ..Limits::default() },
        Limits { compile_memory_bytes: 512 << 20, ..Limits::default() },
    ];
    let counts: Vec<_> = all.into_iter().map(|limits| refused(limits).1).collect();
    assert_eq!(counts.last(), Some(&4), "{counts:?}");
}

#[test]
fn a_failed_compiler_is_started_again() {
    let fixture = Fixture::new();
    let compiler = counting(&fixture, "nonsense");
    assert_eq!(refused(&fixture, &compiler, Limits::default()).1, 1);
    assert_eq!(refused(&fixture, &compiler, Limits::default()).1, 2);
    let entries = fixture.entries();
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    assert!(entry.to_string_lossy().ends_with(".failed"), "{entry:?}");
}

/// Returns the prospect of a plugin as text, without the time of a failure.
fn prospect(fixture: &Fixture, name: &str, core: &[u8]) -> String {
    let sandbox = reading(fixture);
    let prospect = sandbox.prospect(name, &Artifact::new(Path::new("plugin.wasm"), core.to_vec()));
    match &prospect {
        Prospect::Retried(failure) => prospect.to_string().replace(&format!("{:.0}", failure.at), "TIME"),
        _ => prospect.to_string(),
    }
}

fn reading(fixture: &Fixture) -> Sandbox {
    Sandbox::read_only(Limits::default(), &fixture.compiled(), Isolation::InProcess).expect("a sandbox")
}

#[test]
fn the_prospect_is_the_result_of_the_next_run() {
    let fixture = Fixture::new();
    let core = Plugin::default().core();
    let compiler = counting(&fixture, "nonsense");
    insta::assert_snapshot!(prospect(&fixture, "hostile", &core), @"the next run compiles the plugin for the first time");
    refused(&fixture, &compiler, Limits::default());
    insta::assert_snapshot!(prospect(&fixture, "hostile", &core), @"the last run could not load the plugin (cannot be compiled: the compiler returned neither code nor a reason: the program is not costwarden; at TIME): the next run tries again");
    // A successful load ends the failure.
    fixture.load();
    insta::assert_snapshot!(prospect(&fixture, "hostile", &core), @"the next run uses the compiled plugin");
    let compiler = counting(&fixture, "costwarden refuses a plugin\\n\"SeveralComponents\"");
    fs::remove_file(fixture.only_entry()).expect("removed");
    refused(&fixture, &compiler, Limits::default());
    insta::assert_snapshot!(prospect(&fixture, "hostile", &core), @"the next run refuses the plugin without an attempt: contains several components with code, expected one component: link the code as core modules");
    let loaded = reading(&fixture).load("hostile", &Artifact::new(Path::new("plugin.wasm"), core), &Grants::default());
    let error = loaded.err().expect("refused");
    assert!(matches!(error.fault, LoadFault::CachedRefusal(_)) && !error.is_transient(), "{error}");
}

#[test]
fn a_cache_for_reading_is_not_changed() {
    let fixture = Fixture::new();
    let plugin = Artifact::new(Path::new("plugin.wasm"), Plugin::default().core());
    let load = |compiler| {
        let sandbox = Sandbox::read_only(Limits::default(), &fixture.compiled(), compiler).expect("a sandbox");
        sandbox.shrink_cache(0);
        sandbox.load("hostile", &plugin, &Grants::default()).map(|detector| detector.manifest.name)
    };
    let absent = || Isolation::Processes { program: PathBuf::from("/nonexistent"), requires_jail: false };
    assert!(load(Isolation::InProcess).is_ok());
    assert!(!fixture.compiled().exists());
    fixture.load();
    assert_eq!(load(absent()).expect("described"), "hostile");
    remove(&fixture, "described");
    let with_code = load(absent()).expect_err("no worker").to_string();
    assert!(with_code.contains("a worker process cannot be started"), "uses the compiled code: {with_code}");
    remove(&fixture, "compiled");
    let without_code = load(absent()).expect_err("no compiler").to_string();
    assert!(without_code.contains("the compiler cannot be started"), "{without_code}");
    assert_eq!(fixture.entries(), Vec::<PathBuf>::new());
}

/// Removes the entries of a kind.
fn remove(fixture: &Fixture, kind: &str) {
    for entry in fixture.entries() {
        if entry.extension().is_some_and(|extension| extension == kind) {
            fs::remove_file(entry).expect("removed");
        }
    }
}

/// Returns the class of the fault of two loads, and whether the second load used the stored refusal.
fn loaded_twice(fixture: &Fixture, name: &str, core: &[u8], grants: &Grants) -> (FaultClass, bool) {
    let load = || {
        let sandbox = Sandbox::new(Limits::default(), Some(fixture.compiled()), Isolation::InProcess);
        let plugin = Artifact::new(Path::new("plugin.wasm"), core.to_vec());
        sandbox.expect("a sandbox").load(name, &plugin, grants).err().expect("refused").fault
    };
    (load().class(), matches!(load(), LoadFault::CachedRefusal(_)))
}

#[test]
fn refusals_after_compilation_are_remembered() {
    let fixture = Fixture::new();
    let none = Grants::default();
    let remembered = (FaultClass::Bytes, true);
    let schema = Plugin { schema: "[1]", ..Plugin::default() }.core();
    assert_eq!(loaded_twice(&fixture, "hostile", &schema, &none), remembered);
    let fuel = Plugin { describe: "(loop (br 0)) unreachable", ..Plugin::default() }.core();
    assert_eq!(loaded_twice(&fixture, "hostile", &fuel, &none), remembered);
    let wasi = wat::parse_str(r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#).expect("right");
    assert_eq!(loaded_twice(&fixture, "hostile", &wasi, &none), remembered);
    // The refusal of a name does not apply to another name.
    let good = Plugin::default().core();
    assert_eq!(loaded_twice(&fixture, "other", &good, &none), remembered);
    assert_eq!(fixture.load(), "");
}

/// The config and the files of a grant can change without a change of the plugin.
#[test]
fn refusals_for_grants_are_not_remembered() {
    let fixture = Fixture::new();
    let imports = r#"(import "costwarden:detector/reference@1.0.0" "read" (func (param i32 i32 i32)))"#;
    let core = Plugin { imports, describe: "unreachable", ..Plugin::default() }.core();
    assert_eq!(loaded_twice(&fixture, "hostile", &core, &Grants::default()), (FaultClass::Config, false));
    let granted = Grants { reference: Some(fixture.directory.path().to_owned()) };
    assert_eq!(loaded_twice(&fixture, "hostile", &core, &granted), (FaultClass::Bytes, false));
}
