//! Converts core modules to components, for storing plugins in files. A run does the same conversion at load time.

use super::{LoadError, Sandbox};
use crate::artifact::{Artifact, Encoding};
use crate::contract;

impl Sandbox {
    /// Returns the component that a load would make of a core module. Returns a component unchanged.
    ///
    /// # Errors
    /// The bytes are neither a core module nor a component, or the module breaks the contract.
    pub fn componentize(&self, artifact: &Artifact) -> Result<Vec<u8>, LoadError> {
        let bytes = &artifact.bytes;
        let component = contract::encoding(bytes).and_then(|encoding| match encoding {
            Encoding::Component => Ok(bytes.clone()),
            Encoding::Core => contract::to_component(&self.engine, bytes),
        });
        component.map_err(|invalid| LoadError { path: artifact.path.clone(), fault: invalid.into() })
    }
}
