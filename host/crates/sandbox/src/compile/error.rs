//! Errors of the compiler, and refusals that repeat for the same bytes.

use serde::{Deserialize, Serialize};

use super::engine::INSTANCE_BYTES;
use crate::contract::InvalidPlugin;
use crate::text;

/// A failure to compile.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error(transparent)]
    Refused(#[from] CompileRefusal),
    /// The compiler did not start, was killed, or returned something else than code.
    #[error("cannot be compiled: the compiler {0}")]
    Compiler(String),
    #[error(
        "needs more than {0} bytes in each instance for globals and functions, a fixed limit: build the plugin with fewer globals and functions"
    )]
    InstanceSize(usize),
}

/// A refusal by the compiler, which repeats for the same bytes, limits and release. The cache stores a refusal to avoid
/// a repeated compilation.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
pub enum CompileRefusal {
    #[error("takes longer than {0} seconds to compile (plugins.limits.compile_seconds)")]
    Time(u64),
    #[error("needs more memory than {0} bytes to compile (plugins.limits.compile_memory_bytes)")]
    Memory(u64),
    #[error(transparent)]
    Invalid(InvalidPlugin),
}

impl CompileError {
    /// Converts an engine error for freshly compiled code.
    pub(crate) fn unusable_code(error: &wasmtime::Error) -> Self {
        let text = text::error_text(format!("{error:#}"));
        // wasmtime has no type for this error. A test pins the recognised text.
        if text.contains("instance size does not fit") {
            Self::InstanceSize(INSTANCE_BYTES)
        } else {
            Self::Compiler(format!("returned unusable code: {text}"))
        }
    }
}
