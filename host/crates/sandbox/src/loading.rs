//! Turns an [`Artifact`] into a [`Detector`]: recognises the form, wraps a core module, compiles, checks the contract
//! and calls `describe`.
//!
//! Any bytes give either a detector or a [`LoadError`]. Does not fit or judge.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wasmtime::component::{Component, InstancePre, Linker};

use super::artifact::Artifact;
use super::bindings::{self, PluginWithReferenceIndices};
use super::cache::{Key, Refused};
use super::compile::{self, compile};
use super::compiled::Compiled;
use super::contract::{self, Asks, Built, PLUGIN, Unfit};
use super::engine::INSTANCE_BYTES;
use super::fuel::{self, Gauge};
use super::reference::{self, Reference};
use super::session::{HOST_STACK_BYTES, Program, State, on_thread};
use super::{Breach, Detector, Grants, Limits, Manifest, Sandbox, Scope, log, output};
use crate::packed::{self, Difference, PackedError};

/// Attempts and pause while the kernel is busy.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(5);

impl Sandbox {
    /// Loads the plugin with the given name. Takes the compiled code from the cache or compiles, then calls `describe`.
    ///
    /// # Errors
    /// The file is not a plugin, needs a missing grant, is built for another contract, or declares another name.
    pub fn load(&self, name: &str, artifact: &Artifact, grants: &Grants) -> Result<Detector, LoadError> {
        self.load_as(Some(name), artifact, grants)
    }

    /// Loads a plugin with any declared name.
    ///
    /// # Errors
    /// See [`Self::load`].
    pub fn load_any(&self, artifact: &Artifact, grants: &Grants) -> Result<Detector, LoadError> {
        self.load_as(None, artifact, grants)
    }

    /// Moves the compiled code in the cache from a plugin to another plugin with the same code.
    pub fn hand_on(&self, from_digest: &str, to_digest: &str) {
        if let Some(cache) = &self.cache {
            cache.rename(&Key::new(&self.engine, from_digest), &Key::new(&self.engine, to_digest));
        }
    }

    /// Removes the oldest compiled plugins until the cache takes at most `bytes` bytes.
    pub fn shrink_cache(&self, bytes: u64) {
        if let Some(Err(error)) = self.cache.as_ref().map(|cache| cache.shrink(bytes)) {
            tracing::warn!(%error, "old compiled plugins are not removed");
        }
    }

    fn load_as(&self, name: Option<&str>, artifact: &Artifact, grants: &Grants) -> Result<Detector, LoadError> {
        let stack = compile::STACK_BYTES + self.limits.stack_bytes + HOST_STACK_BYTES;
        let thread = thread::Builder::new().name("loader".to_owned()).stack_size(stack);
        on_thread(thread, || self.load_here(name, artifact, grants))
            .unwrap_or_else(|stopped| Err(Fault::Loader(stopped)))
            .map_err(|fault| LoadError { path: artifact.path.clone(), fault })
    }

    /// Loads on the calling thread, which needs enough stack. Without `asked`, any declared name is accepted.
    pub(super) fn load_here(
        &self,
        asked: Option<&str>,
        artifact: &Artifact,
        grants: &Grants,
    ) -> Result<Detector, Fault> {
        let Artifact { bytes, digest, path } = artifact;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = asked.unwrap_or(&stem);
        // Refuses other file types without starting a compiler process.
        contract::recognise(bytes)?;
        let key = Key::new(&self.engine, digest);
        let cached = self.cache.as_ref().and_then(|cache| cache.get(&self.engine, &key));
        let component = match cached {
            Some(component) => component,
            None => {
                let compiled = self.compiled(digest, bytes)?;
                let component = compiled.component(&self.engine).map_err(|error| unusable(&error))?;
                // Stored before the remaining checks: if a check fails, the next load fails without compiling again.
                if let Some(cache) = &self.cache {
                    cache.put(&key, &compiled);
                }
                component
            }
        };
        let built = contract::check(&self.engine, &component)?;
        let reference = match (built.asks, &grants.reference) {
            (Asks::Nothing, _) => None,
            (Asks::Reference, None) => return Err(Fault::NotGranted { name: name.to_owned() }),
            (Asks::Reference, Some(directory)) => {
                let opened = Reference::open(directory, self.limits.reference_bytes);
                Some(Arc::new(opened.map_err(|error| Fault::Granted { directory: directory.clone(), error })?))
            }
        };
        lay_out(&component);
        let pre = self.link(&component, &built, reference.is_some())?;
        let program = Program {
            name: name.into(),
            indices: PluginWithReferenceIndices::new(&pre).map_err(|error| Fault::Unfit(built.misfit(&error)))?,
            pre,
            gauge: Gauge::of(&component),
            limits: Arc::clone(&self.limits),
            reference,
            slots: Arc::clone(&self.slots),
        };
        let manifest = checked(program.describe().map_err(Fault::Broken)?, &self.limits)?;
        if let Some(asked) = asked
            && manifest.name != asked
        {
            return Err(Fault::Name { asked: asked.to_owned(), found: manifest.name });
        }
        // A packed manifest is read without running the plugin, so it must agree with `describe`.
        if let Some(packed) = packed::read(bytes)?
            && let Some(difference) = packed.difference(&manifest)
        {
            return Err(Fault::Repacked(difference));
        }
        Ok(Detector { manifest, digest: digest.clone(), entry: key.name().to_owned(), program, cut: self.cut })
    }

    /// Compiles the bytes, unless an earlier run stored a refusal. A refusal can take the full compile time; without
    /// the stored refusal, every run would spend this time.
    fn compiled(&self, digest: &str, bytes: &[u8]) -> Result<Compiled, Fault> {
        let key = Key::of_refusal(&self.engine, digest, &self.limits);
        if let Some(refused) = self.cache.as_ref().and_then(|cache| cache.refused(&key)) {
            return Err(Fault::Remembered(Box::new(refused.into())));
        }
        let compiled = compile(&self.compiler, &self.engine, &self.limits, bytes);
        if let (Some(cache), Err(fault)) = (&self.cache, &compiled)
            && let Some(refused) = fault.of_the_plugin()
        {
            cache.put_refused(&key, &refused);
        }
        compiled
    }

    fn link(&self, component: &Component, built: &Built, grants_reference: bool) -> Result<InstancePre<State>, Fault> {
        let mut linker = Linker::new(&self.engine);
        let linked = fuel::link(&mut linker)
            .and_then(|()| log::link(&mut linker))
            .and_then(|()| if grants_reference { reference::link(&mut linker) } else { Ok(()) })
            .and_then(|()| linker.instantiate_pre(component));
        linked.map_err(|error| Fault::Unfit(built.misfit(&error)))
    }
}

/// Converts an engine error for freshly compiled code.
fn unusable(error: &wasmtime::Error) -> Fault {
    let text = output::said(format!("{error:#}"));
    // wasmtime has no type for this error. A test pins the recognised text.
    if text.contains("instance size does not fit") {
        Fault::InstanceSize(INSTANCE_BYTES)
    } else {
        Fault::Compiler(format!("gave no code: {text}"))
    }
}

/// Prepares the initial memory images of a plugin. The kernel cannot seal a page while it moves the page, and reports
/// EBUSY. The plugin is not at fault, so the function retries. The first call of the plugin reports a persistent error.
fn lay_out(component: &Component) {
    let is_busy = |error: &wasmtime::Error| {
        let cause = error.root_cause().downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::ResourceBusy)
    };
    for _ in 0..BUSY_TRIES {
        match component.initialize_copy_on_write_image() {
            Err(error) if is_busy(&error) => thread::sleep(BUSY_PAUSE),
            _ => return,
        }
    }
}

fn checked(given: bindings::costwarden::detector::types::Manifest, limits: &Limits) -> Result<Manifest, Fault> {
    let plain = |text| output::plain(output::shortened(text, limits.reason_bytes));
    if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&given.settings_schema) {
        return Err(Fault::Schema(error.to_string()));
    }
    Ok(Manifest {
        name: plain(given.name),
        version: plain(given.version),
        summary: plain(given.summary),
        settings_schema: given.settings_schema,
        min_points: given.min_points,
        scope: match given.scope {
            bindings::Scope::Each => Scope::Each,
            bindings::Scope::Group => Scope::Group,
        },
    })
}

/// A load failure with the path of the plugin file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct LoadError {
    pub path: PathBuf,
    pub fault: Fault,
}

/// The cause of a load failure.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("not a regular file, expected {PLUGIN}")]
    NotAFile,
    #[error("larger than {0} bytes (plugins.limits.module_bytes)")]
    TooLarge(u64),
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("takes longer than {0} seconds to compile (plugins.limits.compile_seconds)")]
    CompileTime(u64),
    #[error("takes more memory than {0} bytes to compile (plugins.limits.compile_memory_bytes)")]
    CompileMemory(u64),
    #[error(
        "has globals and functions that take more than {0} bytes in each instance, which no setting raises: build it with fewer of them"
    )]
    InstanceSize(usize),
    #[error("cannot be compiled: the compiler {0}")]
    Compiler(String),
    #[error(
        "asks for reference data, which is not granted: add `reference = \"DIRECTORY\"` under `[plugins.grants.{name}]`"
    )]
    NotGranted { name: String },
    #[error("the granted reference directory {} cannot be opened: {error}", directory.display())]
    Granted { directory: PathBuf, error: io::Error },
    #[error("{0} (as an earlier run found; other limits, another file or another costwarden try again)")]
    Remembered(Box<Fault>),
    #[error("cannot be loaded: the loader {0}")]
    Loader(Breach),
    #[error("its describe failed: {0}")]
    Broken(Breach),
    #[error("its describe gave a settings schema that is no JSON object: {0}")]
    Schema(String),
    #[error(
        "says that its name is `{found}`, but was asked for as `{asked}`: name the file and the rules' `detector` after it"
    )]
    Name { asked: String, found: String },
    #[error("{0}")]
    Packed(#[from] PackedError),
    #[error("{0}: build it again with `costwarden plugin build`")]
    Repacked(Difference),
}

impl Fault {
    /// Returns the refusal if compiling these bytes always fails in this way. A killed or unstarted compiler is not a
    /// refusal.
    fn of_the_plugin(&self) -> Option<Refused> {
        match self {
            Self::CompileTime(seconds) => Some(Refused::Time(*seconds)),
            Self::CompileMemory(bytes) => Some(Refused::Memory(*bytes)),
            Self::Unfit(unfit) => Some(Refused::Unfit(unfit.clone())),
            _ => None,
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Time(seconds) => Self::CompileTime(seconds),
            Refused::Memory(bytes) => Self::CompileMemory(bytes),
            Refused::Unfit(unfit) => Self::Unfit(unfit),
        }
    }
}
