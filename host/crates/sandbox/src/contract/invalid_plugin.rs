//! Reasons to refuse the bytes of a plugin file.

use serde::{Deserialize, Serialize};

use crate::CONTRACT;
use crate::artifact::EXPECTED;

/// The reason for refusing a file's bytes.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
pub enum InvalidPlugin {
    #[error("empty, expected {EXPECTED}")]
    Empty,
    #[error("WebAssembly text, expected {EXPECTED}: convert the file with `wasm-tools parse`")]
    Text,
    #[error("machine code, expected {EXPECTED}: the host compiles plugins itself")]
    MachineCode,
    #[error("not WebAssembly, expected {EXPECTED}")]
    NotWasm,
    #[error("invalid WebAssembly, expected {EXPECTED}: {0}")]
    Invalid(String),
    #[error("contains several components with code, expected one component: link the code as core modules")]
    SeveralComponents,
    #[error(
        "imports `{0}`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI"
    )]
    Import(String),
    #[error(
        "imports `{0}`, the glue of wasm-bindgen to JavaScript, and a plugin runs without JavaScript: build with plain cargo and costwarden-sdk, without wasm-bindgen; `cargo tree --target wasm32-unknown-unknown --invert wasm-bindgen` names the crate that needs wasm-bindgen"
    )]
    WasmBindgen(String),
    #[error(
        "does not export `costwarden:detector/detector`: build the plugin for the contract costwarden:detector@{CONTRACT}"
    )]
    NoDetector,
    #[error(
        "built for the contract costwarden:detector@{version}, but this host supports {CONTRACT}: build the plugin with an SDK for {CONTRACT}{}",
        if *is_newer { ", or update costwarden" } else { "" }
    )]
    Version { version: String, is_newer: bool },
    #[error("does not match the contract costwarden:detector@{CONTRACT}: {0}")]
    Types(String),
}
