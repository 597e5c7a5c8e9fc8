//! The opening band of an incident: the fits from before the incident began.
//!
//! The band does not move while the incident lasts, so a detector that adapts to a change cannot end the incident.

use std::collections::BTreeMap;

use jiff::civil::Date;

/// The fit of a rule's detector from before an incident began.
#[derive(Debug, Clone, PartialEq)]
pub struct OpeningBand {
    /// SHA-256 of the detector's bytes, in hex. No detector with a different digest receives the state.
    pub detector: String,
    /// SHA-256 of the settings' JSON, in hex.
    pub settings: String,
    /// The last day in the training data.
    pub through: Date,
    /// The opaque fitted state.
    pub state: Vec<u8>,
    /// Figures reported by the fit, e.g. `mean` and `std`.
    pub figures: BTreeMap<String, f64>,
}
