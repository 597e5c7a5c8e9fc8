//! Admission of plugins: each plugin is located, read, checked against the signature and the lock file, and only then
//! loaded.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::{panic, thread};

use model::rule::Rule;
use model::rule::image::Image;
use plugin::{
    self, Lock, LockMismatch, PluginIdentity, PulledPlugins, PulledPluginsError, RegistryError, RegistryOptions,
    Signature, SignatureError, read_signature,
};
use sandbox::{Artifact, ArtifactError, Detector, LoadError, Prospect, Sandbox};

use super::prepared::PreparedRule;
use crate::config::Config;

/// Permission to pull a missing plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PullPolicy {
    /// No pull: no connection is opened.
    Never,
    /// Pull, and keep the plugin for later runs.
    Keep,
    /// Pull for a single use: nothing is written.
    Once,
}

/// The checks of plugins.
#[derive(Clone, Copy)]
pub(crate) struct Admission<'a> {
    pub(crate) config: &'a Config,
    /// `None` without a lock file.
    pub(crate) lock: Option<&'a Lock>,
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) pull: PullPolicy,
}

/// A plugin with permission to run.
#[derive(Clone)]
pub(crate) struct AdmittedPlugin {
    pub(crate) detector: Arc<Detector>,
    /// Name of the signing key. `None` without trusted keys.
    pub(crate) signer: Option<String>,
    /// The image pinned to the manifest. `None` for a file in the plugin directory.
    pub(crate) source: Option<Image>,
    /// The temporary failure of the last run, if the last run could not load the plugin.
    pub(crate) retried: Option<String>,
}

/// The reason to refuse a plugin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("plugin `{name}` has two sources, {first} and {second}: expected one source for all rules of a plugin")]
    TwoSources { name: String, first: String, second: String },
    #[error(
        "{image} is not on this host: any job pulls the plugin, `costwarden plugin pull {image}` pulls it now, and `costwarden check --online` checks that the registry has it"
    )]
    NotPulled { image: Image },
    #[error("the file of plugin `{name}` has changed during the command: start the command again")]
    Changed { name: String },
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    PulledPlugins(#[from] PulledPluginsError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Lock(#[from] LockMismatch),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// The unparsed bytes of a plugin.
struct PluginFile {
    artifact: Artifact,
    signature: Result<Option<Signature>, SignatureError>,
    source: Option<Image>,
}

impl Admission<'_> {
    /// Returns the plugins of the rules by name, or the refusal of a plugin.
    pub(crate) async fn admit(&self, rules: &[Rule]) -> BTreeMap<String, Result<AdmittedPlugin, Refusal>> {
        let mut files = BTreeMap::new();
        for rule in rules {
            if !files.contains_key(&rule.detector) {
                let file = match second_source(rule, rules) {
                    Some(refusal) => Err(refusal),
                    None => self.locate(rule).await,
                };
                files.insert(rule.detector.clone(), (rule, file));
            }
        }
        on_all_cores(files, |(rule, file)| self.load(rule, file?))
    }

    /// Returns the file of a prepared rule.
    ///
    /// # Errors
    /// The plugin cannot be read, or is not the admitted plugin anymore.
    pub(crate) async fn artifact(&self, prepared: &PreparedRule) -> Result<Artifact, Refusal> {
        let file = self.locate(&prepared.rule).await?;
        if file.artifact.digest == prepared.detector.digest {
            Ok(file.artifact)
        } else {
            Err(Refusal::Changed { name: prepared.rule.detector.clone() })
        }
    }

    async fn locate(&self, rule: &Rule) -> Result<PluginFile, Refusal> {
        match &rule.image {
            None => self.read_file(&rule.detector),
            Some(image) => self.read_image(image).await,
        }
    }

    fn load(&self, rule: &Rule, file: PluginFile) -> Result<AdmittedPlugin, Refusal> {
        let name = rule.detector.as_str();
        let signer = plugin::verify(&self.config.plugins.keys, name, &file.artifact, file.signature)?;
        if let Some(lock) = self.lock {
            let digest = &file.artifact.digest;
            lock.check(&PluginIdentity { name, digest, signer, source: rule.image.as_ref() })?;
        }
        let grants = self.config.plugins.grants.get(name).cloned().unwrap_or_default();
        let prospect = self.sandbox.prospect(name, &file.artifact);
        let detector = Arc::new(self.sandbox.load(name, &file.artifact, &grants)?);
        let retried = matches!(prospect, Prospect::Retried(_)).then(|| prospect.to_string());
        Ok(AdmittedPlugin { detector, signer: signer.map(str::to_owned), source: file.source, retried })
    }

    fn read_file(&self, name: &str) -> Result<PluginFile, Refusal> {
        let path = self.config.plugins.directory.join(format!("{name}.wasm"));
        let artifact = Artifact::read(&path, self.config.plugins.limits.module_bytes)?;
        Ok(PluginFile { artifact, signature: read_signature(&path), source: None })
    }

    /// Reads the plugin of an image. The lock file takes precedence over the current tag, and a local copy over a
    /// connection.
    async fn read_image(&self, image: &Image) -> Result<PluginFile, Refusal> {
        let config = self.config;
        let pulled_plugins = PulledPlugins::new(&config.state_dir);
        let limit = config.plugins.limits.module_bytes;
        let locked = self.lock.and_then(|lock| lock.entries.get(image.name()));
        let locked = locked.and_then(|entry| Some((entry.source.clone()?, entry.digest.clone())));
        let pinned = match locked.filter(|(source, _)| image.covers(source)) {
            Some(locked) => Some(locked),
            None => pulled_plugins.record(image).map(|record| (record.image, record.digest)),
        };
        if let Some((source, digest)) = &pinned
            && let Some(artifact) = self.read_pulled(&pulled_plugins, digest)?
        {
            let signature = read_signature(&artifact.path);
            // Messages name the image instead of the local copy.
            let artifact = Artifact { path: source.to_string().into(), ..artifact };
            return Ok(PluginFile { artifact, signature, source: Some(source.clone()) });
        }
        if self.pull == PullPolicy::Never {
            return Err(Refusal::NotPulled { image: image.clone() });
        }
        let source = pinned.map_or_else(|| image.clone(), |(source, _)| source);
        let registry = RegistryOptions::for_host(image.host(), &config.plugins.registries);
        let pulled = plugin::pull(&source, &registry, limit).await?;
        // A plugin without a trusted signature is not kept.
        plugin::verify(&config.plugins.keys, image.name(), &pulled.artifact, Ok(pulled.signature.clone()))?;
        if self.pull == PullPolicy::Keep {
            pulled_plugins.save(image, &pulled)?;
        }
        Ok(PluginFile { artifact: pulled.artifact, signature: Ok(pulled.signature), source: Some(pulled.image) })
    }

    /// Returns the local copy; `None` if there is none, or if an unusable copy can be pulled again.
    fn read_pulled(
        &self,
        pulled_plugins: &PulledPlugins,
        digest: &str,
    ) -> Result<Option<Artifact>, PulledPluginsError> {
        match pulled_plugins.read(digest, self.config.plugins.limits.module_bytes) {
            Err(error) if self.pull != PullPolicy::Never => {
                tracing::warn!("pulling a plugin again: {error}");
                Ok(None)
            }
            read => read,
        }
    }
}

/// Refuses a plugin name with two sources, because grants, limits and state belong to the name.
fn second_source(rule: &Rule, rules: &[Rule]) -> Option<Refusal> {
    let other = rules.iter().find(|other| other.detector == rule.detector && other.image != rule.image)?;
    let source = |rule: &Rule| {
        let source = rule.image.as_ref().map_or_else(|| "the plugin folder".to_owned(), ToString::to_string);
        format!("{source} (rule {})", rule.id)
    };
    Some(Refusal::TwoSources { name: rule.detector.clone(), first: source(rule), second: source(other) })
}

/// Loads plugins on all cores, because loading dominates the start of an hourly run.
fn on_all_cores<T: Send, R: Send>(work: BTreeMap<String, T>, each: impl Fn(T) -> R + Sync) -> BTreeMap<String, R> {
    // The calling thread works too.
    let others = thread::available_parallelism().map_or(1, NonZero::get).min(work.len()).saturating_sub(1);
    let queue = Mutex::new(work.into_iter());
    let work = || {
        let mut done = BTreeMap::new();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((name, item)) = next else { return done };
            done.insert(name, each(item));
        }
    };
    thread::scope(|scope| {
        // Without a new thread, the calling thread does all the work.
        let threads: Vec<_> =
            (0..others).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut done = work();
        for thread in threads {
            done.extend(thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
        done
    })
}
