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

use super::{BUDGET, COUNTER, LEFT, METER, layout, module};
use crate::contract::Unfit;

/// Number of items added by the meter, for each index space. The plugin's indices shift by this number.
const TYPES: u32 = 1;
const FUNCTIONS: u32 = 2;
const CORE_FUNCTIONS: u32 = 2;
const MODULES: u32 = 1;
const INSTANCES: u32 = 2;

/// Core instances with code of the meter, in addition to the plugin's instances.
pub(crate) const OWN_INSTANCES: usize = 1;

/// Names inside the meter's module and component.
const ASK: &str = "budget";
const TELL: &str = "tell";
const HOST: &str = "host";

/// The plugin's part of a component under construction.
struct Moved {
    /// Nesting depth of the current component.
    depth: u32,
}

pub(super) fn metered(bytes: &[u8]) -> Result<Vec<u8>, Error<Unfit>> {
    let mut component = Component::new();
    put_meter(&mut component, layout::cost(bytes)?);
    Moved { depth: 0 }.parse_component(&mut component, Parser::new(0), bytes)?;
    let mut exports = ComponentExportSection::new();
    exports.export(LEFT, ComponentExportKind::Func, FUNCTIONS - 1, None);
    component.section(&exports);
    Ok(component.finish())
}

/// Adds the counter's module, its instance, and the function that returns the counter.
fn put_meter(component: &mut Component, layout: i64) {
    let mut types = ComponentTypeSection::new();
    types.function().params::<_, wasm_encoder::ComponentValType>([]).result(Some(PrimitiveValType::S64.into()));
    component.section(&types);

    let mut imports = ComponentImportSection::new();
    imports.import(BUDGET, ComponentTypeRef::Func(0));
    component.section(&imports);

    let mut lowered = CanonicalFunctionSection::new();
    lowered.lower(0, []);
    component.section(&lowered);

    component.section(&ModuleSection(&meter(layout)));

    let mut instances = InstanceSection::new();
    instances.export_items([(ASK, ExportKind::Func, 0)]);
    instances.instantiate(0, [(HOST, ModuleArg::Instance(0))]);
    component.section(&instances);

    let mut aliases = ComponentAliasSection::new();
    aliases.alias(Alias::CoreInstanceExport { instance: 1, kind: ExportKind::Func, name: TELL });
    component.section(&aliases);

    let mut lifted = CanonicalFunctionSection::new();
    lifted.lift(1, 0, [] as [CanonicalOption; 0]);
    component.section(&lifted);
}

/// Returns the meter's module. At its start, before any layout of the plugin, the module requests the budget and
/// subtracts the layout cost.
fn meter(layout: i64) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I64]);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import(HOST, ASK, EntityType::Function(0));
    let mut functions = FunctionSection::new();
    functions.function(1).function(0);
    let (start, tell) = (1, 2);
    let mut globals = GlobalSection::new();
    globals.global(GlobalType { val_type: ValType::I64, mutable: true, shared: false }, &ConstExpr::i64_const(0));
    let mut exports = ExportSection::new();
    exports.export(COUNTER, ExportKind::Global, 0).export(TELL, ExportKind::Func, tell);
    let mut code = CodeSection::new();
    let mut function = Function::new([]);
    function
        .instruction(&Instruction::Call(0))
        .instruction(&Instruction::I64Const(layout))
        .instruction(&Instruction::I64Sub)
        .instruction(&Instruction::GlobalSet(0))
        .instruction(&Instruction::GlobalGet(0))
        .instruction(&Instruction::I64Const(0))
        .instruction(&Instruction::I64LtS)
        .instruction(&Instruction::If(BlockType::Empty))
        .instruction(&Instruction::Unreachable)
        .instruction(&Instruction::End)
        .instruction(&Instruction::End);
    code.function(&function);
    let mut function = Function::new([]);
    function.instruction(&Instruction::GlobalGet(0)).instruction(&Instruction::End);
    code.function(&function);

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

impl Moved {
    /// Returns the shifted index of an item at the current level.
    fn behind(&self, index: u32, own: u32) -> u32 {
        self.out(0, index, own)
    }

    /// Returns the shifted index of an item `count` levels further out. Only the top level contains items of the meter.
    fn out(&self, count: u32, index: u32, own: u32) -> u32 {
        if count == self.depth { index.saturating_add(own) } else { index }
    }
}

impl Reencode for Moved {
    type Error = Unfit;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Unfit>> {
        Ok(self.behind(function, CORE_FUNCTIONS))
    }
}

impl ReencodeComponent for Moved {
    fn component_type_index(&mut self, ty: u32) -> u32 {
        self.behind(ty, TYPES)
    }

    fn component_func_index(&mut self, function: u32) -> u32 {
        self.behind(function, FUNCTIONS)
    }

    fn module_index(&mut self, module: u32) -> u32 {
        self.behind(module, MODULES)
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        self.behind(instance, INSTANCES)
    }

    fn outer_component_type_index(&mut self, count: u32, ty: u32) -> u32 {
        self.out(count, ty, TYPES)
    }

    fn outer_module_index(&mut self, count: u32, module: u32) -> u32 {
        self.out(count, module, MODULES)
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
    ) -> Result<(), Error<Unfit>> {
        component.section(&ModuleSection(&module::metered(parser, bytes)?));
        Ok(())
    }

    fn parse_component_custom_section(
        &mut self,
        _: &mut Component,
        _: CustomSectionReader<'_>,
    ) -> Result<(), Error<Unfit>> {
        Ok(())
    }

    fn parse_instance(&mut self, instances: &mut InstanceSection, instance: Instance<'_>) -> Result<(), Error<Unfit>> {
        let Instance::Instantiate { module_index, args } = &instance else {
            return component_utils::parse_instance(self, instances, instance);
        };
        let given = args.iter().map(|arg| (arg.name, ModuleArg::Instance(self.behind(arg.index, INSTANCES))));
        // Every module of the plugin imports the counter, so every instance receives the meter's instance.
        let given: Vec<_> = given.chain([(METER, ModuleArg::Instance(INSTANCES - 1))]).collect();
        instances.instantiate(self.behind(*module_index, MODULES), given);
        Ok(())
    }
}
