//! The text of `--version --verbose`: the build, for reports and audits.

use std::ffi::OsString;

/// The lock file of the build: the versions of all dependencies.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// Returns whether the command line is `--version --verbose`, in any order.
pub(super) fn is_asked(words: &[OsString]) -> bool {
    let has = |flag: &str| words.iter().any(|word| word == flag);
    words.len() == 2 && (has("--version") || has("-V")) && has("--verbose")
}

/// Returns the version, the commit, the engine and the date of the last advisory check. The build sets the commit and
/// the date as the environment variables COSTWARDEN_COMMIT and COSTWARDEN_ADVISORIES.
pub(super) fn text() -> String {
    let commit = option_env!("COSTWARDEN_COMMIT").filter(|commit| !commit.is_empty());
    let checked = option_env!("COSTWARDEN_ADVISORIES").filter(|date| !date.is_empty());
    format!(
        "costwarden {}\ncommit: {}\nengine: wasmtime {}\nadvisory check: {}",
        env!("CARGO_PKG_VERSION"),
        commit.unwrap_or("unknown, the build did not set COSTWARDEN_COMMIT"),
        locked_version("wasmtime").unwrap_or("unknown"),
        checked.unwrap_or("unknown, the build did not set COSTWARDEN_ADVISORIES"),
    )
}

/// Returns the version of a package in the lock file.
fn locked_version(package: &str) -> Option<&'static str> {
    let (_, rest) = LOCK.split_once(&format!("\nname = \"{package}\"\nversion = \""))?;
    rest.split_once('"').map(|(version, _)| version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_has_the_version_of_the_lock_file() {
        let version = locked_version("wasmtime").expect("a dependency");
        assert!(version.split('.').count() == 3, "{version}");
        assert!(text().contains(&format!("engine: wasmtime {version}\n")));
        assert_eq!(locked_version("no-such-package"), None);
    }

    #[test]
    fn both_flags_ask_for_the_build() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(is_asked(&words("--version --verbose")) && is_asked(&words("--verbose -V")));
        assert!(!is_asked(&words("--version")) && !is_asked(&words("daily --verbose")));
    }
}
