//! Releases of the compilers for new projects.

/// Release of componentize-py.
pub const COMPONENTIZE_PY: &str = "0.25.0";

/// Release of componentize-js.
pub const COMPONENTIZE_JS: &str = "0.23.0";
