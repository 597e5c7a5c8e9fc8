//! Inspection of a plugin file, and the search of its core module, in a worker process.

use std::path::PathBuf;

use super::Sandbox;
use crate::artifact::Artifact;
use crate::core_module::NoCoreModule;
use crate::inspection::{InspectedFile, Inspection};
use crate::manifest::packed::PackedError;
use crate::protocol::SetupFault;

/// A failed inspection, with the path of the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct InspectError {
    pub path: PathBuf,
    pub fault: InspectFault,
}

/// The cause of a failed inspection.
#[derive(Debug, thiserror::Error)]
pub enum InspectFault {
    #[error(transparent)]
    File(#[from] PackedError),
    #[error("cannot be inspected: {0}")]
    Worker(String),
}

/// A plugin without a core module for a page.
#[derive(Debug, thiserror::Error)]
pub enum CoreModuleError {
    #[error(transparent)]
    Module(#[from] NoCoreModule),
    #[error("the module cannot be searched: {0}")]
    Worker(String),
}

impl Sandbox {
    /// Inspects a plugin file in a worker process, without a call of the plugin.
    ///
    /// # Errors
    /// The file is not a plugin or exceeds a limit, or the worker failed.
    pub fn inspect(&self, artifact: &Artifact) -> Result<Inspection, InspectError> {
        let inspected = match self.workers.inspect(&artifact.bytes) {
            Ok(inspected) => inspected.and_then(InspectedFile::checked).map_err(InspectFault::File),
            Err(SetupFault::Host(message)) => Err(InspectFault::Worker(message)),
            Err(_) => Err(InspectFault::Worker("the worker loaded a plugin instead".to_owned())),
        };
        inspected.map_err(|fault| InspectError { path: artifact.path.clone(), fault })
    }

    /// Returns the core module of a plugin. A worker process parses the file and names the place of the module, so that the
    /// result is always a part of the file.
    ///
    /// # Errors
    /// No module of the plugin runs alone, or the worker failed.
    pub fn core_module<'a>(&self, artifact: &'a Artifact) -> Result<&'a [u8], CoreModuleError> {
        let place = match self.workers.core_module(&artifact.bytes) {
            Ok(place) => place.map_err(NoCoreModule::checked)?,
            Err(SetupFault::Host(message)) => return Err(CoreModuleError::Worker(message)),
            Err(_) => return Err(CoreModuleError::Worker("the worker loaded a plugin instead".to_owned())),
        };
        let outside = || CoreModuleError::Worker("the worker named a place outside the file".to_owned());
        artifact.bytes.get(place).ok_or_else(outside)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use crate::{Artifact, Isolation, Limits, Sandbox};

    /// Calls a sandbox that has a shell script in place of the worker process, with a module.
    fn with_worker<R>(script: &str, call: impl FnOnce(&Sandbox, &Artifact) -> R) -> R {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("worker");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("set");
        let isolation = Isolation::Processes { program, requires_jail: false };
        let sandbox = Sandbox::new(Limits::default(), None, isolation).expect("a sandbox");
        let plugin = Artifact::new(Path::new("plugin.wasm"), b"\0asm\x01\0\0\0".to_vec());
        call(&sandbox, &plugin)
    }

    fn error(script: &str) -> String {
        with_worker(script, |sandbox, plugin| sandbox.inspect(plugin).expect_err("no inspection").to_string())
    }

    #[test]
    fn the_file_is_read_in_a_worker_process() {
        insta::assert_snapshot!(error("exit 9"), @"plugin.wasm: cannot be inspected: the worker process ended with exit code 9");
        // The jail, then the start of a plugin.
        let other = r"printf '\2\0\0\0\1\1\3\0\0\0\0\0\0' >&0; cat <&0 >/dev/null";
        insta::assert_snapshot!(error(other), @"plugin.wasm: cannot be inspected: the worker process sent a message outside the protocol (instead of an inspection)");
    }

    #[test]
    fn a_core_module_is_a_part_of_the_file() {
        let searched = |script: &str| {
            with_worker(script, |sandbox, plugin| {
                sandbox.core_module(plugin).map(<[u8]>::to_vec).map_err(|error| error.to_string())
            })
        };
        // The jail, then the place 2..8, a place outside the file, and an import with an escape.
        let answer = |message: &str| searched(&format!(r"printf '\2\0\0\0\1\1{message}' >&0; cat <&0 >/dev/null"));
        assert_eq!(answer(r"\4\0\0\0\5\0\2\10").as_deref(), Ok(b"sm\x01\0\0\0".as_slice()));
        insta::assert_snapshot!(answer(r"\4\0\0\0\5\0\2\144").expect_err("outside"), @"the module cannot be searched: the worker named a place outside the file");
        insta::assert_snapshot!(answer(r"\5\0\0\0\5\1\1\1\33").expect_err("no module"), @"the module of the plugin imports ` `, expected one module that imports nothing but the log, as of a detector in Rust");
        insta::assert_snapshot!(searched("exit 9").expect_err("no worker"), @"the module cannot be searched: the worker process ended with exit code 9");
    }
}
