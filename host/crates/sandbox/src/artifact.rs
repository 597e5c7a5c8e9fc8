//! A plugin file in raw bytes: the unit of signing, locking and caching by digest. Nothing here parses the bytes beyond
//! the header.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The expectation in messages about a file that is not a plugin.
pub(crate) const EXPECTED: &str = "a .wasm core module or component built for costwarden:detector@1";

/// The unparsed bytes of a plugin file.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Path of the file, for messages.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes, in hex.
    pub digest: String,
}

/// The form of a plugin file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// A core module.
    Core,
    Component,
}

impl Artifact {
    /// Reads a regular file of at most `limit_bytes`.
    ///
    /// # Errors
    /// The file cannot be read, is not a regular file, or is too large.
    pub fn read(path: &Path, limit_bytes: u64) -> Result<Self, ArtifactError> {
        match read(path, limit_bytes) {
            Ok(bytes) => Ok(Self::new(path, bytes)),
            Err(fault) => Err(ArtifactError { path: path.to_owned(), fault }),
        }
    }

    /// Wraps bytes in memory; the path is for messages.
    pub fn new(path: &Path, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), digest: hex::encode(Sha256::digest(&bytes)), bytes }
    }

    /// Returns the file name without the extension: the name of a plugin without a packed manifest.
    pub fn stem(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Encoding {
    /// Returns the form according to the first bytes; `None` if the bytes are neither a module nor a component.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.first_chunk::<8>() {
            Some(b"\0asm\x01\0\0\0") => Some(Self::Core),
            Some(b"\0asm\x0d\0\x01\0") => Some(Self::Component),
            _ => None,
        }
    }

    /// Returns the name for people and for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Component => "component",
        }
    }
}

fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, ArtifactFault> {
    // Checked before the open: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(ArtifactFault::NotAFile);
    }
    // Reserved at once: a reader with a limit does not query the file size.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit_bytes)).unwrap_or(0) + 1);
    File::open(path)?.take(limit_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit_bytes { Err(ArtifactFault::TooLarge(limit_bytes)) } else { Ok(bytes) }
}

/// An unreadable plugin file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct ArtifactError {
    pub path: PathBuf,
    pub fault: ArtifactFault,
}

/// The cause of an unreadable plugin file.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactFault {
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("not a regular file, expected {EXPECTED}")]
    NotAFile,
    #[error("larger than {0} bytes (plugins.limits.module_bytes)")]
    TooLarge(u64),
}
