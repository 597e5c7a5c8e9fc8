//! Converts core modules to components, for storing plugins in files. A run does the same conversion at load time.

use super::Sandbox;
use super::artifact::Artifact;
use super::contract::{self, Encoding};
use super::loading::{Fault, LoadError};

impl Sandbox {
    /// Returns the component that a load would make of a core module. Returns a component unchanged.
    ///
    /// # Errors
    /// The bytes are neither a core module nor a component, or the module breaks the contract.
    pub fn componentize(&self, artifact: &Artifact) -> Result<Vec<u8>, LoadError> {
        let bytes = &artifact.bytes;
        let component = contract::recognise(bytes).and_then(|encoding| match encoding {
            Encoding::Component => Ok(bytes.clone()),
            Encoding::Core => contract::wrapped(&self.engine, bytes),
        });
        component.map_err(|unfit| LoadError { path: artifact.path.clone(), fault: Fault::Unfit(unfit) })
    }
}
