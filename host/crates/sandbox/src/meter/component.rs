//! Adds the fuel meter to a component: the meter's module comes first, and each module of the plugin receives the
//! meter's instance.
//!
//! The meter's items shift the indices of all following items at the top level of the component. Indices inside nested
//! components do not change.

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent, component_utils};
use wasm_encoder::{
    Alias, BlockType, CanonicalFunctionSection, CanonicalOption, CodeSection, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentImportSection, ComponentTypeRef, ComponentTypeSection,
    ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, InstanceSection, Instruction, Module, ModuleArg, ModuleSection, PrimitiveValType, StartSection,
    TypeSection, ValType,
};
use wasmparser::{CustomSectionReader, Instance, Parser};

use super::{BUDGET, COUNTER, METER, REMAINING, layout, module};
use crate::contract::InvalidPlugin;

/// Number of items added by the meter, for each index space. The plugin's indices shift by this number.
const TYPES: u32 = 1;
const FUNCTIONS: u32 = 2;
const CORE_FUNCTIONS: u32 = 2;
const MODULES: u32 = 1;
const INSTANCES: u32 = 2;

/// Core instances with code of the meter, in addition to the plugin's instances.
pub(crate) const METER_INSTANCES: usize = 1;

/// Names inside the meter's module and component.
const BUDGET_IMPORT: &str = "budget";
const REMAINING_EXPORT: &str = "remaining";
const HOST: &str = "host";

/// The plugin's part of a component under construction, with shifted indices.
struct IndexShift {
    /// Nesting depth of the current component.
    depth: u32,
}

pub(super) fn add_meter(bytes: &[u8]) -> Result<Vec<u8>, Error<InvalidPlugin>> {
    let mut component = Component::new();
    add_meter_items(&mut component, layout::cost(bytes)?);
    IndexShift { depth: 0 }.parse_component(&mut component, Parser::new(0), bytes)?;
    let mut exports = ComponentExportSection::new();
    exports.export(REMAINING, ComponentExportKind::Func, FUNCTIONS - 1, None);
    component.section(&exports);
    Ok(component.finish())
}

/// Adds the counter's module, its instance, and the function that returns the counter.
fn add_meter_items(component: &mut Component, layout_cost: i64) {
    let mut types = ComponentTypeSection::new();
    types.function().params::<_, wasm_encoder::ComponentValType>([]).result(Some(PrimitiveValType::S64.into()));
    component.section(&types);

    let mut imports = ComponentImportSection::new();
    imports.import(BUDGET, ComponentTypeRef::Func(0));
    component.section(&imports);

    let mut lowered = CanonicalFunctionSection::new();
    lowered.lower(0, []);
    component.section(&lowered);

    component.section(&ModuleSection(&meter_module(layout_cost)));

    let mut instances = InstanceSection::new();
    instances.export_items([(BUDGET_IMPORT, ExportKind::Func, 0)]);
    instances.instantiate(0, [(HOST, ModuleArg::Instance(0))]);
    component.section(&instances);

    let mut aliases = ComponentAliasSection::new();
    aliases.alias(Alias::CoreInstanceExport { instance: 1, kind: ExportKind::Func, name: REMAINING_EXPORT });
    component.section(&aliases);

    let mut lifted = CanonicalFunctionSection::new();
    lifted.lift(1, 0, [] as [CanonicalOption; 0]);
    component.section(&lifted);
}

/// Returns the meter's module. At its start, before any layout of the plugin, the module requests the budget and
/// subtracts the layout cost.
fn meter_module(layout_cost: i64) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I64]);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import(HOST, BUDGET_IMPORT, EntityType::Function(0));
    let mut functions = FunctionSection::new();
    functions.function(1).function(0);
    let start = 1;
    let remaining = 2;
    let mut globals = GlobalSection::new();
    globals.global(GlobalType { val_type: ValType::I64, mutable: true, shared: false }, &ConstExpr::i64_const(0));
    let mut exports = ExportSection::new();
    exports.export(COUNTER, ExportKind::Global, 0).export(REMAINING_EXPORT, ExportKind::Func, remaining);
    let mut code = CodeSection::new();
    let mut start_function = Function::new([]);
    start_function
        .instruction(&Instruction::Call(0))
        .instruction(&Instruction::I64Const(layout_cost))
        .instruction(&Instruction::I64Sub)
        .instruction(&Instruction::GlobalSet(0))
        .instruction(&Instruction::GlobalGet(0))
        .instruction(&Instruction::I64Const(0))
        .instruction(&Instruction::I64LtS)
        .instruction(&Instruction::If(BlockType::Empty))
        .instruction(&Instruction::Unreachable)
        .instruction(&Instruction::End)
        .instruction(&Instruction::End);
    code.function(&start_function);
    let mut remaining_function = Function::new([]);
    remaining_function.instruction(&Instruction::GlobalGet(0)).instruction(&Instruction::End);
    code.function(&remaining_function);

    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&globals)
        .section(&exports)
        .section(&StartSection { function_index: start })
        .section(&code);
    module
}

impl IndexShift {
    /// Returns the shifted index of an item at the current level.
    fn shifted(&self, index: u32, added: u32) -> u32 {
        self.shifted_outer(0, index, added)
    }

    /// Returns the shifted index of an item `count` levels further out. Only the top level contains items of the meter.
    fn shifted_outer(&self, count: u32, index: u32, added: u32) -> u32 {
        if count == self.depth { index.saturating_add(added) } else { index }
    }
}

impl Reencode for IndexShift {
    type Error = InvalidPlugin;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<InvalidPlugin>> {
        Ok(self.shifted(function, CORE_FUNCTIONS))
    }
}

impl ReencodeComponent for IndexShift {
    fn component_type_index(&mut self, ty: u32) -> u32 {
        self.shifted(ty, TYPES)
    }

    fn component_func_index(&mut self, function: u32) -> u32 {
        self.shifted(function, FUNCTIONS)
    }

    fn module_index(&mut self, module: u32) -> u32 {
        self.shifted(module, MODULES)
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        self.shifted(instance, INSTANCES)
    }

    fn outer_component_type_index(&mut self, count: u32, ty: u32) -> u32 {
        self.shifted_outer(count, ty, TYPES)
    }

    fn outer_module_index(&mut self, count: u32, module: u32) -> u32 {
        self.shifted_outer(count, module, MODULES)
    }

    fn push_depth(&mut self) {
        self.depth += 1;
    }

    fn pop_depth(&mut self) {
        self.depth -= 1;
    }

    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        parser: Parser,
        bytes: &[u8],
    ) -> Result<(), Error<InvalidPlugin>> {
        component.section(&ModuleSection(&module::add_meter(parser, bytes)?));
        Ok(())
    }

    fn parse_component_custom_section(
        &mut self,
        _: &mut Component,
        _: CustomSectionReader<'_>,
    ) -> Result<(), Error<InvalidPlugin>> {
        Ok(())
    }

    fn parse_instance(
        &mut self,
        instances: &mut InstanceSection,
        instance: Instance<'_>,
    ) -> Result<(), Error<InvalidPlugin>> {
        let Instance::Instantiate { module_index, args } = &instance else {
            return component_utils::parse_instance(self, instances, instance);
        };
        let arguments = args.iter().map(|arg| (arg.name, ModuleArg::Instance(self.shifted(arg.index, INSTANCES))));
        // Every module of the plugin imports the counter, so every instance receives the meter's instance.
        let arguments: Vec<_> = arguments.chain([(METER, ModuleArg::Instance(INSTANCES - 1))]).collect();
        instances.instantiate(self.shifted(*module_index, MODULES), arguments);
        Ok(())
    }
}
