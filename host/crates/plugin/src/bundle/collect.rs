//! Collects the files of a bundle from a host.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use sandbox::Artifact;

use super::path::is_file_name;
use super::{Bundle, BundleError, BundlePath};
use crate::options::PluginOptions;
use crate::{Lock, LockEntry, PluginIdentity, PulledPlugins, Signature, read_signature, verify};

/// Collects the plugins of plugins.lock. Each plugin is verified as for a run.
///
/// # Errors
/// Fails if there is no lock, or if a plugin or a granted folder cannot be read or does not match the lock.
pub fn collect(options: &PluginOptions, state_dir: &Path) -> Result<Bundle, BundleError> {
    let lock = Lock::read(&options.lock.path)
        .map_err(|errors| BundleError::Lock(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let lock = lock.ok_or_else(|| BundleError::NoLock(options.lock.path.clone()))?;
    let mut bundle = Bundle::default();
    bundle.files.insert(BundlePath::Lock, lock.to_string().into_bytes());
    for (name, entry) in &lock.entries {
        let path = BundlePath::plugin(name);
        if BundlePath::parse(&path.to_string()).as_ref() != Some(&path) {
            return Err(BundleError::Name { name: sandbox::single_line(name.clone()) });
        }
        let artifact = read_plugin(name, entry, options, state_dir)?;
        let signature = read_signature(&artifact.path)?;
        check(name, entry, &artifact, signature.as_ref(), Approval { options, lock: &lock })?;
        bundle.files.insert(path, artifact.bytes);
        if let Some(signature) = signature {
            bundle.files.insert(BundlePath::signature(name), signature.text.into_bytes());
        }
        if let Some(folder) = options.grants.get(name).and_then(|grants| grants.reference.as_ref()) {
            add_reference(&mut bundle, name, folder, options.limits.reference_bytes)?;
        }
    }
    Ok(bundle)
}

/// The keys and the lock that approve a plugin.
#[derive(Clone, Copy)]
pub(super) struct Approval<'a> {
    pub(super) options: &'a PluginOptions,
    pub(super) lock: &'a Lock,
}

/// Checks the signature and the lock entry of a plugin, as for a run.
pub(super) fn check(
    name: &str,
    entry: &LockEntry,
    artifact: &Artifact,
    signature: Option<&Signature>,
    approval: Approval<'_>,
) -> Result<(), BundleError> {
    let signer = verify(&approval.options.keys, name, artifact, Ok(signature.cloned()))?;
    let identity = PluginIdentity { name, digest: &artifact.digest, signer, source: entry.source.as_ref() };
    Ok(approval.lock.check(&identity)?)
}

fn read_plugin(
    name: &str,
    entry: &LockEntry,
    options: &PluginOptions,
    state_dir: &Path,
) -> Result<Artifact, BundleError> {
    let limit = options.limits.module_bytes;
    match &entry.source {
        None => Ok(Artifact::read(&options.directory.join(format!("{name}.wasm")), limit)?),
        Some(image) => PulledPlugins::new(state_dir)
            .read(&entry.digest, limit)?
            .ok_or_else(|| BundleError::NotPulled { image: image.clone() }),
    }
}

/// Adds the files that the plugin can read: regular files in the folder itself.
fn add_reference(bundle: &mut Bundle, plugin: &str, folder: &Path, limit: u64) -> Result<(), BundleError> {
    let unreadable = |error| BundleError::Read(folder.to_owned(), error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let metadata = fs::symlink_metadata(&path).map_err(|error| BundleError::Read(path.clone(), error))?;
        if !metadata.is_file() {
            let fault = "not a regular file, and a bundle has regular files only: remove it from the folder".to_owned();
            return Err(BundleError::Reference { path, fault });
        }
        let file = path.file_name().and_then(|name| name.to_str()).filter(|name| is_file_name(name));
        let Some(file) = file.map(str::to_owned) else {
            let fault = "the name is not plain UTF-8, and no plugin can read the file: rename the file".to_owned();
            return Err(BundleError::Reference { path, fault });
        };
        let mut bytes = Vec::new();
        let read = fs::File::open(&path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
        read.map_err(|error| BundleError::Read(path.clone(), error))?;
        if bytes.len() as u64 > limit {
            return Err(BundleError::TooLarge { file: path, part: "plugins.limits.reference_bytes".to_owned(), limit });
        }
        bundle.files.insert(BundlePath::Reference { plugin: plugin.to_owned(), file }, bytes);
    }
    Ok(())
}
