//! Core modules as components, for whoever keeps plugins as files: a run does the same while it loads.

use super::Sandbox;
use super::artifact::Artifact;
use super::contract::{self, Encoding};
use super::loading::{Fault, LoadError};

impl Sandbox {
    /// The component that this host makes of a core module when it loads it; a component as it is.
    ///
    /// # Errors
    /// The bytes are neither, or the module does not keep the contract.
    pub(crate) fn componentize(&self, artifact: &Artifact) -> Result<Vec<u8>, LoadError> {
        let bytes = &artifact.bytes;
        let component = contract::recognise(bytes).and_then(|encoding| match encoding {
            Encoding::Component => Ok(bytes.clone()),
            Encoding::Core => contract::wrapped(&self.engine, bytes),
        });
        component.map_err(|unfit| LoadError { path: artifact.path.clone(), fault: Fault::Unfit(unfit) })
    }
}
