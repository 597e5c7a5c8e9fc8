//! Tests of the cache of compiled plugins: trusted entries are used, untrusted entries are replaced.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::cache::{Cache, Key};
use super::plugin::Plugin;
use super::{Artifact, Compiler, Grants, Limits, Sandbox, fuel, logged};

/// A plugin and a directory for compiled code.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
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
        let sandbox = Sandbox::new(limits, Some(self.compiled()), Compiler::Here).expect("a sandbox");
        let plugin = Artifact::read(&self.directory.path().join("plugin.wasm"), u64::MAX).expect("read");
        // `load` would start a thread without the test's log, so this test calls the inner function.
        let (loaded, log) = logged(|| sandbox.load_here(Some("hostile"), &plugin, &Grants::default()));
        assert_eq!(loaded.expect("loads").manifest.name, "hostile");
        log
    }

    fn entries(&self) -> Vec<PathBuf> {
        let mut entries: Vec<_> =
            fs::read_dir(self.compiled()).expect("there").map(|entry| entry.expect("read").path()).collect();
        entries.sort();
        entries
    }

    fn only_entry(&self) -> PathBuf {
        let entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries.into_iter().next().expect("one")
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").mode() & 0o7777
}

#[test]
fn an_entry_is_private_and_used_again() {
    let bench = Bench::new();
    assert_eq!(bench.load(), "");
    let entry = bench.only_entry();
    assert_eq!((mode(&bench.compiled()), mode(&entry)), (0o700, 0o600));
    let written = fs::metadata(&entry).expect("there").ino();
    assert_eq!(bench.load(), "");
    assert_eq!(fs::metadata(bench.only_entry()).expect("there").ino(), written, "not written again");
}

#[test]
fn what_the_code_depends_on_has_its_own_entry() {
    let bench = Bench::new();
    bench.load();
    // The compiled code stays the same: only the store enforces this limit.
    bench.load_with(Limits { memory_bytes: 1 << 20, ..Limits::default() });
    assert_eq!(bench.entries().len(), 1);
    fs::write(bench.directory.path().join("plugin.wasm"), Plugin { summary: "another", ..Plugin::default() }.core())
        .expect("written");
    bench.load();
    assert_eq!(bench.entries().len(), 2);
}

/// A host with a meter that differs by a character leaves entries that this host does not use.
#[test]
fn what_another_meter_was_put_into_is_not_used() {
    let bench = Bench::new();
    bench.load();
    let entry = bench.only_entry();
    let sandbox = Sandbox::new(Limits::default(), None, Compiler::Here).expect("a sandbox");
    let plugin = Artifact::read(&bench.directory.path().join("plugin.wasm"), u64::MAX).expect("read");
    let path =
        |sources: &[&str]| bench.compiled().join(Key::with_meter(sources, &sandbox.engine, &plugin.digest).name());
    assert_eq!(path(&fuel::SOURCES), entry);
    for (changed, source) in fuel::SOURCES.into_iter().enumerate() {
        let mut sources = fuel::SOURCES;
        sources[changed] = source.strip_suffix('\n').expect("a source ends with a line break");
        let other = path(&sources);
        assert_ne!(other, entry);
        fs::rename(&entry, &other).expect("renamed");
        fs::write(&other, "made by another").expect("written");
        assert_eq!(bench.load(), "");
        assert!(entry.exists(), "compiled anew");
        assert_eq!(fs::read(&other).expect("read"), b"made by another");
    }
}

#[test]
fn a_damaged_entry_is_replaced() {
    let bench = Bench::new();
    bench.load();
    let entry = bench.only_entry();
    let whole = fs::read(&entry).expect("read");
    let mut tampered = whole.clone();
    tampered[whole.len() / 2] ^= 1;
    for damaged in [tampered, whole[..whole.len() - 1].to_vec(), whole[..10].to_vec(), Vec::new()] {
        fs::write(&entry, damaged).expect("written");
        let log = bench.load();
        assert!(log.contains("its digest is not that of its bytes"), "{log}");
        assert_eq!(fs::read(bench.only_entry()).expect("read"), whole, "replaced by the same");
    }
}

#[test]
fn an_entry_that_others_can_write_to_is_replaced() {
    let bench = Bench::new();
    bench.load();
    for open in [0o620, 0o602] {
        fs::set_permissions(bench.only_entry(), Permissions::from_mode(open)).expect("set");
        let log = bench.load();
        assert!(log.contains(&format!("writable by others (mode {open:04o})")), "{log}");
        assert_eq!(mode(&bench.only_entry()), 0o600);
    }
}

#[test]
fn an_entry_that_is_no_file_is_replaced_by_nothing() {
    let bench = Bench::new();
    bench.load();
    let entry = bench.only_entry();
    fs::remove_file(&entry).expect("removed");
    fs::create_dir(&entry).expect("created");
    let log = bench.load();
    assert!(log.contains("not a regular file") && log.contains("a compiled plugin is not kept"), "{log}");
}

#[test]
fn an_entry_of_somebody_else_is_replaced() {
    let bench = Bench::new();
    bench.load();
    // Only root can give a file away. For another user, the test opens a directory of root.
    if !rustix::process::geteuid().is_root() {
        let error = Cache::open(Path::new("/")).err().expect("not ours").to_string();
        assert!(error.contains("owned by user 0"), "{error}");
        return;
    }
    std::os::unix::fs::chown(bench.only_entry(), Some(12_345), None).expect("given away");
    let log = bench.load();
    assert!(log.contains("owned by user 12345, not by user 0"), "{log}");
    assert_eq!(fs::metadata(bench.only_entry()).expect("there").uid(), 0);
}

#[test]
fn a_directory_that_others_can_write_to_is_not_used() {
    let bench = Bench::new();
    bench.load();
    let entry = bench.only_entry();
    fs::set_permissions(bench.compiled(), Permissions::from_mode(0o770)).expect("set");
    let (sandbox, log) =
        logged(|| Sandbox::new(Limits::default(), Some(bench.compiled()), Compiler::Here).expect("a sandbox"));
    assert!(sandbox.cache.is_none());
    assert!(log.contains("compiled plugins are not kept") && log.contains("writable by others (mode 0770)"), "{log}");
    assert_eq!(bench.only_entry(), entry);
}

#[test]
fn a_plugin_that_fails_is_compiled_once() {
    let bench = Bench::new();
    let core = Plugin { fields: "(func $trap unreachable) (start $trap)", ..Plugin::default() }.core();
    let told = |compiler| {
        let sandbox = Sandbox::new(Limits::default(), Some(bench.compiled()), compiler).expect("a sandbox");
        let plugin = Artifact::new(Path::new("plugin.wasm"), core.clone());
        sandbox.load("hostile", &plugin, &Grants::default()).err().expect("fails").to_string()
    };
    let first = told(Compiler::Here);
    insta::assert_snapshot!(first, @"plugin.wasm: its describe failed: trapped: wasm `unreachable` instruction executed");
    bench.only_entry();
    let none = Compiler::Child(PathBuf::from("/nonexistent"));
    assert_eq!(told(none), first, "no compiler is asked");
}

/// Returns a compiler that counts its calls and prints the given answer.
fn counting(bench: &Bench, answer: &str) -> Compiler {
    let program = bench.directory.path().join("compiler");
    let count = bench.directory.path().join("count");
    let script = format!("#!/bin/sh\ncat > /dev/null\necho >> {}\nprintf '{answer}'\n", count.display());
    fs::write(&program, script).expect("written");
    fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("set");
    Compiler::Child(program)
}

/// Returns the error of a load, and the number of compiler calls until then.
fn refused(bench: &Bench, compiler: &Compiler, limits: Limits) -> (String, usize) {
    let sandbox = Sandbox::new(limits, Some(bench.compiled()), compiler.clone()).expect("a sandbox");
    let plugin = Artifact::new(Path::new("plugin.wasm"), Plugin::default().core());
    let told = sandbox.load("hostile", &plugin, &Grants::default()).err().expect("refused").to_string();
    (told, fs::read_to_string(bench.directory.path().join("count")).expect("counted").lines().count())
}

#[test]
fn a_refused_compile_is_remembered_for_its_limits() {
    let bench = Bench::new();
    let compiler = counting(&bench, "costwarden refuses a plugin\\n\"Joined\"");
    let refused = |limits| refused(&bench, &compiler, limits);
    let first = refused(Limits::default());
    insta::assert_snapshot!(first.0, @"plugin.wasm: joins several components that have code of their own, expected one: link them as core modules");
    assert_eq!(first.1, 1);
    let again = refused(Limits::default());
    insta::assert_snapshot!(again.0, @"plugin.wasm: joins several components that have code of their own, expected one: link them as core modules (as an earlier run found; other limits, another file or another costwarden try again)");
    assert_eq!(again.1, 1, "not compiled again");
    assert_eq!(refused(Limits { compile_seconds: 50, ..Limits::default() }), (first.0.clone(), 2));
    assert_eq!(refused(Limits { compile_memory_bytes: 512 << 20, ..Limits::default() }), (first.0, 3));
    // An entry that anybody could have written is not trusted.
    let entry = bench.entries().into_iter().next().expect("an entry");
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
fn a_compiler_that_fails_is_tried_again() {
    let bench = Bench::new();
    let compiler = counting(&bench, "nonsense");
    assert_eq!(refused(&bench, &compiler, Limits::default()).1, 1);
    assert_eq!(refused(&bench, &compiler, Limits::default()).1, 2);
    assert_eq!(bench.entries(), Vec::<PathBuf>::new());
}
