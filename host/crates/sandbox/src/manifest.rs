//! The metadata of a plugin, as `describe` returns it.

pub(crate) mod json_shape;
pub mod packed;

use serde::{Deserialize, Serialize};

/// The metadata returned by the plugin's `describe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub summary: String,
    /// JSON Schema of the settings; a valid JSON object.
    pub settings_schema: String,
    /// Minimum length of a history for a fit, in points.
    pub min_points: u32,
    pub scope: Scope,
}

/// The inputs that determine a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Each result depends on a single input. Batches can be cut anywhere.
    Each,
    /// Each result depends on all inputs of the call. The inputs form a group of peers.
    Group,
}

impl Scope {
    /// Returns the spelling used in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Group => "group",
        }
    }
}
