//! A plugin's file as bytes, not looked into yet: what is signed, locked and kept by its digest.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::loading::{Fault, LoadError};

/// The bytes of a plugin's file. Nothing of them has been parsed.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    /// Where it lies, for messages.
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 of the bytes, in hex.
    pub(crate) digest: String,
}

impl Artifact {
    /// Reads a file, if it is no larger than a plugin may be.
    ///
    /// # Errors
    /// It cannot be read, is no regular file, or is larger.
    pub(crate) fn read(path: &Path, limit_bytes: u64) -> Result<Self, LoadError> {
        match read(path, limit_bytes) {
            Ok(bytes) => Ok(Self::new(path, bytes)),
            Err(fault) => Err(LoadError { path: path.to_owned(), fault }),
        }
    }

    /// Bytes that are there already; the path is for messages.
    pub(crate) fn new(path: &Path, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), digest: hex::encode(Sha256::digest(&bytes)), bytes }
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    // Asked before opening: to open a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(Fault::Read)?;
    if !metadata.is_file() {
        return Err(Fault::NotAFile);
    }
    // At once: a reader with a limit does not ask how long the file is.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0) + 1);
    File::open(path)
        .map_err(Fault::Read)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(Fault::Read)?;
    if bytes.len() as u64 > limit { Err(Fault::TooLarge(limit)) } else { Ok(bytes) }
}
