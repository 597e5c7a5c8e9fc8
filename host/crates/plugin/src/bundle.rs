//! Bundles: the locked plugins of a host, with signatures, plugins.lock and granted reference data, in one tar file for
//! closed networks.
//!
//! A bundle has integrity by its digests, and trust by the signatures and the lock: the other host verifies each plugin
//! as for a run. This module uses no network and parses no plugin.

mod archive;
mod collect;
mod error;
mod install;
mod path;

use std::collections::BTreeMap;

pub use self::archive::{read, to_bytes};
pub use self::collect::collect;
pub use self::error::BundleError;
pub use self::install::install;
pub use self::path::BundlePath;

/// The files of a bundle, without the digests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    pub files: BTreeMap<BundlePath, Vec<u8>>,
}

/// The numbers of files in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BundleCounts {
    pub plugins: usize,
    pub signatures: usize,
    pub reference_files: usize,
}

impl Bundle {
    pub fn counts(&self) -> BundleCounts {
        let mut counts = BundleCounts::default();
        for path in self.files.keys() {
            match path {
                BundlePath::Lock => {}
                BundlePath::Plugin { .. } => counts.plugins += 1,
                BundlePath::Signature { .. } => counts.signatures += 1,
                BundlePath::Reference { .. } => counts.reference_files += 1,
            }
        }
        counts
    }
}
