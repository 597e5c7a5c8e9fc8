//! Paths and addresses: the binary, the repository, the bundled plugins, the servers.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use test_services::{service, skipped};

/// The path of the binary under test, in the folder of the profile: `target/release/costwarden` beside
/// `target/release/deps/TEST`.
///
/// # Panics
/// The binary is absent.
pub fn binary() -> &'static str {
    static BINARY: OnceLock<String> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("the path of the test executable");
        let profile = test.parent().and_then(Path::parent).expect("PROFILE/deps/TEST");
        let binary = profile.join("costwarden");
        assert!(binary.exists(), "{} is absent: run make host first", binary.display());
        binary.into_os_string().into_string().expect("UTF-8")
    })
}

/// The root folder of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// The folder of the bundled plugins.
///
/// # Panics
/// `make build` has not built the plugins.
pub fn plugins() -> PathBuf {
    let folder = repository().join("plugins/dist");
    assert!(folder.join("tutorial.wasm").exists(), "{} has no plugins: run make build first", folder.display());
    folder
}

/// Returns the names of the bundled plugins, sorted: the built folders of `plugins/`.
///
/// # Panics
/// `make build` has not built the plugins.
pub fn bundled_plugins() -> Vec<String> {
    let files = std::fs::read_dir(plugins()).expect("a folder").map(|file| file.expect("read").path());
    let mut names: Vec<String> =
        files.map(|file| file.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Returns whether a file of the cache is the compiled code of a plugin.
pub fn is_compiled_code(entry: &Path) -> bool {
    entry.extension().is_some_and(|extension| extension == "compiled")
}

/// Returns the path of real input beside the repository. If the input is absent, the result is `None`, and the test is
/// skipped aloud.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = repository().parent()?.join("shared").join(path);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("{} is absent", path.display()));
    None
}

/// Writes a file with mode 600.
pub fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, owner_only).expect("permissions");
}
