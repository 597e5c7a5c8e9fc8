//! Converts core modules to components, for storing plugins in files. A run does the same conversion when it compiles.

use super::{LoadError, Sandbox};
use crate::artifact::Artifact;
use crate::contract;

impl Sandbox {
    /// Returns the component that a load would make of a core module. Returns a component unchanged. A process with the
    /// limits of the compiler does the work.
    ///
    /// # Errors
    /// The bytes are neither a core module nor a component, the module breaks the contract, or the process failed.
    pub fn componentize(&self, artifact: &Artifact) -> Result<Vec<u8>, LoadError> {
        let located = |fault| LoadError { path: artifact.path.clone(), fault };
        // Refuses other file types without starting a process.
        contract::encoding(&artifact.bytes).map_err(|invalid| located(invalid.into()))?;
        let component = self.isolation.componentize(&self.engine, &self.limits, &artifact.bytes);
        component.map_err(|error| located(error.into()))
    }
}
