//! Core modules as components, for whoever keeps plugins as files: a run does the same while it loads.

use super::Sandbox;
use super::artifact::Artifact;
use super::contract;
use super::loading::{Encoding, Fault, LoadError, recognise};

impl Sandbox {
    /// The component that this host makes of a core module when it loads it; a component as it is.
    ///
    /// # Errors
    /// The bytes are neither, or the module does not keep the contract.
    pub(crate) fn componentize(&self, artifact: &Artifact) -> Result<Vec<u8>, LoadError> {
        let bytes = &artifact.bytes;
        let component = |encoding| match encoding {
            Encoding::Component => Ok(bytes.clone()),
            Encoding::Core => contract::wrapped(&self.engine, bytes),
        };
        recognise(bytes).and_then(component).map_err(|fault: Fault| LoadError { path: artifact.path.clone(), fault })
    }
}
