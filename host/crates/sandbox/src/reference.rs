//! The import `reference`: read-only access to the files of a granted directory. [`super::loading`] checks the grant.

use std::io::{self, Read};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use wasmtime::component::{Linker, WasmStr};
use wasmtime::{AsContext, StoreContextMut};

use super::fuel;
use super::session::State;

/// A granted directory. A symbolic link is followed only if the target is inside the directory.
pub(super) struct Reference {
    directory: Dir,
    limit_bytes: u64,
}

/// Fuel for opening a file: about ten microseconds of system calls.
const OPEN_FUEL: u64 = 20_000;

/// Defines `reference.read` in the linker.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut reference = linker.instance("costwarden:detector/reference@1.0.0")?;
    reference.func_wrap("read", |store, (name,): (WasmStr,)| Ok((read(store, &name)?,)))
}

impl Reference {
    pub(super) fn open(directory: &Path, limit_bytes: u64) -> io::Result<Self> {
        Ok(Self { directory: Dir::open_ambient_dir(directory, ambient_authority())?, limit_bytes })
    }

    /// Returns the bytes of the named file, or an error text that reveals nothing about the host.
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
            return Err("a name of reference data has no separators".to_owned());
        }
        // Checked before the open: opening a pipe would wait for a writer.
        let metadata = self.directory.metadata(name).map_err(|error| kind(&error))?;
        if !metadata.is_file() {
            return Err("not a regular file".to_owned());
        }
        let mut bytes = Vec::new();
        let file = self.directory.open(name).map_err(|error| kind(&error))?;
        file.take(self.limit_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| kind(&error))?;
        if bytes.len() as u64 > self.limit_bytes {
            return Err(format!("larger than {} bytes (plugins.limits.reference_bytes)", self.limit_bytes));
        }
        Ok(bytes)
    }
}

fn read(mut store: StoreContextMut<'_, State>, name: &WasmStr) -> wasmtime::Result<Result<Vec<u8>, String>> {
    store.data_mut().fuel.charge(fuel::IMPORT + OPEN_FUEL)?;
    let name = name.to_str(store.as_context())?;
    let answer = match &store.data().reference {
        Some(reference) => reference.read(&name),
        None => Err("not granted".to_owned()),
    };
    let read = answer.as_ref().map_or(0, Vec::len) as u64;
    // Charged after the read, because the size of the file is unknown before.
    let units = name.len() as u64 + read;
    store.data_mut().fuel.charge(units)?;
    match store.data().reference_bytes_left.checked_sub(read) {
        Some(left) => store.data_mut().reference_bytes_left = left,
        None => return Ok(Err("no more in this call (plugins.limits.reference_bytes_per_call)".to_owned())),
    }
    Ok(answer)
}

fn kind(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such reference data".to_owned(),
        _ => "cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_but_into_the_directory() {
        let parent = tempfile::tempdir().expect("a directory");
        let granted = parent.path().join("granted");
        std::fs::create_dir(&granted).expect("created");
        std::fs::write(parent.path().join("secret"), "secret").expect("written");
        std::fs::write(granted.join("holidays.csv"), "2026-12-25").expect("written");
        std::fs::write(granted.join("large"), [0; 17]).expect("written");
        std::fs::create_dir(granted.join("inner")).expect("created");
        std::os::unix::fs::symlink("holidays.csv", granted.join("inside")).expect("linked");
        std::os::unix::fs::symlink("../secret", granted.join("outside")).expect("linked");
        let reference = Reference::open(&granted, 16).expect("opened");
        let read = |name: &str| reference.read(name).map(|bytes| String::from_utf8(bytes).expect("text"));
        assert_eq!(read("holidays.csv").as_deref(), Ok("2026-12-25"));
        assert_eq!(read("inside").as_deref(), Ok("2026-12-25"));
        assert_eq!(read("large").expect_err("refused"), "larger than 16 bytes (plugins.limits.reference_bytes)");
        assert_eq!(read("outside").expect_err("refused"), "cannot be read");
        assert_eq!(read("inner").expect_err("refused"), "not a regular file");
        assert_eq!(read("absent").expect_err("refused"), "no such reference data");
        for name in ["", ".", "..", "../secret", "/etc/passwd", "inner/x", "a\\b", "a\0b"] {
            assert_eq!(read(name).expect_err("refused"), "a name of reference data has no separators", "{name:?}");
        }
    }
}
