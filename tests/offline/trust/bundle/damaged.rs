//! Hostile bundles: no file is written, inside or outside the folders of the config.

use std::path::Path;

use costwarden_tests::Workdir;
use costwarden_tests::plugin_files::said;
use costwarden_tests::three_services::workdir;
use tar::{Builder, EntryType, Header};

use super::installed;

/// A file of a hostile bundle.
struct Entry {
    path: &'static str,
    kind: EntryType,
    /// `None` for the length of the content.
    size: Option<u64>,
    content: Vec<u8>,
}

impl Entry {
    fn new(path: &'static str, content: impl Into<Vec<u8>>) -> Self {
        Self { path, kind: EntryType::Regular, size: None, content: content.into() }
    }

    fn of_kind(kind: EntryType, path: &'static str) -> Self {
        Self { kind, ..Self::new(path, "") }
    }

    fn of_size(self, size: u64) -> Self {
        Self { size: Some(size), ..self }
    }
}

/// The digest of no bytes.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn write(workdir: &Workdir, entries: &[Entry]) {
    let mut builder = Builder::new(Vec::new());
    for Entry { path, kind, size, content } in entries {
        let mut header = Header::new_ustar();
        // The library refuses hostile paths, so the bytes are written without it.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        if *kind == EntryType::Symlink || *kind == EntryType::Link {
            header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
        }
        header.set_size(size.unwrap_or(content.len() as u64));
        header.set_cksum();
        builder.append(&header, content.as_slice()).expect("written");
    }
    std::fs::write(workdir.path().join("b.tar"), builder.into_inner().expect("written")).expect("written");
}

/// Installs the entries after the list of digests. Returns the output.
fn refused(sums: &str, entries: Vec<Entry>) -> String {
    let workdir = workdir();
    std::fs::remove_dir_all(workdir.path().join("plugins")).expect("removed");
    let entries: Vec<Entry> = std::iter::once(Entry::new("SHA256SUMS", sums)).chain(entries).collect();
    write(&workdir, &entries);
    let (code, text) = said(&workdir, &["plugin", "unbundle", "b.tar"]);
    assert_eq!((code, installed(&workdir)), (2, vec![]), "{text}");
    assert!(!Path::new("/tmp/costwarden-escaped").exists());
    text
}

#[test]
fn a_path_does_not_leave_the_folders() {
    for path in [
        "/tmp/costwarden-escaped",
        "../costwarden-escaped",
        "plugins/../../costwarden-escaped.wasm",
        "plugins/../plugins.lock",
        "reference/tutorial/../../../costwarden-escaped",
        "./plugins.lock",
    ] {
        let sums = format!("{EMPTY}  {path}\n");
        let text = refused(&sums, vec![Entry::new(path, "")]);
        assert!(text.contains("line 1 of SHA256SUMS is not a digest and the path of a new file of a bundle"), "{text}");
        let text = refused("", vec![Entry::new(path, "")]);
        assert!(text.contains(&format!("{path} is not in SHA256SUMS, or occurs twice")), "{text}");
    }
}

#[test]
fn only_regular_files_are_accepted() {
    let sums = format!("{EMPTY}  plugins/tutorial.wasm\n");
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::GNUSparse,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let text = refused(&sums, vec![Entry::of_kind(kind, "plugins/tutorial.wasm")]);
        assert!(text.contains("plugins/tutorial.wasm is not a regular file"), "{kind:?}: {text}");
    }
}

/// The claimed length is far above the memory of a machine.
#[test]
fn a_length_is_checked_before_the_content_is_read() {
    let sums = format!("{EMPTY}  plugins/tutorial.wasm\n");
    let text = refused(&sums, vec![Entry::new("plugins/tutorial.wasm", "x").of_size(1 << 32)]);
    insta::assert_snapshot!(text, @"failed: b.tar: larger than 536870912 bytes, the limit of a file in a bundle");
    let text = refused(&sums, vec![Entry::new("plugins/tutorial.wasm", "x").of_size(100_000)]);
    insta::assert_snapshot!(text, @"failed: b.tar: not an intact bundle: ends in the middle of a file; copy the file again, or write the bundle again with `costwarden plugin bundle`");
}

#[test]
fn the_files_are_those_of_the_list() {
    let sums = format!("{EMPTY}  plugins/tutorial.wasm\n");
    insta::assert_snapshot!(refused(&sums, vec![]), @"failed: b.tar: not an intact bundle: plugins/tutorial.wasm of SHA256SUMS is missing; copy the file again, or write the bundle again with `costwarden plugin bundle`");
    insta::assert_snapshot!(refused(&sums, vec![Entry::new("plugins/tutorial.wasm", "other")]), @"failed: b.tar: not an intact bundle: plugins/tutorial.wasm has the digest sha256:[1], expected sha256:[2]; copy the file again, or write the bundle again with `costwarden plugin bundle`");
    let twice = || Entry::new("plugins/tutorial.wasm", "");
    insta::assert_snapshot!(refused(&sums, vec![twice(), twice()]), @"failed: b.tar: not an intact bundle: plugins/tutorial.wasm is not in SHA256SUMS, or occurs twice; copy the file again, or write the bundle again with `costwarden plugin bundle`");
    insta::assert_snapshot!(refused(&sums.repeat(2), vec![twice()]), @"failed: b.tar: not an intact bundle: line 2 of SHA256SUMS is not a digest and the path of a new file of a bundle; copy the file again, or write the bundle again with `costwarden plugin bundle`");
    insta::assert_snapshot!(refused(&sums, vec![twice()]), @"failed: b.tar: not an intact bundle: has no plugins.lock; copy the file again, or write the bundle again with `costwarden plugin bundle`");
}

#[test]
fn the_plugins_are_those_of_the_lock() {
    let lock = |plugin: &str| {
        format!(
            "version = 1\n\n[[plugin]]\nname = \"{plugin}\"\nversion = \"1\"\ndigest = \"sha256:{}\"\n",
            "0".repeat(64)
        )
    };
    let with = |text: &str| {
        let workdir = workdir();
        std::fs::remove_dir_all(workdir.path().join("plugins")).expect("removed");
        let sums = format!("{}  plugins.lock\n{}  plugins/tutorial.wasm\n", sha256(text), EMPTY);
        let entries =
            [Entry::new("SHA256SUMS", sums), Entry::new("plugins.lock", text), Entry::new("plugins/tutorial.wasm", "")];
        write(&workdir, &entries);
        let (code, said) = said(&workdir, &["plugin", "unbundle", "b.tar"]);
        assert_eq!((code, installed(&workdir)), (2, vec![]), "{said}");
        said
    };
    insta::assert_snapshot!(with(&lock("tutorial")), @"failed: `tutorial` is sha256:[1], but b.tar/plugins.lock:3 has sha256:[2]: restore the locked plugin, or approve the new plugin with `costwarden plugin lock`");
    insta::assert_snapshot!(with(&lock("../../costwarden-escaped")), @"failed: b.tar: not an intact bundle: plugins/tutorial.wasm belongs to no plugin of plugins.lock; copy the file again, or write the bundle again with `costwarden plugin bundle`");
    insta::assert_snapshot!(with("version = 1\n"), @"failed: b.tar: not an intact bundle: plugins/tutorial.wasm belongs to no plugin of plugins.lock; copy the file again, or write the bundle again with `costwarden plugin bundle`");
    insta::assert_snapshot!(with("version"), @"failed: b.tar/plugins.lock:1: invalid TOML: expected an equals, found eof");
}

#[test]
fn another_file_is_no_bundle() {
    let workdir = workdir();
    for (name, bytes) in [("text", vec![b'x'; 5000]), ("empty", vec![]), ("zeros", vec![0; 5000])] {
        std::fs::write(workdir.path().join(name), bytes).expect("written");
        let (code, text) = said(&workdir, &["plugin", "unbundle", name]);
        assert!(code == 2 && text.contains(&format!("failed: {name}: not an intact bundle: ")), "{text}");
    }
    insta::assert_snapshot!(said(&workdir, &["plugin", "unbundle", "absent.tar"]).1, @"failed: absent.tar cannot be read: No such file or directory (os error 2)");
}

/// The digest by the program of the system.
fn sha256(text: &str) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    let run = costwarden_tests::run(std::process::Command::new("sha256sum").arg(file.path()));
    run.stdout.split(' ').next().expect("a digest").to_owned()
}
