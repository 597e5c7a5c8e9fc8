//! The table `[store]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use config_file::secret::{self, Secret, SecretResolver};
use config_file::toml::Section;
use transport::endpoint;

use crate::mongodb::{MongodbOptions, insecure_tls_option};

/// The database of stored documents.
#[derive(Debug, Clone)]
pub enum StoreOptions {
    Embedded { path: PathBuf },
    Mongodb(MongodbOptions),
}

/// The words for the kinds in a config.
pub const KINDS: &str = "\"embedded\" or \"mongodb\"";

const URI: &str = "The connection string of MongoDB: a reference, or plain text without a password.";
const TIMEOUT: &str = "The longest wait for an answer of MongoDB, in seconds; ten times as long for an index.";

/// Reads the table `[store]`.
pub fn read(mut section: Section<'_, '_>, state_dir: &Path, references: &SecretResolver<'_>) -> Option<StoreOptions> {
    #[derive(Clone, Copy)]
    enum Kind {
        Embedded,
        Mongodb,
    }
    section.need("kind", KINDS);
    match section
        .key("kind", "The kind of the store: one file, or MongoDB.")
        .variant(&[("embedded", Kind::Embedded), ("mongodb", Kind::Mongodb)])?
    {
        Kind::Embedded => {
            let path = section
                .key("path", "The file of the store. Without the key: costwarden.redb in state_dir.")
                .path()
                .unwrap_or_else(|| state_dir.join("costwarden.redb"));
            section.finish();
            Some(StoreOptions::Embedded { path })
        }
        Kind::Mongodb => {
            section.need("uri", "a connection string, like \"env:MONGODB_URI\" or \"mongodb://127.0.0.1:27017\"");
            let is_reference =
                |text: &str| ["env:", "file:", "kakao-secret:"].iter().any(|form| text.starts_with(form));
            let has_plain_password = section.peek("uri").is_some_and(|uri| !is_reference(uri) && has_password(uri));
            let uri = secret::read_or_plain(section.key("uri", URI), references);
            if let Some(option) = uri.as_ref().and_then(Secret::known).and_then(insecure_tls_option) {
                let message = format!(
                    "{option} turns off the check of the server's certificate; remove the option, and set ca_file to the certificate authority"
                );
                section.fail("uri", message);
            }
            let authority = endpoint::authority(&mut section);
            let client_certificate = client_certificate(&mut section, references);
            let database = section
                .key("database", "The name of the database.")
                .default("billing")
                .pattern("^[^/\\\\. \"$]+$")
                .parse("the name of a database", |name| {
                    // Characters that MongoDB forbids in the name of a database.
                    (!name.is_empty() && !name.contains(['/', '\\', '.', ' ', '"', '$'])).then(|| name.to_owned())
                });
            let timeout = section.key("timeout_seconds", TIMEOUT).whole_or(1..=3_600, 60);
            section.finish();
            Some(StoreOptions::Mongodb(MongodbOptions {
                uri: uri?,
                has_plain_password,
                authority: authority?,
                client_certificate: client_certificate?,
                database: database.unwrap_or_else(|| "billing".to_owned()),
                connect_timeout: Duration::from_secs(10),
                selection_timeout: Duration::from_secs(15),
                timeout: Duration::from_secs(timeout as u64),
            }))
        }
    }
}

/// Whether a connection string contains a password.
fn has_password(uri: &str) -> bool {
    let user = uri.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
    user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
}

/// Reads the file with a client certificate and the private key, a secret. `None` if the file is unusable, `Some(None)`
/// if the key is missing.
fn client_certificate(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<Option<PathBuf>> {
    if !section.has("client_certificate_file") {
        return Some(None);
    }
    let path =
        section.key("client_certificate_file", "A client certificate and its private key in one PEM file.").path()?;
    match secret::read_file(&path) {
        Ok(pem) if pem.contains("BEGIN CERTIFICATE") && pem.contains("PRIVATE KEY") => Some(Some(path)),
        Ok(_) => {
            let message = format!(
                "{} does not contain a certificate and its private key; expected both in one PEM file",
                path.display()
            );
            section.fail("client_certificate_file", message);
            None
        }
        Err(message) => {
            references.record_missing(section, "client_certificate_file", message);
            Some(Some(path))
        }
    }
}
