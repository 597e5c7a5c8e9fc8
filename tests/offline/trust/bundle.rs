//! Bundles: the plugins of one host on another host without a network.

mod damaged;

use costwarden_tests::plugin_files::{configure, rebuild, said};
use costwarden_tests::three_services::{HEALTHY, check, daily, workdir_with_history};
use costwarden_tests::{Workdir, repository};

/// The config beside the minimal one: a key, and a grant.
const TABLES: &str = "[plugins.grants.misbehaving]\nreference = \"lists\"\n\
    [[plugins.signing.key]]\nname = \"acme\"\npublic_key = \"file:acme.key.pub\"\nplugins = [\"*\"]\n";

fn rules(workdir: &Workdir) {
    let settings = "settings = { mode = \"reference\", phase = \"judge\", name = \"holidays\" }\n";
    let rule = HEALTHY.replace("healthy", "reader").replace("tutorial", "misbehaving");
    workdir.write("rules/reader.toml", &format!("{rule}{settings}"));
}

/// A host with two signed and locked plugins and a file of reference data.
fn source() -> Workdir {
    let workdir = workdir_with_history();
    let built = repository().join("target/test-plugins/misbehaving.wasm");
    std::fs::copy(built, workdir.path().join("plugins/misbehaving.wasm")).expect("make build brings it");
    rules(&workdir);
    workdir.write("lists/holidays", "2026-12-25\n");
    workdir.run(&["plugin", "keygen", "acme.key"]).expect(0);
    for name in ["tutorial", "misbehaving"] {
        workdir.run(&["plugin", "sign", &format!("plugins/{name}.wasm"), "--key", "acme.key"]).expect(0);
    }
    configure(&workdir, TABLES);
    workdir.run(&["plugin", "lock"]).expect(0);
    workdir
}

/// A host with the config and the rules of the source, and nothing else.
fn target(source: &Workdir) -> Workdir {
    let workdir = workdir_with_history();
    std::fs::remove_dir_all(workdir.path().join("plugins")).expect("removed");
    rules(&workdir);
    configure(&workdir, TABLES);
    copy(source, &workdir, "acme.key.pub");
    workdir
}

fn copy(from: &Workdir, to: &Workdir, file: &str) {
    std::fs::copy(from.path().join(file), to.path().join(file)).expect("copied");
}

/// The names of the files in a working directory that a bundle may write.
fn installed(workdir: &Workdir) -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["plugins", "lists", "state/plugins"] {
        let entries = std::fs::read_dir(workdir.path().join(folder)).into_iter().flatten();
        names.extend(entries.map(|entry| format!("{folder}/{}", entry.expect("an entry").file_name().display())));
    }
    names.extend(workdir.path().join("plugins.lock").exists().then(|| "plugins.lock".to_owned()));
    names.sort();
    names
}

#[test]
fn a_bundle_brings_the_plugins_to_another_host() {
    let source = source();
    insta::assert_snapshot!(said(&source, &["plugin", "bundle", "b.tar"]).1, @"b.tar: bundled 2 plugins, 2 signatures and 1 file of reference data");
    let target = target(&source);
    copy(&source, &target, "b.tar");
    assert_eq!(check(&target).0, 2, "nothing is there yet");
    insta::assert_snapshot!(said(&target, &["plugin", "unbundle", "b.tar"]).1, @"b.tar: installed 2 plugins, 2 signatures and 1 file of reference data");
    insta::assert_debug_snapshot!(installed(&target), @r#"
    [
        "lists/holidays",
        "plugins.lock",
        "plugins/misbehaving.wasm",
        "plugins/misbehaving.wasm.minisig",
        "plugins/tutorial.wasm",
        "plugins/tutorial.wasm.minisig",
    ]
    "#);
    target.run(&["plugin", "lock", "--check"]).expect(0);
    let (_, expected, _) = daily(&source);
    let (code, report, problems) = daily(&target);
    assert_eq!((code, &report["anomalies"]), (0, &expected["anomalies"]), "{problems}");
    // The same plugins give the same bytes, on every host.
    let json = target.run(&["plugin", "bundle", "again.tar", "--json"]).expect(0).report();
    assert_eq!((&json["plugins"], &json["signatures"], &json["referenceFiles"]), (&2.into(), &2.into(), &1.into()));
    let bytes = |workdir: &Workdir, file: &str| std::fs::read(workdir.path().join(file)).expect("a file");
    assert!(bytes(&source, "b.tar") == bytes(&target, "again.tar"));
    // Standard tools read the file.
    let mut tar = std::process::Command::new("tar");
    tar.args(["xf", "b.tar", "-C", "state"]).current_dir(source.path());
    assert_eq!(costwarden_tests::run(&mut tar).code, 0);
    let mut sums = std::process::Command::new("sha256sum");
    sums.args(["--check", "--strict", "SHA256SUMS"]).current_dir(source.path().join("state"));
    assert_eq!(costwarden_tests::run(&mut sums).code, 0);
}

/// A plugin that is not locked is not bundled. A second bundle replaces the plugins of the first.
#[test]
fn a_newer_bundle_replaces_the_plugins() {
    let source = source();
    source.run(&["plugin", "bundle", "b.tar"]).expect(0);
    let target = target(&source);
    copy(&source, &target, "b.tar");
    target.run(&["plugin", "unbundle", "b.tar"]).expect(0);
    rebuild(&source, "tutorial", 1);
    source.run(&["plugin", "sign", "plugins/tutorial.wasm", "--key", "acme.key"]).expect(0);
    insta::assert_snapshot!(said(&source, &["plugin", "bundle", "b.tar"]).1, @"failed: `tutorial` is sha256:[1], but [workdir]/plugins.lock:10 has sha256:[2]: restore the locked plugin, or approve the new plugin with `costwarden plugin lock`");
    source.run(&["plugin", "lock"]).expect(0);
    source.run(&["plugin", "bundle", "b.tar"]).expect(0);
    copy(&source, &target, "b.tar");
    target.run(&["plugin", "unbundle", "b.tar"]).expect(0);
    target.run(&["plugin", "lock", "--check"]).expect(0);
    assert_eq!(daily(&target).0, 0);
}

#[test]
fn a_bundle_of_a_host_has_locked_and_plain_files_only() {
    let workdir = workdir_with_history();
    insta::assert_snapshot!(said(&workdir, &["plugin", "bundle", "b.tar"]).1, @"failed: [workdir]/plugins.lock: absent, and a bundle contains locked plugins only: write the lock with `costwarden plugin lock`");
    let source = source();
    std::os::unix::fs::symlink("holidays", source.path().join("lists/link")).expect("linked");
    insta::assert_snapshot!(said(&source, &["plugin", "bundle", "b.tar"]).1, @"failed: [workdir]/lists/link: not a regular file, and a bundle has regular files only: remove it from the folder");
    assert!(!source.path().join("b.tar").exists());
}

#[test]
fn a_bundle_needs_the_keys_and_the_grants_of_the_target() {
    let source = source();
    source.run(&["plugin", "bundle", "b.tar"]).expect(0);
    let refused = |tables: &str| {
        let workdir = target(&source);
        copy(&source, &workdir, "b.tar");
        workdir.write("costwarden.toml", &format!("{}{tables}", costwarden_tests::three_services::MINIMAL));
        let (code, text) = said(&workdir, &["plugin", "unbundle", "b.tar"]);
        assert_eq!((code, installed(&workdir)), (2, vec![]), "{text}");
        text
    };
    insta::assert_snapshot!(refused(&TABLES.replace("grants.misbehaving", "grants.tutorial")), @r#"failed: the bundle has reference data of `misbehaving`, but the config grants no folder: add `reference = "DIRECTORY"` under [plugins.grants.misbehaving]"#);
    insta::assert_snapshot!(refused(&TABLES.replace("[\"*\"]", "[\"other\"]")), @r#"failed: b.tar/plugins/misbehaving.wasm: signed by `acme`, but this key may sign only "other", not `misbehaving`: add the plugin to `plugins` of the [[plugins.signing.key]]"#);
    insta::assert_snapshot!(refused("[plugins.grants.misbehaving]\nreference = \"lists\"\n"), @"failed: `misbehaving` is signed by no key, but b.tar/plugins.lock:4 has `acme`: approve the new signer with `costwarden plugin lock`");
    insta::assert_snapshot!(refused(&format!("{TABLES}[plugins.limits]\nmodule_bytes = 1000\n")), @"failed: b.tar: larger than 1000 bytes, the limit of plugins.limits.module_bytes for `misbehaving`");
    insta::assert_snapshot!(refused(&format!("{TABLES}[plugins.limits]\nreference_bytes = 5\n")), @"failed: b.tar: larger than 5 bytes, the limit of plugins.limits.reference_bytes for reference/misbehaving/holidays");
}
