//! A plugin file in raw bytes: the unit of signing, locking and caching by digest. Nothing here parses the bytes.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::loading::{Fault, LoadError};

/// The unparsed bytes of a plugin file.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Path of the file, for messages.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes, in hex.
    pub digest: String,
}

impl Artifact {
    /// Reads a regular file of at most `limit_bytes`.
    ///
    /// # Errors
    /// The file cannot be read, is not a regular file, or is too large.
    pub fn read(path: &Path, limit_bytes: u64) -> Result<Self, LoadError> {
        match read(path, limit_bytes) {
            Ok(bytes) => Ok(Self::new(path, bytes)),
            Err(fault) => Err(LoadError { path: path.to_owned(), fault }),
        }
    }

    /// Wraps bytes in memory; the path is for messages.
    pub fn new(path: &Path, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), digest: hex::encode(Sha256::digest(&bytes)), bytes }
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    // Checked before the open: opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(Fault::Read)?;
    if !metadata.is_file() {
        return Err(Fault::NotAFile);
    }
    // Reserved at once: a reader with a limit does not query the file size.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 1);
    File::open(path)
        .map_err(Fault::Read)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(Fault::Read)?;
    if bytes.len() as u64 > limit { Err(Fault::TooLarge(limit)) } else { Ok(bytes) }
}
