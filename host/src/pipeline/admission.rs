//! Admission of plugins: each plugin is found, read, checked against the signature and the lock file, and only then
//! loaded.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::{panic, thread};

use crate::config::Config;
use model::image::Image;
use model::rule::Rule;
use plugin::{
    self, Lock, LockMismatch, PluginIdentity, PulledPlugins, PulledPluginsError, RegistryError, RegistryOptions,
    Signature, SignatureError, read_signature,
};
use sandbox::{Artifact, ArtifactError, Detector, LoadError, Sandbox};

/// Permission to pull a missing plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetch {
    /// No pull: no connection is opened.
    Never,
    /// Pull, and keep the plugin for later runs.
    Keep,
    /// Pull for a single use: nothing is written.
    Once,
}

/// A plugin with permission to run.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) detector: Arc<Detector>,
    /// Name of the signing key. `None` without trusted keys.
    pub(crate) signer: Option<String>,
    /// The image pinned to the manifest. `None` for a file in the plugin directory.
    pub(crate) source: Option<Image>,
}

/// The unparsed bytes of a plugin.
struct Found {
    artifact: Artifact,
    signature: Result<Option<Signature>, SignatureError>,
    source: Option<Image>,
}

/// The plugins of the rules by name, or the refusal of a plugin.
pub(crate) async fn admit(
    rules: &[Rule],
    config: &Config,
    lock: Option<&Lock>,
    sandbox: &Sandbox,
    fetch: Fetch,
) -> BTreeMap<String, Result<Admitted, Refusal>> {
    let mut found = BTreeMap::new();
    for rule in rules {
        if !found.contains_key(&rule.detector) {
            let plugin = match two_sources(rule, rules) {
                Some(refusal) => Err(refusal),
                None => find(rule, config, lock, fetch).await,
            };
            found.insert(rule.detector.clone(), (rule, plugin));
        }
    }
    on_all_cores(found, |(rule, plugin)| admit_one(rule, plugin?, config, lock, sandbox))
}

async fn find(rule: &Rule, config: &Config, lock: Option<&Lock>, fetch: Fetch) -> Result<Found, Refusal> {
    match &rule.image {
        None => in_folder(&rule.detector, config),
        Some(image) => in_registry(image, config, lock, fetch).await,
    }
}

fn admit_one(
    rule: &Rule,
    found: Found,
    config: &Config,
    lock: Option<&Lock>,
    sandbox: &Sandbox,
) -> Result<Admitted, Refusal> {
    let name = rule.detector.as_str();
    let signer = plugin::verify(&config.plugins.keys, name, &found.artifact, found.signature)?;
    if let Some(lock) = lock {
        let digest = &found.artifact.digest;
        lock.check(&PluginIdentity { name, digest, signer, source: rule.image.as_ref() })?;
    }
    let grants = config.plugins.grants.get(name).cloned().unwrap_or_default();
    let detector = Arc::new(sandbox.load(name, &found.artifact, &grants)?);
    Ok(Admitted { detector, signer: signer.map(str::to_owned), source: found.source })
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

fn in_folder(name: &str, config: &Config) -> Result<Found, Refusal> {
    let path = config.plugins.directory.join(format!("{name}.wasm"));
    let artifact = Artifact::read(&path, config.plugins.limits.module_bytes)?;
    Ok(Found { artifact, signature: read_signature(&path), source: None })
}

/// Finds the plugin of an image. The lock file takes precedence over the current tag, and a local copy over a
/// connection.
async fn in_registry(image: &Image, config: &Config, lock: Option<&Lock>, fetch: Fetch) -> Result<Found, Refusal> {
    let (shelf, limit) = (PulledPlugins::new(&config.state_dir), config.plugins.limits.module_bytes);
    let locked = lock.and_then(|lock| lock.entries.get(image.name()));
    let locked = locked.and_then(|entry| Some((entry.source.clone()?, entry.digest.clone())));
    let wanted = match locked.filter(|(source, _)| image.covers(source)) {
        Some((source, digest)) => Some((source, digest)),
        None => shelf.record(image).map(|record| (record.image, record.digest)),
    };
    if let Some((source, digest)) = &wanted
        && let Some(artifact) = shelf.read(digest, limit)?
    {
        let signature = read_signature(&artifact.path);
        // Messages name the image instead of the local copy.
        let artifact = Artifact { path: source.to_string().into(), ..artifact };
        return Ok(Found { artifact, signature, source: Some(source.clone()) });
    }
    if fetch == Fetch::Never {
        return Err(Refusal::NotPulled { image: image.clone() });
    }
    let wanted = wanted.map_or_else(|| image.clone(), |(source, _)| source);
    let pulled =
        plugin::pull(&wanted, &RegistryOptions::for_host(image.host(), &config.plugins.registries), limit).await?;
    // A plugin without a trusted signature is not kept.
    plugin::verify(&config.plugins.keys, image.name(), &pulled.artifact, Ok(pulled.signature.clone()))?;
    if fetch == Fetch::Keep {
        shelf.save(image, &pulled)?;
    }
    Ok(Found { artifact: pulled.artifact, signature: Ok(pulled.signature), source: Some(pulled.image) })
}

/// Refuses a plugin name with two sources, because grants, limits and state belong to the name.
fn two_sources(rule: &Rule, rules: &[Rule]) -> Option<Refusal> {
    let other = rules.iter().find(|other| other.detector == rule.detector && other.image != rule.image)?;
    let source = |rule: &Rule| {
        let source = rule.image.as_ref().map_or_else(|| "the plugins' folder".to_owned(), ToString::to_string);
        format!("{source} (rule {})", rule.id)
    };
    Some(Refusal::TwoSources { name: rule.detector.clone(), one: source(rule), other: source(other) })
}

/// The reason to refuse a plugin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("`{name}` would come from {one} and from {other}: expected one source for all rules of a plugin")]
    TwoSources { name: String, one: String, other: String },
    #[error(
        "{image}: not pulled yet: any job pulls it, `costwarden plugin pull {image}` does so now, and `check --online` looks whether it can be had"
    )]
    NotPulled { image: Image },
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
