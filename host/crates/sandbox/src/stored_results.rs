//! The results of `describe` and `check-settings` in earlier runs, stored beside the compiled code, so that a run starts a
//! worker only for a plugin with series to evaluate.
//!
//! A result is used only for the same plugin, engine, limits and settings, and only beside the code that gave the result.
//! The results of a plugin with reference data are not stored, because the files can change.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::Issue;
use crate::compile::cache::{CachedCode, CodeCache};
use crate::compile::{CacheKey, MachineCode};
use crate::manifest::Manifest;

/// The cache and the key of the description of a plugin.
pub(crate) struct StoredResults {
    cache: Arc<CodeCache>,
    description: CacheKey,
}

/// A checked description, and the compiled code of the plugin.
pub(crate) struct DescribedCode {
    pub(crate) manifest: Manifest,
    pub(crate) code: MachineCode,
}

/// The stored form of a description.
#[derive(Serialize, Deserialize)]
struct StoredDescription {
    manifest: Manifest,
    /// Digest of the described code.
    code: String,
}

impl StoredResults {
    pub(crate) fn new(cache: Arc<CodeCache>, description: CacheKey) -> Self {
        Self { cache, description }
    }

    /// Returns the stored description, if the code under the key is the described code.
    pub(crate) fn described_code(&self, key: &CacheKey) -> Option<DescribedCode> {
        let StoredDescription { manifest, code: described } = self.cache.record(&self.description)?;
        let CachedCode { code, digest } = self.cache.get(key)?;
        (digest == described).then_some(DescribedCode { manifest, code })
    }

    /// Stores the description that the code under the key gave.
    pub(crate) fn put_description(&self, manifest: &Manifest, key: &CacheKey, code: &MachineCode) {
        let code = self.cache.digest(key, code);
        self.cache.put_record(&self.description, &StoredDescription { manifest: manifest.clone(), code });
    }

    /// Returns the issues that the plugin found in the settings.
    pub(crate) fn issues(&self, settings: &str) -> Option<Vec<Issue>> {
        self.cache.record(&self.description.of_settings(settings))
    }

    /// Stores the issues that the plugin found in the settings.
    pub(crate) fn put_issues(&self, settings: &str, issues: &[Issue]) {
        self.cache.put_record(&self.description.of_settings(settings), &issues);
    }
}
