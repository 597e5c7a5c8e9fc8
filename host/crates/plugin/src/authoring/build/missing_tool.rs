//! Missing compilers, with installation hints.

use super::versions::{COMPONENTIZE_JS, COMPONENTIZE_PY};

/// A missing tool, with an installation hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MissingTool {
    #[error(
        "Rust is required, but no folder of PATH has cargo and rustc: install Rust with rustup, then run `rustup target add wasm32-unknown-unknown`; or on Debian, as root: {DEBIAN_RUST}"
    )]
    Rust,
    #[error(
        "Rust cannot compile for wasm32-unknown-unknown: run `rustup target add wasm32-unknown-unknown`; or on Debian, as root: {DEBIAN_RUST}"
    )]
    RustTarget,
    #[error(
        "componentize-py is required, but is neither in the project's .venv nor on PATH: run `python3 -m venv .venv && .venv/bin/pip install componentize-py=={COMPONENTIZE_PY}` in the project's folder"
    )]
    ComponentizePy,
    #[error(
        "Node.js is required, but PATH has no node: install Node.js; on Debian, as root: apt-get install nodejs npm"
    )]
    Node,
    #[error(
        "@bytecodealliance/componentize-js is required, but is not among the project's node_modules: run `npm install` in the project's folder, or `npm install --save-dev @bytecodealliance/componentize-js@{COMPONENTIZE_JS}` if package.json does not name the package"
    )]
    ComponentizeJs,
}

/// Command to install Debian's second compiler, able to build the target's standard library from source.
const DEBIAN_RUST: &str =
    "apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22";
