//! The versions of the contract that this host supports.

use super::InvalidPlugin;
use crate::{CONTRACT, text};

/// Maximum bytes of a version in a message.
const VERSION_BYTES: usize = 32;

/// Accepts every version with the host's major number. Minor versions only add, so a plugin for another minor version
/// runs if the host has the plugin's types.
pub(super) fn check_version(version: &str) -> Result<(), InvalidPlugin> {
    let numbers: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
    let (major, _) = CONTRACT.split_once('.').expect("a version has dots");
    match numbers[..] {
        [Ok(first), Ok(_), Ok(_)] if first.to_string() == major => Ok(()),
        _ => Err(unsupported_version(version)),
    }
}

/// Returns the error for a version that this host does not support.
pub(super) fn unsupported_version(version: &str) -> InvalidPlugin {
    InvalidPlugin::Version {
        version: text::single_line(text::truncated(version.to_owned(), VERSION_BYTES)),
        is_newer: is_newer(version),
    }
}

/// Returns true for a version after the host's version.
pub(super) fn is_newer(version: &str) -> bool {
    let numbers =
        |version: &str| version.split('.').map(|number| number.parse::<u32>().ok()).collect::<Option<Vec<_>>>();
    numbers(version).is_some_and(|version| Some(version) > numbers(CONTRACT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions_of_the_major_number_are_supported() {
        for version in ["1.0.0", "1.0.7", "1.2.0"] {
            assert!(check_version(version).is_ok(), "{version}");
        }
        for version in ["2.0.0", "0.9.0", "1", "1.0", "1.0.0-rc1", "1.0.0;", "none", ""] {
            assert!(check_version(version).is_err(), "{version}");
        }
    }

    #[test]
    fn newer_versions_are_recognized() {
        for version in ["1.0.1", "1.2.0", "2.0.0", "10.0.0"] {
            assert!(is_newer(version), "{version}");
        }
        for version in ["1.0.0", "0.9.0", "0.99.99", "none", "", "2.x.0"] {
            assert!(!is_newer(version), "{version}");
        }
    }
}
