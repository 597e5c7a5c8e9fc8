//! Adds the fuel meter to a core module: the module imports the counter, and each function subtracts from the counter.

use std::mem;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, EntityType, FunctionSection, GlobalType, ImportSection, Module, SectionId, TypeSection, ValType,
};
use wasmparser::{
    CompositeInnerType, CustomSectionReader, FunctionBody, FunctionSectionReader, ImportSectionReader, Parser, TypeRef,
    TypeSectionReader,
};

use super::body::{self, COUNTER_INDEX, ModuleTypes, Signature};
use super::{COUNTER, METER};
use crate::contract::InvalidPlugin;

const COUNTER_TYPE: GlobalType = GlobalType { val_type: ValType::I64, mutable: true, shared: false };

/// A module under construction.
#[derive(Default)]
struct ModuleMeter {
    /// The signature of each type, and the type of each function with a body.
    signatures: Vec<Signature>,
    types: Vec<u32>,
    imported_functions: u32,
    has_counter: bool,
}

/// Returns the module with the fuel meter and without custom sections.
///
/// # Errors
/// The module imports from the meter.
pub(super) fn add_meter(parser: Parser, bytes: &[u8]) -> Result<Module, Error<InvalidPlugin>> {
    let mut module = Module::new();
    ModuleMeter::default().parse_core_module(&mut module, parser, bytes)?;
    Ok(module)
}

impl ModuleMeter {
    fn import_counter(&mut self, imports: &mut ImportSection) {
        imports.import(METER, COUNTER, EntityType::Global(COUNTER_TYPE));
        self.has_counter = true;
    }
}

impl Reencode for ModuleMeter {
    type Error = InvalidPlugin;

    fn global_index(&mut self, global: u32) -> Result<u32, Error<InvalidPlugin>> {
        // The imported counter comes first and shifts all globals of the module.
        Ok(global.saturating_add(COUNTER_INDEX + 1))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error<InvalidPlugin>> {
        for group in section.clone() {
            self.signatures.extend(group?.types().map(|ty| match &ty.composite_type.inner {
                CompositeInnerType::Func(function) => {
                    Signature { parameters: function.params().len() as u32, results: function.results().len() as u32 }
                }
                _ => Signature::default(),
            }));
        }
        utils::parse_type_section(self, types, section)
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error<InvalidPlugin>> {
        for import in section.clone().into_imports() {
            let import = import?;
            if import.module == METER {
                return Err(Error::UserError(InvalidPlugin::Import(METER.to_owned())));
            }
            self.imported_functions += u32::from(matches!(import.ty, TypeRef::Func(_)));
        }
        self.import_counter(imports);
        utils::parse_import_section(self, imports, section)
    }

    /// Adds the import of the counter to a module without imports. Only types come before imports.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error<InvalidPlugin>> {
        if !matches!(before, Some(SectionId::Type | SectionId::Import)) && !self.has_counter {
            let mut imports = ImportSection::new();
            self.import_counter(&mut imports);
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<InvalidPlugin>> {
        for ty in section.clone() {
            self.types.push(ty?);
        }
        utils::parse_function_section(self, functions, section)
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<InvalidPlugin>> {
        let ty = self.types[code.len() as usize];
        let signature = self.signatures[ty as usize];
        // The writer of the body borrows the module.
        let signatures = mem::take(&mut self.signatures);
        let types = ModuleTypes { signatures: &signatures, imported_functions: self.imported_functions };
        let function = body::add_meter(self, types, signature, &body);
        self.signatures = signatures;
        code.function(&function?);
        Ok(())
    }

    fn parse_custom_section(&mut self, _: &mut Module, _: CustomSectionReader<'_>) -> Result<(), Error<InvalidPlugin>> {
        Ok(())
    }
}
