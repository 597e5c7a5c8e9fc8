//! What plugins are tried out under, and how they are loaded there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{LoadArgs, known};
use crate::cli::together;
use crate::config::{self, ACCEPT_AFTER_DAYS, Trial, TriedOut};
use crate::detector::{Artifact, Detector, Grants, Limits, LoadFault};
use crate::plugin::{TrustedKey, packed};

/// What plugins are tried out under: as in production where there is a config, with the defaults elsewhere.
pub(super) struct Ground {
    pub(super) limits: Limits,
    /// By plugin name.
    grants: BTreeMap<String, Grants>,
    pub(super) accept_after_days: u16,
    pub(super) keys: Vec<TrustedKey>,
}

/// Of the user's compiled plugins together: some ten in Python, each of whose builds is another plugin.
const CACHE_BYTES: u64 = 1 << 30;

impl Ground {
    pub(super) fn new(config: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(file) = known(config) else {
            let TriedOut { limits, keys, grants } = TriedOut::default();
            return Ok(Self { limits, grants, accept_after_days: ACCEPT_AFTER_DAYS, keys });
        };
        let Trial { accept_after_days, plugins } = config::load_trial(&file).map_err(together)?;
        let TriedOut { limits, keys, grants } = plugins;
        Ok(Self { limits, grants, accept_after_days, keys })
    }

    /// Loads a plugin under whatever name it gives itself, with the reference data that is named, else with what the
    /// config grants.
    pub(super) fn load(&self, file: &Path, args: &LoadArgs) -> anyhow::Result<Detector> {
        let artifact = Artifact::read(file, self.limits.module_bytes)?;
        let grants = match &args.reference {
            // Looked for here: a plugin that reads none would not miss it, and its author would not learn of it.
            Some(folder) if !folder.is_dir() => {
                anyhow::bail!("--reference: {} is no folder, expected one that holds reference data", folder.display())
            }
            Some(folder) => Grants { reference: Some(folder.clone()) },
            None => self.grants(&artifact),
        };
        let sandbox = args.cache.sandbox(self.limits.clone())?;
        let loaded = sandbox.load_any(&artifact, &grants).map_err(|error| match &error.fault {
            LoadFault::NotGranted { .. } => {
                anyhow::anyhow!("{error}; or, to try it out, name the folder with --reference")
            }
            LoadFault::Remembered(_) => anyhow::anyhow!("{error}; so does --no-cache"),
            _ => error.into(),
        });
        sandbox.shrink_cache(CACHE_BYTES);
        loaded
    }

    /// What the config grants to the plugin of the name that is packed into it, else of the file's.
    fn grants(&self, artifact: &Artifact) -> Grants {
        let packed = packed::read(&artifact.bytes).ok().flatten().map(|packed| packed.name);
        let stem = || artifact.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.grants.get(&packed.unwrap_or_else(stem)).cloned().unwrap_or_default()
    }
}
