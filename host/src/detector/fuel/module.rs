//! A core module, metered: it imports the meter's number, and each of its functions takes from it.

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    CodeSection, DataCountSection, DataSection, ElementSection, EntityType, ExportSection, FunctionSection,
    GlobalSection, GlobalType, ImportSection, MemorySection, Module, StartSection, TableSection, TypeSection, ValType,
};
use wasmparser::{CompositeInnerType, FunctionBody, Parser, Payload};

use super::{COUNTER, METER, body};
use crate::detector::contract::Unfit;

/// The number is the first global of each module: its own come after it.
pub(super) const COUNTER_INDEX: u32 = 0;

const NUMBER: GlobalType = GlobalType { val_type: ValType::I64, mutable: true, shared: false };

/// A module while it is written.
#[derive(Default)]
pub(super) struct Metered {
    /// Parameters of each type of a function, and the type of each function with a body.
    parameters: Vec<u32>,
    types: Vec<u32>,
}

/// Meters a module. Custom sections are left out.
///
/// # Errors
/// It imports the meter, or from it.
pub(super) fn metered(parser: Parser, bytes: &[u8]) -> Result<Module, Error<Unfit>> {
    let mut metered = Metered::default();
    let mut module = Module::new();
    let mut imports = Some(importing_the_number());
    let mut bodies = Vec::new();
    let first = parser.offset();
    for payload in parser.parse_all(bytes) {
        let payload = payload?;
        // Of the sections before it only types come, whether the module has imports of its own or not.
        if !matches!(
            payload,
            Payload::Version { .. } | Payload::TypeSection(_) | Payload::ImportSection(_) | Payload::CustomSection(_)
        ) && let Some(imports) = imports.take()
        {
            module.section(&imports);
        }
        match payload {
            Payload::Version { .. } | Payload::CustomSection(_) | Payload::End(_) => {}
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    metered.parameters.extend(group?.types().map(|ty| match &ty.composite_type.inner {
                        CompositeInnerType::Func(function) => function.params().len() as u32,
                        _ => 0,
                    }));
                }
                let mut types = TypeSection::new();
                metered.parse_type_section(&mut types, section)?;
                module.section(&types);
            }
            Payload::ImportSection(section) => {
                let mut own = imports.take().unwrap_or_else(importing_the_number);
                for import in section.clone().into_imports() {
                    let import = import?;
                    if import.module == METER {
                        return Err(Error::UserError(Unfit::Import(METER.to_owned())));
                    }
                }
                metered.parse_import_section(&mut own, section)?;
                module.section(&own);
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    metered.types.push(ty?);
                }
                let mut functions = FunctionSection::new();
                metered.parse_function_section(&mut functions, section)?;
                module.section(&functions);
            }
            Payload::TableSection(section) => {
                let mut tables = TableSection::new();
                metered.parse_table_section(&mut tables, section)?;
                module.section(&tables);
            }
            Payload::MemorySection(section) => {
                let mut memories = MemorySection::new();
                metered.parse_memory_section(&mut memories, section)?;
                module.section(&memories);
            }
            Payload::GlobalSection(section) => {
                let mut globals = GlobalSection::new();
                metered.parse_global_section(&mut globals, section)?;
                module.section(&globals);
            }
            Payload::ExportSection(section) => {
                let mut exports = ExportSection::new();
                metered.parse_export_section(&mut exports, section)?;
                module.section(&exports);
            }
            Payload::StartSection { func, .. } => {
                module.section(&StartSection { function_index: metered.start_section(func)? });
            }
            Payload::ElementSection(section) => {
                let mut elements = ElementSection::new();
                metered.parse_element_section(&mut elements, section)?;
                module.section(&elements);
            }
            Payload::DataCountSection { count, .. } => {
                module.section(&DataCountSection { count: metered.data_count(count)? });
            }
            Payload::CodeSectionStart { .. } => {}
            Payload::CodeSectionEntry(entry) => {
                bodies.push(entry);
                if bodies.len() == metered.types.len() {
                    metered.code(&mut module, &bodies)?;
                }
            }
            Payload::DataSection(section) => {
                let mut data = DataSection::new();
                metered.parse_data_section(&mut data, section)?;
                module.section(&data);
            }
            _ => {
                let unknown = format!("a section of a kind that no plugin needs, in the module at {first:#x}");
                return Err(Error::UserError(Unfit::Invalid(unknown)));
            }
        }
    }
    if let Some(imports) = imports {
        module.section(&imports);
    }
    Ok(module)
}

impl Metered {
    fn code(&mut self, module: &mut Module, bodies: &[FunctionBody<'_>]) -> Result<(), Error<Unfit>> {
        let mut code = CodeSection::new();
        for (ty, body) in self.types.clone().into_iter().zip(bodies) {
            let parameters = self.parameters[ty as usize];
            code.function(&body::metered(self, parameters, body)?);
        }
        module.section(&code);
        Ok(())
    }
}

impl Reencode for Metered {
    type Error = Unfit;

    fn global_index(&mut self, global: u32) -> Result<u32, Error<Unfit>> {
        Ok(global.saturating_add(COUNTER_INDEX + 1))
    }
}

fn importing_the_number() -> ImportSection {
    let mut imports = ImportSection::new();
    imports.import(METER, COUNTER, EntityType::Global(NUMBER));
    imports
}
