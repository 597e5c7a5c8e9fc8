//! The environment of trials: limits, grants, keys and the cache.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::incident::ACCEPT_AFTER_DAYS;
use plugin::TrustedKey;
use plugin::options::TrialOptions;
use sandbox::inspection::Inspection;
use sandbox::{Artifact, Detector, Grants, Isolation, Limits, LoadFault, Sandbox};

use super::{CacheArgs, LoadArgs, config_file};
use crate::cli::together;
use crate::config::{self, Trial};

/// The environment of trials: the production settings of the config, or the defaults without a config.
pub(super) struct TrialEnvironment {
    pub(super) limits: Limits,
    /// Grants by plugin name.
    grants: BTreeMap<String, Grants>,
    /// Currency code of ISO 4217.
    pub(super) currency: String,
    pub(super) accept_after_days: u16,
    pub(super) keys: Vec<TrustedKey>,
}

/// Size limit of the user's cache of compiled plugins, in bytes: about ten plugins in Python. Every build is a new
/// plugin.
const CACHE_BYTES: u64 = 1 << 30;

impl TrialEnvironment {
    pub(super) fn new(config: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(file) = config_file(config) else {
            let TrialOptions { limits, keys, grants } = TrialOptions::default();
            let currency = "KRW".to_owned();
            return Ok(Self { limits, grants, currency, accept_after_days: ACCEPT_AFTER_DAYS, keys });
        };
        let Trial { currency, accept_after_days, plugins } = config::load_trial(&file).map_err(together)?;
        let TrialOptions { limits, keys, grants } = plugins;
        Ok(Self { limits, grants, currency, accept_after_days, keys })
    }

    /// Loads a plugin under any name, with the reference data of `--reference`, or with the grant in the config.
    pub(super) fn load(&self, file: &Path, args: &LoadArgs) -> anyhow::Result<Detector> {
        match &args.reference {
            // Checked here: a plugin without an access to reference data would hide the mistake from the author.
            Some(folder) if !folder.is_dir() => {
                anyhow::bail!(
                    "--reference: {} is not a folder, expected a folder with reference data",
                    folder.display()
                )
            }
            Some(folder) => self.load_granted(file, folder, &args.cache),
            None => {
                let artifact = Artifact::read(file, self.limits.module_bytes)?;
                self.load_artifact(&artifact, &self.grants(&artifact), &args.cache)
            }
        }
    }

    /// Loads a plugin under any name, with a folder of reference data.
    pub(super) fn load_granted(&self, file: &Path, reference: &Path, cache: &CacheArgs) -> anyhow::Result<Detector> {
        let artifact = Artifact::read(file, self.limits.module_bytes)?;
        self.load_artifact(&artifact, &Grants { reference: Some(reference.to_owned()) }, cache)
    }

    fn load_artifact(&self, artifact: &Artifact, grants: &Grants, cache: &CacheArgs) -> anyhow::Result<Detector> {
        let sandbox = cache.sandbox(self.limits.clone())?;
        let loaded = sandbox.load_any(artifact, grants).map_err(|error| match &error.fault {
            LoadFault::NotGranted { .. } => {
                anyhow::anyhow!(
                    "{error}; or, for a trial, name the folder with --reference; a golden case may have a folder reference of its own"
                )
            }
            LoadFault::CachedRefusal(_) => anyhow::anyhow!("{error}; or with --no-cache"),
            _ => error.into(),
        });
        sandbox.shrink_cache(CACHE_BYTES);
        loaded
    }

    /// Inspects a plugin file in a worker process.
    pub(super) fn inspect(&self, artifact: &Artifact) -> anyhow::Result<Inspection> {
        Ok(Sandbox::new(self.limits.clone(), None, Isolation::processes(false))?.inspect(artifact)?)
    }

    /// Returns the name in the packed manifest, or the file name without a readable manifest.
    pub(super) fn name(&self, artifact: &Artifact) -> String {
        let manifest = self.inspect(artifact).ok().and_then(|inspection| inspection.manifest);
        manifest.map_or_else(|| artifact.stem(), |manifest| manifest.name)
    }

    /// Returns the grant in the config for the name of a plugin.
    fn grants(&self, artifact: &Artifact) -> Grants {
        if self.grants.is_empty() {
            return Grants::default();
        }
        self.grants.get(&self.name(artifact)).cloned().unwrap_or_default()
    }
}
