//! Pulled plugins on disk: `sha256-DIGEST.wasm` with the signature beside the file, and for each image a record of the
//! last pull.
//!
//! This module opens files but no connection. A stored plugin is verified like any file before use.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::rule::image::Image;
use sandbox::{Artifact, ArtifactError, retention};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::registry::PulledPlugin;
use super::signature::signature_path;

/// The folder of pulled plugins.
#[derive(Debug, Clone)]
pub struct PulledPlugins {
    directory: PathBuf,
}

/// Result of the last pull of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRecord {
    /// Image pinned to the manifest.
    pub image: Image,
    /// SHA-256 of the plugin's bytes, in hex.
    pub digest: String,
}

/// JSON form of a record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordFile {
    image: String,
    digest: String,
}

impl PulledPlugins {
    pub fn new(state_dir: &Path) -> Self {
        Self { directory: state_dir.join("plugins") }
    }

    /// Returns the plugin with this digest, not parsed; `None` if absent.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is too large, or has a different digest.
    pub fn read(&self, digest: &str, limit_bytes: u64) -> Result<Option<Artifact>, PulledPluginsError> {
        let path = self.path(digest);
        if !path.exists() {
            return Ok(None);
        }
        let artifact = Artifact::read(&path, limit_bytes)?;
        if artifact.digest == digest { Ok(Some(artifact)) } else { Err(PulledPluginsError::Damaged { path }) }
    }

    /// Returns the record of the last pull; `None` if there is no readable record.
    pub fn record(&self, image: &Image) -> Option<PullRecord> {
        let text = std::fs::read_to_string(self.record_path(image)).ok()?;
        let RecordFile { image: pinned, digest } = serde_json::from_str(&text).ok()?;
        let pinned: Image = pinned.parse().ok()?;
        image.covers(&pinned).then_some(PullRecord { image: pinned, digest })
    }

    /// Stores a pulled plugin with the signature and a record for `image`. Every file is written atomically.
    pub fn save(&self, image: &Image, pulled: &PulledPlugin) -> Result<PathBuf, PulledPluginsError> {
        let path = self.path(&pulled.artifact.digest);
        let record = RecordFile { image: pulled.image.to_string(), digest: pulled.artifact.digest.clone() };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .and_then(|()| self.write(&path, &pulled.artifact.bytes))
            .and_then(|()| match &pulled.signature {
                Some(signature) => self.write(&signature_path(&path), signature.text.as_bytes()),
                None => Ok(()),
            })
            // The record comes last, so a record never names an absent plugin.
            .and_then(|()| self.write(&self.record_path(image), serde_json::json!(record).to_string().as_bytes()))
            .map_err(|error| PulledPluginsError::Save { directory: self.directory.clone(), error })?;
        Ok(path)
    }

    /// Removes files without use for 30 days; the given plugins and images are in use.
    ///
    /// # Errors
    /// Fails if a file cannot be read, updated or removed.
    pub fn tidy<'a>(
        &self,
        digests: impl IntoIterator<Item = &'a str>,
        images: impl IntoIterator<Item = &'a Image>,
        now: Timestamp,
    ) -> io::Result<()> {
        let mut paths: Vec<PathBuf> = images.into_iter().map(|image| self.record_path(image)).collect();
        for digest in digests {
            let path = self.path(digest);
            paths.extend([signature_path(&path), path]);
        }
        let name = |path: PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
        let is_ours = |name: &str| name.starts_with("sha256-") || name.starts_with("image-");
        retention::tidy_folder(&self.directory, &paths.into_iter().filter_map(name).collect(), is_ours, now)
    }

    /// Returns the path for a plugin's digest; the file may be absent.
    pub fn path(&self, digest: &str) -> PathBuf {
        self.directory.join(format!("sha256-{digest}.wasm"))
    }

    fn record_path(&self, image: &Image) -> PathBuf {
        // An image name contains characters such as `/`, not allowed in a file name.
        let name = hex::encode(Sha256::digest(image.to_string()));
        self.directory.join(format!("image-{name}.json"))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mode = Permissions::from_mode(0o600);
        let mut draft = tempfile::Builder::new().permissions(mode).tempfile_in(&self.directory)?;
        draft.write_all(bytes)?;
        draft.as_file().sync_all()?;
        draft.persist(path)?;
        Ok(())
    }
}

/// Errors of storing or reading a pulled plugin.
#[derive(Debug, thiserror::Error)]
pub enum PulledPluginsError {
    #[error(transparent)]
    Read(#[from] ArtifactError),
    #[error("{}: changed after the pull; any job or `costwarden plugin pull` pulls the plugin again", path.display())]
    Damaged { path: PathBuf },
    #[error("{}: pulled plugins cannot be stored in this folder of state_dir: {error}", directory.display())]
    Save { directory: PathBuf, error: io::Error },
}
