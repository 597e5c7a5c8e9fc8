//! Installs a bundle on a host. Everything is checked before the first file is written, and the lock is written last.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sandbox::Artifact;

use super::collect::{Approval, check};
use super::{Bundle, BundleError, BundlePath};
use crate::options::PluginOptions;
use crate::{Lock, PulledPlugin, PulledPlugins, Signature, signature_path};

/// A checked plugin of a bundle.
struct CheckedPlugin {
    artifact: Artifact,
    signature: Option<Signature>,
}

/// Installs the plugins, the signatures, the reference data and the lock at the places of the config. `file` is for
/// messages.
///
/// # Errors
/// Fails before the first write if the bundle does not match its lock, the trusted keys, the limits or the grants. A
/// failed write leaves the previous lock, which refuses the new plugins.
pub fn install(bundle: Bundle, file: &Path, options: &PluginOptions, state_dir: &Path) -> Result<(), BundleError> {
    let lock = lock_of(&bundle, file)?;
    check_other_files(&bundle, file, &lock, options)?;
    let mut files = bundle.files;
    let mut plugins = Vec::new();
    for (name, entry) in &lock.entries {
        let bytes = files.remove(&BundlePath::plugin(name)).ok_or_else(|| BundleError::Damaged {
            file: file.to_owned(),
            fault: format!("`{}` of plugins.lock is missing", sandbox::single_line(name.clone())),
        })?;
        let limit = options.limits.module_bytes;
        if bytes.len() as u64 > limit {
            let part = format!("plugins.limits.module_bytes for `{name}`");
            return Err(BundleError::TooLarge { file: file.to_owned(), part, limit });
        }
        let artifact = Artifact::new(&file.join(format!("plugins/{name}.wasm")), bytes);
        let signature = files.remove(&BundlePath::signature(name)).map(|text| Signature {
            // Invalid text becomes a text that the verification rejects.
            text: String::from_utf8(text).unwrap_or_default(),
        });
        check(name, entry, &artifact, signature.as_ref(), Approval { options, lock: &lock })?;
        plugins.push((name, entry, CheckedPlugin { artifact, signature }));
    }
    for (name, entry, plugin) in plugins {
        match &entry.source {
            None => write_plugin(&options.directory.join(format!("{name}.wasm")), plugin)?,
            Some(image) => {
                let CheckedPlugin { artifact, signature } = plugin;
                let pulled = PulledPlugin { image: image.clone(), artifact, signature };
                PulledPlugins::new(state_dir).save(image, &pulled)?;
            }
        }
    }
    for (path, bytes) in files {
        if let BundlePath::Reference { plugin, file } = path
            && let Some(folder) = reference_folder(options, &plugin)
        {
            write(&folder.join(file), &bytes)?;
        }
    }
    let lock = Lock { file: options.lock.path.clone(), ..lock };
    lock.save().map_err(|error| BundleError::Write(lock.file.clone(), error))
}

/// Returns the lock of a bundle, with the place in the bundle for messages.
fn lock_of(bundle: &Bundle, file: &Path) -> Result<Lock, BundleError> {
    let damaged = |fault: &str| BundleError::Damaged { file: file.to_owned(), fault: fault.to_owned() };
    let bytes = bundle.files.get(&BundlePath::Lock).ok_or_else(|| damaged("has no plugins.lock"))?;
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("plugins.lock is not UTF-8"))?;
    Lock::parse(&file.join("plugins.lock"), text)
        .map_err(|errors| BundleError::Lock(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

/// Checks that each file belongs to a locked plugin, and that each plugin with reference data has a grant.
fn check_other_files(bundle: &Bundle, file: &Path, lock: &Lock, options: &PluginOptions) -> Result<(), BundleError> {
    for (path, bytes) in &bundle.files {
        let plugin = match path {
            BundlePath::Lock => continue,
            BundlePath::Plugin { name } | BundlePath::Signature { name } => name,
            BundlePath::Reference { plugin, .. } => plugin,
        };
        if !lock.entries.contains_key(plugin) {
            let fault = format!("{path} belongs to no plugin of plugins.lock");
            return Err(BundleError::Damaged { file: file.to_owned(), fault });
        }
        if !matches!(path, BundlePath::Reference { .. }) {
            continue;
        }
        if reference_folder(options, plugin).is_none() {
            return Err(BundleError::NotGranted { name: plugin.clone() });
        }
        let limit = options.limits.reference_bytes;
        if bytes.len() as u64 > limit {
            let part = format!("plugins.limits.reference_bytes for {path}");
            return Err(BundleError::TooLarge { file: file.to_owned(), part, limit });
        }
    }
    Ok(())
}

fn reference_folder<'o>(options: &'o PluginOptions, plugin: &str) -> Option<&'o PathBuf> {
    options.grants.get(plugin)?.reference.as_ref()
}

fn write_plugin(path: &Path, plugin: CheckedPlugin) -> Result<(), BundleError> {
    let CheckedPlugin { artifact, signature } = plugin;
    write(path, &artifact.bytes)?;
    let signature_file = signature_path(path);
    match signature {
        Some(signature) => write(&signature_file, signature.text.as_bytes()),
        None => match std::fs::remove_file(&signature_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BundleError::Write(signature_file, error)),
            _ => Ok(()),
        },
    }
}

/// Writes a file atomically, and creates its folder. A symbolic link at the place is replaced, not followed.
fn write(path: &Path, bytes: &[u8]) -> Result<(), BundleError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let written = std::fs::create_dir_all(folder).and_then(|()| {
        // Other users run the jobs.
        let mode = Permissions::from_mode(0o644);
        let mut draft = tempfile::Builder::new().permissions(mode).tempfile_in(folder)?;
        draft.write_all(bytes)?;
        draft.as_file().sync_all()?;
        draft.persist(path)?;
        Ok(())
    });
    written.map_err(|error| BundleError::Write(path.to_owned(), error))
}
