//! The format of plugins.lock, and the changes between two locks.

use super::parse::parse;
use super::*;

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn entry(version: &str, signer: Option<&str>) -> LockEntry {
    let source = Some(format!("oci://h.example/acme/web:1@sha256:{DIGEST}").parse().expect("an image"));
    let source = signer.and(source);
    LockEntry {
        version: version.to_owned(),
        digest: DIGEST.to_owned(),
        signer: signer.map(str::to_owned),
        source,
        line: 0,
    }
}

fn lock(entries: &[(&str, LockEntry)]) -> Lock {
    let entries = entries.iter().map(|(name, entry)| ((*name).to_owned(), entry.clone())).collect();
    Lock { file: PathBuf::from("plugins.lock"), entries }
}

#[test]
fn a_written_lock_can_be_read() {
    let written = lock(&[("web", entry("1.0 \"beta\"\\", Some("acme"))), ("a", entry("2", None))]);
    insta::assert_snapshot!(written.to_string(), @r#"
    # The plugins of the rules, written by `costwarden plugin lock`. A run refuses all other plugins. Do not edit.
    version = 1

    [[plugin]]
    name = "a"
    version = "2"
    digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    [[plugin]]
    name = "web"
    version = "1.0 \"beta\"\\"
    digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    signer = "acme"
    source = "oci://h.example/acme/web:1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    "#);
    let read = parse(Path::new("plugins.lock"), &written.to_string()).expect("valid");
    assert_eq!(written.changes(&read), []);
    assert_eq!(read.entries["a"].line, 4);
}

#[test]
fn every_error_has_a_line() {
    let text = "version = 2\n[[plugin]]\nname = \"a\"\ndigest = \"sha256:12\"\n[[plugin]]\nname = \"b\"\nversion = 1\n\
                digest = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\nsource = \"a:1\"\nhash = \"\"\n";
    let errors = parse(Path::new("plugins.lock"), text).expect_err("invalid");
    let errors: String = errors.iter().map(|error| format!("{error}\n")).collect();
    insta::assert_snapshot!(errors, @r#"
    plugins.lock:1: version: is 2, but this costwarden supports 1: use the costwarden that wrote the file, or write the file again with `costwarden plugin lock`
    plugins.lock:2: plugin.version: is missing, expected the version of the plugin
    plugins.lock:4: plugin.digest: expected sha256: and 64 digits in lower-case hex, found "sha256:12"
    plugins.lock:7: plugin.version: expected a string in quotes, found 1
    plugins.lock:9: plugin.source: expected a plugin in a registry, like oci://HOST/NAME:TAG@sha256:DIGEST, found "a:1"
    plugins.lock:10: plugin.hash: unknown key, expected one of name, version, digest, signer, source
    "#);
}

#[test]
fn a_change_has_the_old_and_the_new_values() {
    let before = lock(&[("gone", entry("1", None)), ("same", entry("1", None)), ("web", entry("1", None))]);
    let after = lock(&[("new", entry("1", None)), ("same", entry("1", None)), ("web", entry("2", Some("acme")))]);
    let changes: String = before.changes(&after).iter().map(|change| format!("{change}\n")).collect();
    insta::assert_snapshot!(changes, @"
    removed gone: version 1, digest sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    added new: version 1, digest sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    changed web: version 1 -> 2, signer none -> acme, source none -> oci://h.example/acme/web:1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    ");
}
