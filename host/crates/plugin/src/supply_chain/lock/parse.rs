//! Parses plugins.lock.

use std::collections::BTreeMap;
use std::path::Path;

use config_file::toml::{Diagnostic, Document, Section};
use model::rule::image::{Image, is_sha256};

use super::{Lock, LockEntry, VERSION};

/// Returns the lock, or every fault in the text.
pub(super) fn parse(file: &Path, text: &str) -> Result<Lock, Vec<Diagnostic>> {
    let document = Document::new(file, text);
    let mut entries = BTreeMap::new();
    if let Some(mut root) = document.root() {
        root.need("version", "version = 1");
        if let Some(version) = root.key("version", "The version of the format.").whole(1..=i64::MAX)
            && version != VERSION
        {
            let message = format!(
                "is {version}, but this costwarden supports {VERSION}: use the costwarden that wrote the file, or write the file again with `costwarden plugin lock`"
            );
            root.fail("version", message);
        }
        for section in root.key("plugin", "The locked plugins.").sections() {
            parse_entry(section, &mut entries);
        }
        root.finish();
    }
    let errors = document.into_errors();
    if errors.is_empty() { Ok(Lock { file: file.to_owned(), entries }) } else { Err(errors) }
}

fn parse_entry(mut section: Section<'_, '_>, entries: &mut BTreeMap<String, LockEntry>) {
    const DIGEST: &str = "sha256: and 64 digits in lower-case hex";
    section.need("name", "the name of the plugin");
    section.need("version", "the version of the plugin");
    section.need("digest", DIGEST);
    let name = section.key("name", "The name of the plugin.").text();
    let version = section.key("version", "The version of the plugin.").text();
    let digest = section
        .key("digest", "The digest of the file.")
        .parse(DIGEST, |text| is_sha256(text).then(|| text.trim_start_matches("sha256:").to_owned()));
    let signer = section.key("signer", "The name of the trusted key.").text();
    let source = section
        .key("source", "The pinned image.")
        .parse("a plugin in a registry, like oci://HOST/NAME:TAG@sha256:DIGEST", |text| text.parse::<Image>().ok());
    let line = section.line();
    if let Some(name) = &name
        && entries.contains_key(name)
    {
        section.fail("name", format!("{name:?} appears twice, expected each plugin once"));
    }
    section.finish();
    if let (Some(name), Some(version), Some(digest)) = (name, version, digest) {
        entries.insert(name, LockEntry { version, digest, signer, source, line });
    }
}
