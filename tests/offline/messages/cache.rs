//! Compiled plugins in the state directory: entries of uncertain origin are compiled again.

use std::fs::{Permissions, read, set_permissions, write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use costwarden_tests::three_services::{daily, workdir_with_history};
use costwarden_tests::{Workdir, is_compiled_code};

/// The compiled code of the only plugin.
fn entry(workdir: &Workdir) -> PathBuf {
    let entries = std::fs::read_dir(workdir.path().join("state/compiled")).expect("a folder");
    let entries = entries.map(|entry| entry.expect("an entry").path());
    let entries: Vec<PathBuf> = entries.filter(|entry| is_compiled_code(entry)).collect();
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    entry.clone()
}

#[test]
fn an_entry_that_was_tampered_with_is_replaced() {
    let workdir = workdir_with_history();
    let (_, before, _) = daily(&workdir);
    let entry = entry(&workdir);
    let bytes = read(&entry).expect("an entry");
    let [mut flipped, mut swapped] = [bytes.clone(), bytes.clone()];
    *flipped.last_mut().expect("bytes") ^= 1;
    swapped[bytes.len() / 2] ^= 0x80;
    for tampered in [flipped, swapped, bytes[..bytes.len() / 2].to_vec(), b"nothing of ours".to_vec(), Vec::new()] {
        write(&entry, &tampered).expect("written");
        let run = workdir.run(&["daily", "--date", "2026-11-22"]).expect(0);
        assert!(run.stderr.contains("a cached plugin is not trusted and is compiled again"), "{run:?}");
        assert!(read(&entry).expect("an entry") != tampered, "it was replaced");
        let (code, after, _) = daily(&workdir);
        assert_eq!((code, &after["anomalies"]), (0, &before["anomalies"]));
    }
    let run = workdir.run(&["daily", "--date", "2026-11-22"]).expect(0);
    assert_eq!(run.stderr, "", "the new entry is trusted");
}

#[test]
fn an_entry_that_others_can_write_to_is_replaced() {
    let workdir = workdir_with_history();
    let entry = entry(&workdir);
    set_permissions(&entry, Permissions::from_mode(0o666)).expect("set");
    let run = workdir.run(&["daily", "--date", "2026-11-22"]).expect(0);
    assert!(run.stderr.contains("writable by others (mode 0666)"), "{run:?}");
    assert_eq!(entry.metadata().expect("an entry").permissions().mode() & 0o777, 0o600);

    let folder = entry.parent().expect("a folder");
    set_permissions(folder, Permissions::from_mode(0o777)).expect("set");
    let run = workdir.run(&["daily", "--date", "2026-11-22"]).expect(0);
    assert!(run.stderr.contains("compiled plugins are not stored") && run.stderr.contains("mode 0777"), "{run:?}");
}
