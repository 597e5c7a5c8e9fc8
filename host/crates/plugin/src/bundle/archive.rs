//! The tar file of a bundle: `SHA256SUMS` first, then every file of that list. `sha256sum -c` reads the list too.
//!
//! The same files always give the same bytes. A reader accepts regular files only, with the paths of [`BundlePath`], and
//! reads no extended headers, because their length has no limit.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sandbox::single_line;
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, Entry, EntryType, Header};

use super::{Bundle, BundleError, BundlePath};

/// The list of digests: 64 hex digits, two blanks, the path.
const SUMS: &str = "SHA256SUMS";
/// Limit of a whole bundle, which is read into memory.
const BUNDLE_BYTES: u64 = 512 << 20;
const SUMS_BYTES: u64 = 4 << 20;

/// Returns the tar file of a bundle.
///
/// # Errors
/// Fails if a path is too long for a tar header, or if the bundle is larger than the limit.
pub fn to_bytes(bundle: &Bundle, file: &Path) -> Result<Vec<u8>, BundleError> {
    let mut sums = String::new();
    for (path, bytes) in &bundle.files {
        sums.push_str(&format!("{}  {path}\n", hex::encode(Sha256::digest(bytes))));
    }
    let mut builder = Builder::new(Vec::new());
    let failed = |error| BundleError::Write(file.to_owned(), error);
    append(&mut builder, SUMS, sums.as_bytes()).map_err(failed)?;
    for (path, bytes) in &bundle.files {
        append(&mut builder, &path.to_string(), bytes).map_err(failed)?;
    }
    let bytes = builder.into_inner().map_err(failed)?;
    if bytes.len() as u64 > BUNDLE_BYTES {
        return Err(too_large(file, "a bundle", BUNDLE_BYTES));
    }
    Ok(bytes)
}

fn append(builder: &mut Builder<Vec<u8>>, path: &str, bytes: &[u8]) -> io::Result<()> {
    // Without the time and the owner of the files.
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    builder.append(&header, bytes)
}

/// Reads a bundle, and checks every digest.
///
/// # Errors
/// Fails if the file cannot be read, is too large, has other entries than those of the list, or has another digest.
pub fn read(file: &Path) -> Result<Bundle, BundleError> {
    let opened = File::open(file).map_err(|error| BundleError::Read(file.to_owned(), error))?;
    parse(file, opened)
}

fn parse(file: &Path, tar: impl Read) -> Result<Bundle, BundleError> {
    let damaged = |fault: String| BundleError::Damaged { file: file.to_owned(), fault };
    let mut counted = Counted { inner: tar, left: BUNDLE_BYTES };
    let mut archive = Archive::new(&mut counted);
    let entries = archive.entries().map_err(|error| damaged(io_fault(&error)))?.raw(true);
    let mut sums = None;
    let mut files = BTreeMap::new();
    for entry in entries {
        let mut entry = entry.map_err(|error| read_error(file, &error))?;
        let path = entry_path(&entry).map_err(damaged)?;
        let Some(expected) = &mut sums else {
            if path != SUMS {
                return Err(damaged(format!("the first file is {path}, expected {SUMS}")));
            }
            sums = Some(parse_sums(&read_entry(file, &mut entry, SUMS_BYTES)?).map_err(damaged)?);
            continue;
        };
        let known = BundlePath::parse(&path).and_then(|path| Some((expected.remove(&path)?, path)));
        let Some((digest, path)) = known else {
            return Err(damaged(format!("{path} is not in {SUMS}, or occurs twice")));
        };
        let bytes = read_entry(file, &mut entry, BUNDLE_BYTES)?;
        let actual = hex::encode(Sha256::digest(&bytes));
        if actual != digest {
            return Err(damaged(format!("{path} has the digest sha256:{actual}, expected sha256:{digest}")));
        }
        files.insert(path, bytes);
    }
    let missing = sums.ok_or_else(|| damaged(format!("has no {SUMS}")))?;
    match missing.keys().next() {
        Some(path) => Err(damaged(format!("{path} of {SUMS} is missing"))),
        None => Ok(Bundle { files }),
    }
}

/// Returns the path of a regular file.
fn entry_path(entry: &Entry<'_, impl Read>) -> Result<String, String> {
    let header = entry.header();
    let path = String::from_utf8_lossy(&header.path_bytes()).into_owned();
    let path = single_line(path.chars().take(300).collect());
    match header.entry_type() {
        EntryType::Regular => Ok(path),
        _ => Err(format!("{path} is not a regular file")),
    }
}

fn read_entry(file: &Path, entry: &mut Entry<'_, impl Read>, limit: u64) -> Result<Vec<u8>, BundleError> {
    let size = entry.size();
    if size > limit {
        return Err(too_large(file, "a file in a bundle", limit));
    }
    let mut bytes = Vec::new();
    entry.take(limit).read_to_end(&mut bytes).map_err(|error| read_error(file, &error))?;
    if bytes.len() as u64 == size {
        return Ok(bytes);
    }
    Err(BundleError::Damaged { file: file.to_owned(), fault: "ends in the middle of a file".to_owned() })
}

/// Parses the list of digests.
fn parse_sums(bytes: &[u8]) -> Result<BTreeMap<BundlePath, String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("{SUMS} is not UTF-8"))?;
    let mut sums = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let entry = line.split_once("  ").filter(|(digest, _)| is_digest(digest));
        let entry = entry.and_then(|(digest, path)| Some((BundlePath::parse(path)?, digest.to_owned())));
        let is_new = entry.is_some_and(|(path, digest)| sums.insert(path, digest).is_none());
        if !is_new {
            return Err(format!("line {} of {SUMS} is not a digest and the path of a new file of a bundle", index + 1));
        }
    }
    Ok(sums)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn read_error(file: &Path, error: &io::Error) -> BundleError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return too_large(file, "a bundle", BUNDLE_BYTES);
    }
    BundleError::Damaged { file: file.to_owned(), fault: io_fault(error) }
}

fn io_fault(error: &io::Error) -> String {
    single_line(format!("not a tar file: {error}").chars().take(300).collect())
}

fn too_large(file: &Path, part: &str, limit: u64) -> BundleError {
    BundleError::TooLarge { file: file.to_owned(), part: part.to_owned(), limit }
}

/// A reader with an error after a number of bytes.
struct Counted<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        let files = [
            (BundlePath::Lock, b"version = 1\n".to_vec()),
            (BundlePath::plugin("web-costs"), vec![7; 1500]),
            (BundlePath::Reference { plugin: "web-costs".to_owned(), file: "empty".to_owned() }, Vec::new()),
        ];
        Bundle { files: files.into() }
    }

    #[test]
    fn a_bundle_is_read_as_written() {
        let file = Path::new("b.tar");
        let bytes = to_bytes(&bundle(), file).expect("written");
        assert_eq!(parse(file, bytes.as_slice()).expect("read"), bundle());
        assert_eq!(to_bytes(&bundle(), file).expect("written"), bytes);
    }

    #[test]
    fn a_damaged_bundle_is_refused() {
        let file = Path::new("b.tar");
        let bytes = to_bytes(&bundle(), file).expect("written");
        let last = bytes.iter().rposition(|byte| *byte != 0).expect("not empty");
        for end in 0..last {
            assert!(parse(file, &bytes[..end]).is_err(), "cut at {end}");
        }
        for index in 0..last {
            let mut bytes = bytes.clone();
            bytes[index] ^= 1;
            // A header has bytes without effect on the content, such as the owner.
            if let Ok(read) = parse(file, bytes.as_slice()) {
                assert_eq!(read, bundle(), "bit of byte {index}");
            }
        }
    }

    #[test]
    fn an_endless_file_is_not_read_to_the_end() {
        let error = parse(Path::new("b.tar"), io::repeat(b'x')).expect_err("refused");
        assert!(error.to_string().contains("not a tar file"), "{error}");
        // Zeros are the end of a tar file.
        let error = parse(Path::new("b.tar"), io::repeat(0)).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "b.tar: not an intact bundle: has no SHA256SUMS; copy the file again, or write the bundle again with `costwarden plugin bundle`"
        );
    }
}
