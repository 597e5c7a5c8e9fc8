//! The core module of a plugin: the code without the component around it.
//!
//! A component of one core module and a browser that calls the module by the canonical ABI give the same results. Nothing
//! here runs or validates the code. [`Sandbox::core_module`](crate::Sandbox::core_module) searches in a worker process.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use wasmparser::{BinaryReaderError, Parser, Payload};

use crate::text;

/// Prefix of the names of the exported functions.
const DETECTOR: &str = "costwarden:detector/detector@";
/// Prefix of the only allowed import.
const LOG: &str = "costwarden:detector/log@";
/// Prefix of the import with reference data.
const REFERENCE: &str = "costwarden:detector/reference@";
/// The exports that a caller needs beside the functions of the detector.
const CALLER_EXPORTS: [&str; 2] = ["memory", "cabi_realloc"];

/// The reason for a plugin without a module that runs alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum NoCoreModule {
    #[error("the plugin imports reference data")]
    Reference,
    #[error(
        "the module of the plugin imports `{0}`, expected one module that imports nothing but the log, as of a detector in Rust"
    )]
    Import(String),
    #[error("the plugin has no module that exports the detector and its memory, as of a detector in Rust")]
    NoDetector,
    #[error("the plugin is damaged: {0}")]
    Damaged(String),
}

impl NoCoreModule {
    /// Returns the reason with safe texts, because a plugin may have taken over the worker.
    pub(crate) fn checked(self) -> Self {
        match self {
            Self::Import(import) => Self::Import(text::error_text(import)),
            Self::Damaged(cause) => Self::Damaged(text::error_text(cause)),
            Self::Reference | Self::NoDetector => self,
        }
    }
}

/// Returns the place of the core module that exports the functions of the detector.
///
/// # Errors
/// No module exports the detector, or the module needs another import than the log.
pub(crate) fn core_module(plugin: &[u8]) -> Result<Range<usize>, NoCoreModule> {
    for place in modules(plugin).map_err(damaged)? {
        let names = Names::of(&plugin[place.clone()]).map_err(damaged)?;
        if !names.exports.iter().any(|name| name.starts_with(DETECTOR)) {
            continue;
        }
        if names.imports.iter().any(|name| name.starts_with(REFERENCE)) {
            return Err(NoCoreModule::Reference);
        }
        if let Some(import) = names.imports.into_iter().find(|name| !name.starts_with(LOG)) {
            return Err(NoCoreModule::Import(text::single_line(import)));
        }
        let has_exports = CALLER_EXPORTS.iter().all(|name| names.exports.iter().any(|export| export == name));
        return if has_exports { Ok(place) } else { Err(NoCoreModule::NoDetector) };
    }
    Err(NoCoreModule::NoDetector)
}

/// Returns the places of the modules of a component, or of a core module itself.
fn modules(plugin: &[u8]) -> Result<Vec<Range<usize>>, BinaryReaderError> {
    if Parser::is_core_wasm(plugin) {
        return Ok(std::iter::once(0..plugin.len()).collect());
    }
    let mut modules = Vec::new();
    for payload in Parser::new(0).parse_all(plugin) {
        if let Payload::ModuleSection { unchecked_range, .. } = payload? {
            let place = unchecked_range.start as usize..unchecked_range.end as usize;
            modules.extend(plugin.get(place.clone()).map(|_| place));
        }
    }
    Ok(modules)
}

/// The modules of the imports, and the names of the exports.
#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Names {
    fn of(module: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut names = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        names.imports.push(import?.module.to_owned());
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        names.exports.push(export?.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(names)
    }
}

fn damaged(error: BinaryReaderError) -> NoCoreModule {
    NoCoreModule::Damaged(text::error_text(error))
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        CodeSection, Component, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
        Instruction, MemorySection, MemoryType, Module, ModuleSection, TypeSection,
    };

    use super::*;

    /// Returns a module with the exports of a detector and a function from each of the imported modules.
    fn module(imported: &[&str]) -> Module {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        for module in imported {
            imports.import(module, "run", EntityType::Function(0));
        }
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        for name in ["cabi_realloc", "costwarden:detector/detector@1.0.0#judge"] {
            exports.export(name, ExportKind::Func, 0);
        }
        let mut code = CodeSection::new();
        let mut function = Function::new([]);
        function.instruction(&Instruction::End);
        code.function(&function);
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&memories)
            .section(&exports)
            .section(&code);
        module
    }

    fn component(modules: &[Module]) -> Vec<u8> {
        let mut component = Component::new();
        for module in modules {
            component.section(&ModuleSection(module));
        }
        component.finish()
    }

    #[test]
    fn the_module_with_the_detector_runs_alone() {
        let detector = module(&["costwarden:detector/log@1.0.0"]);
        let bytes = detector.clone().finish();
        assert_eq!(core_module(&bytes), Ok(0..bytes.len()));
        let component = component(&[Module::new(), detector]);
        assert_eq!(core_module(&component).map(|place| &component[place]), Ok(&bytes[..]));
    }

    #[test]
    fn a_module_with_another_import_is_named() {
        let import = |name: &str| core_module(&module(&[name]).finish());
        assert_eq!(import("env"), Err(NoCoreModule::Import("env".to_owned())));
        assert_eq!(import("costwarden:detector/reference@1.0.0"), Err(NoCoreModule::Reference));
        assert_eq!(core_module(&component(&[Module::new()])), Err(NoCoreModule::NoDetector));
        let bytes = module(&[]).finish();
        assert!(matches!(core_module(&bytes[..bytes.len() - 3]), Err(NoCoreModule::Damaged(_))));
    }
}
