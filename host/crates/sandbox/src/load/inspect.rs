//! Inspection of a plugin file in a worker process.

use std::path::PathBuf;

use super::Sandbox;
use crate::artifact::Artifact;
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
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use crate::{Artifact, Isolation, Limits, Sandbox};

    /// Inspects a module with a shell script in place of the worker process.
    fn error(script: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("worker");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("set");
        let isolation = Isolation::Processes { program, requires_jail: false };
        let sandbox = Sandbox::new(Limits::default(), None, isolation).expect("a sandbox");
        let plugin = Artifact::new(Path::new("plugin.wasm"), b"\0asm\x01\0\0\0".to_vec());
        sandbox.inspect(&plugin).expect_err("no inspection").to_string()
    }

    #[test]
    fn the_file_is_read_in_a_worker_process() {
        insta::assert_snapshot!(error("exit 9"), @"plugin.wasm: cannot be inspected: the worker process ended with exit code 9");
        // The jail, then the start of a plugin.
        let other = r"printf '\2\0\0\0\1\1\3\0\0\0\0\0\0' >&0; cat <&0 >/dev/null";
        insta::assert_snapshot!(error(other), @"plugin.wasm: cannot be inspected: the worker process sent a message outside the protocol (instead of an inspection)");
    }
}
