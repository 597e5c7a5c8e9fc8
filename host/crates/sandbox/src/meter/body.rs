//! Adds the fuel meter to the body of a function. [`super::module`] handles the rest of a module.
//!
//! A local holds the remaining fuel while the function runs. The local is written back to the meter before any code
//! that can read the meter: before a call, at the end, and before the function traps on purpose.

use std::mem;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{BlockType, Function, Instruction, ValType};
use wasmparser::{FunctionBody, Operator};

use super::layout::PAGE_COST;
use crate::contract::InvalidPlugin;

/// Index of the counter, the first global of each module. The module's globals follow.
pub(super) const COUNTER_INDEX: u32 = 0;

/// Cost of growing a memory or a table. Growing calls the host, even if denied, and takes far longer than an
/// instruction.
const GROW_COST: i64 = 200;
/// Cost of calling an imported function by its index. The engine may serve the call itself, e.g. the call for a new resource.
const IMPORTED_CALL_COST: i64 = 10;
/// Cost of an instruction that always or sometimes calls the host, for any operand. A lookup of a function takes about
/// 50 ns. A fill of zero bytes may take 200 ns if the first page was never written.
const HOST_CALL_COST: i64 = 50;
const POSSIBLE_HOST_CALL_COST: i64 = 10;
/// Number of locals that a unit of fuel sets to zero when a function begins.
const LOCALS_PER_UNIT: u32 = 8;
/// Values of a call or of a branch without an extra cost; most are in registers. Each further value is copied at every
/// call and branch, even in a function that only forwards the values.
const FREE_VALUES: u32 = 16;
/// Maximum cost of a function without calls and without a check. A caller may call the function any number of times,
/// and no check is part of such a call.
const MAX_UNCHECKED_LEAF: i64 = 100;
/// Maximum cost between two checks in any other function. If many calls return in sequence, no function or loop begins,
/// and each function spends up to this cost after the return.
const MAX_UNCHECKED: i64 = 1_000;

/// The numbers of values passed to and returned by a function.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signature {
    pub(super) parameters: u32,
    pub(super) results: u32,
}

/// The types and the imported functions of a module.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModuleTypes<'a> {
    pub(super) signatures: &'a [Signature],
    /// Number of imported functions, which have the first indices.
    pub(super) imported_functions: u32,
}

/// An open block.
#[derive(Debug, Clone, Copy)]
struct OpenBlock {
    /// Maximum cost since the last check, over all paths to the block's end or `else`, except the fall-through.
    unchecked: i64,
    /// Cost of the values of a branch to the block, and of the values at the block's end.
    branch_cost: i64,
    end_cost: i64,
}

/// A function body under construction.
struct BodyWriter<'a, R> {
    /// Converts types and instructions of the plugin.
    reencoder: &'a mut R,
    types: ModuleTypes<'a>,
    function: Function,
    /// Index of the local with the remaining fuel, of a local for a number of bytes, elements or pages, and of a local for the
    /// result of an instruction.
    remaining: u32,
    size: u32,
    result: u32,
    /// Cost of the results of the function.
    results_cost: i64,
    /// Cost since the last change of the local.
    pending: i64,
    /// Maximum cost since the last check, over all paths to the current instruction.
    unchecked: i64,
    open_blocks: Vec<OpenBlock>,
}

/// Adds the meter to a function.
pub(super) fn add_meter<R: Reencode<Error = InvalidPlugin>>(
    reencoder: &mut R,
    types: ModuleTypes<'_>,
    signature: Signature,
    body: &FunctionBody<'_>,
) -> Result<Function, Error<InvalidPlugin>> {
    let Signature { parameters, results } = signature;
    let mut locals = Vec::new();
    let mut remaining = parameters;
    for declared in body.get_locals_reader()? {
        let (count, ty) = declared?;
        remaining = remaining.saturating_add(count);
        locals.push((count, reencoder.val_type(ty)?));
    }
    locals.extend([(1, ValType::I64), (2, ValType::I32)]);
    let function = Function::new(locals);
    let [size, result] = [1, 2].map(|place| remaining.saturating_add(place));
    let zeroed_locals = remaining - parameters;
    let entry_cost = 1
        + i64::from(parameters.saturating_add(results).saturating_sub(FREE_VALUES))
        + i64::from(zeroed_locals / LOCALS_PER_UNIT);
    let mut writer = BodyWriter {
        reencoder,
        types,
        function,
        remaining,
        size,
        result,
        results_cost: values_cost(results),
        pending: entry_cost,
        unchecked: 0,
        open_blocks: Vec::new(),
    };
    writer.load();
    if needs_check_at_start(entry_cost, types, body)? {
        // Otherwise functions that call each other would never reach a check, and the cost could grow with the square
        // of the file size.
        writer.subtract_pending();
        writer.check();
    }
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        writer.operator(operators.read()?)?;
    }
    Ok(writer.function)
}

/// Returns true if the function calls a function or is long.
fn needs_check_at_start(
    entry_cost: i64,
    types: ModuleTypes<'_>,
    body: &FunctionBody<'_>,
) -> Result<bool, Error<InvalidPlugin>> {
    let mut operators = body.get_operators_reader()?;
    let mut cost = entry_cost;
    while !operators.eof() {
        let operator = operators.read()?;
        cost += operator_cost(&operator);
        let has_many_values = match &operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                let Signature { parameters, results } = types.block(*blockty);
                values_cost(parameters.max(results)) > 0
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } => true,
            _ => false,
        };
        if cost > MAX_UNCHECKED_LEAF || has_many_values {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the cost of copying values.
fn values_cost(values: u32) -> i64 {
    values.saturating_sub(FREE_VALUES).into()
}

impl ModuleTypes<'_> {
    /// Returns the numbers of values at the start and at the end of a block.
    fn block(self, block: wasmparser::BlockType) -> Signature {
        match block {
            wasmparser::BlockType::Empty => Signature::default(),
            wasmparser::BlockType::Type(_) => Signature { parameters: 0, results: 1 },
            wasmparser::BlockType::FuncType(index) => self.signatures.get(index as usize).copied().unwrap_or_default(),
        }
    }
}

impl<R: Reencode<Error = InvalidPlugin>> BodyWriter<'_, R> {
    fn operator(&mut self, operator: Operator<'_>) -> Result<(), Error<InvalidPlugin>> {
        if self.unchecked > MAX_UNCHECKED {
            self.subtract_pending();
            self.check();
        }
        let cost = operator_cost(&operator) + self.passed_values_cost(&operator)? + self.call_cost(&operator);
        self.pending += cost;
        self.unchecked += cost;
        self.write(operator)
    }

    /// Returns the cost of the values that an instruction passes to a block, to the end of a block, or to the target of a branch.
    fn passed_values_cost(&self, operator: &Operator<'_>) -> Result<i64, Error<InvalidPlugin>> {
        Ok(match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                values_cost(self.types.block(*blockty).parameters)
            }
            Operator::Else | Operator::End => self.open_blocks.last().map_or(self.results_cost, |block| block.end_cost),
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => self.branch_cost(*relative_depth),
            Operator::BrTable { targets } => {
                let mut cost = self.branch_cost(targets.default());
                for target in targets.targets() {
                    cost = cost.max(self.branch_cost(target?));
                }
                cost
            }
            _ => 0,
        })
    }

    fn branch_cost(&self, depth: u32) -> i64 {
        let block =
            self.open_blocks.len().checked_sub(depth as usize + 1).and_then(|block| self.open_blocks.get(block));
        block.map_or(self.results_cost, |block| block.branch_cost)
    }

    fn call_cost(&self, operator: &Operator<'_>) -> i64 {
        match operator {
            Operator::Call { function_index } if *function_index < self.types.imported_functions => IMPORTED_CALL_COST,
            _ => 0,
        }
    }

    fn open_block(&mut self, blockty: wasmparser::BlockType, unchecked: i64, is_loop: bool) {
        let Signature { parameters, results } = self.types.block(blockty);
        let branch_cost = values_cost(if is_loop { parameters } else { results });
        self.open_blocks.push(OpenBlock { unchecked, branch_cost, end_cost: values_cost(results) });
    }

    fn write(&mut self, operator: Operator<'_>) -> Result<(), Error<InvalidPlugin>> {
        match &operator {
            Operator::Block { blockty } => self.open_block(*blockty, 0, false),
            // The check is at the head of the loop, so every iteration passes a check.
            Operator::Loop { blockty } => {
                self.open_block(*blockty, 0, true);
                self.subtract_pending();
                self.copy(operator)?;
                self.check();
                return Ok(());
            }
            Operator::If { blockty } => {
                self.open_block(*blockty, self.unchecked, false);
                self.subtract_pending();
            }
            Operator::Else => {
                // The `else` branch starts with the cost at the `if`. The end of the block keeps the maximum of both
                // branches.
                if let Some(OpenBlock { unchecked: other, .. }) = self.open_blocks.last_mut() {
                    mem::swap(&mut self.unchecked, other);
                    *other = self.unchecked.max(*other);
                }
                self.subtract_pending();
            }
            Operator::End => match self.open_blocks.pop() {
                Some(OpenBlock { unchecked: other, .. }) => {
                    self.unchecked = self.unchecked.max(other);
                    self.subtract_pending();
                }
                None => self.save(),
            },
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => self.branch(&[*relative_depth]),
            Operator::BrTable { targets } => {
                let others = targets.targets().collect::<Result<Vec<_>, _>>()?;
                self.branch(&[others, vec![targets.default()]].concat());
            }
            Operator::Return | Operator::Unreachable => self.save(),
            Operator::Call { .. } | Operator::CallIndirect { .. } => {
                self.save();
                self.copy(operator)?;
                self.load();
                // A callee without calls may cost up to `MAX_UNCHECKED_LEAF` without a check.
                self.unchecked += MAX_UNCHECKED_LEAF;
                return Ok(());
            }
            Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryInit { .. }
            | Operator::TableCopy { .. }
            | Operator::TableFill { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. } => self.charge_size(),
            Operator::MemoryGrow { .. } => {
                self.function.instruction(&Instruction::LocalTee(self.size));
                self.copy(operator)?;
                self.charge_new_pages();
                return Ok(());
            }
            _ => {}
        }
        self.copy(operator)
    }

    fn copy(&mut self, operator: Operator<'_>) -> Result<(), Error<InvalidPlugin>> {
        let instruction = self.reencoder.instruction(operator)?;
        self.function.instruction(&instruction);
        Ok(())
    }

    /// Subtracts the accumulated cost from the local.
    fn subtract_pending(&mut self) {
        if self.pending > 0 {
            self.function.instruction(&Instruction::LocalGet(self.remaining));
            self.subtract_pending_from_stack();
            self.function.instruction(&Instruction::LocalSet(self.remaining));
        }
    }

    /// Subtracts the accumulated cost and writes the local back to the meter.
    fn save(&mut self) {
        self.function.instruction(&Instruction::LocalGet(self.remaining));
        if self.pending > 0 {
            self.subtract_pending_from_stack();
            self.function.instruction(&Instruction::LocalTee(self.remaining));
        }
        self.function.instruction(&Instruction::GlobalSet(COUNTER_INDEX));
    }

    fn subtract_pending_from_stack(&mut self) {
        self.function.instruction(&Instruction::I64Const(self.pending)).instruction(&Instruction::I64Sub);
        self.pending = 0;
    }

    /// Reads the meter into the local.
    fn load(&mut self) {
        self.function
            .instruction(&Instruction::GlobalGet(COUNTER_INDEX))
            .instruction(&Instruction::LocalSet(self.remaining));
    }

    fn branch(&mut self, targets: &[u32]) {
        let mut ends = false;
        for &depth in targets {
            let block = self.open_blocks.len().checked_sub(depth as usize + 1);
            match block.and_then(|block| self.open_blocks.get_mut(block)) {
                Some(OpenBlock { unchecked: other, .. }) => *other = self.unchecked.max(*other),
                // The outermost label is the end of the function.
                None => ends = true,
            }
        }
        if ends { self.save() } else { self.subtract_pending() }
    }

    /// Charges a unit per byte or element of an instruction with the count in its last operand.
    fn charge_size(&mut self) {
        self.function
            .instruction(&Instruction::LocalTee(self.size))
            .instruction(&Instruction::LocalGet(self.remaining))
            .instruction(&Instruction::LocalGet(self.size))
            .instruction(&Instruction::I64ExtendI32U)
            .instruction(&Instruction::I64Sub)
            .instruction(&Instruction::LocalSet(self.remaining));
        self.subtract_pending();
        self.check();
    }

    /// Charges the pages of a memory that has grown. A refused growth returns -1 and adds no page.
    fn charge_new_pages(&mut self) {
        self.function
            .instruction(&Instruction::LocalSet(self.result))
            .instruction(&Instruction::LocalGet(self.remaining))
            .instruction(&Instruction::LocalGet(self.size))
            .instruction(&Instruction::I32Const(0))
            .instruction(&Instruction::LocalGet(self.result))
            .instruction(&Instruction::I32Const(-1))
            .instruction(&Instruction::I32Ne)
            .instruction(&Instruction::Select)
            .instruction(&Instruction::I64ExtendI32U)
            .instruction(&Instruction::I64Const(PAGE_COST as i64))
            .instruction(&Instruction::I64Mul)
            .instruction(&Instruction::I64Sub)
            .instruction(&Instruction::LocalSet(self.remaining));
        self.subtract_pending();
        self.check();
        self.function.instruction(&Instruction::LocalGet(self.result));
    }

    /// Traps if no fuel is left. The accumulated cost must be subtracted before.
    fn check(&mut self) {
        self.function
            .instruction(&Instruction::LocalGet(self.remaining))
            .instruction(&Instruction::I64Const(0))
            .instruction(&Instruction::I64LtS)
            .instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::LocalGet(self.remaining))
            .instruction(&Instruction::GlobalSet(COUNTER_INDEX))
            .instruction(&Instruction::Unreachable)
            .instruction(&Instruction::End);
        self.unchecked = 0;
    }
}

/// Returns the cost of an instruction. An instruction without machine code costs nothing.
fn operator_cost(operator: &Operator<'_>) -> i64 {
    match operator {
        Operator::Nop
        | Operator::Drop
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::Unreachable
        | Operator::Return
        | Operator::Else
        | Operator::End => 0,
        Operator::MemoryGrow { .. } | Operator::TableGrow { .. } => GROW_COST,
        Operator::RefFunc { .. } | Operator::MemoryFill { .. } => HOST_CALL_COST,
        Operator::MemoryCopy { .. }
        | Operator::MemoryInit { .. }
        | Operator::DataDrop { .. }
        | Operator::TableCopy { .. }
        | Operator::TableFill { .. }
        | Operator::TableInit { .. }
        | Operator::TableGet { .. }
        | Operator::ElemDrop { .. } => POSSIBLE_HOST_CALL_COST,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, Extern, Func, Global, GlobalType, Instance, Module, Mutability, Store, Val, ValType};

    use super::{MAX_UNCHECKED, MAX_UNCHECKED_LEAF, PAGE_COST};
    use crate::meter;

    /// Returns the fuel used by `run` until the trap, for the given budget.
    fn used(text: &str, budget: i64) -> i64 {
        let metered = meter::metered_module(&wat::parse_str(text).expect("text")).expect("metered");
        let engine = Engine::default();
        let module = Module::new(&engine, metered).expect("valid");
        let mut store = Store::new(&engine, ());
        let ty = GlobalType::new(ValType::I64, Mutability::Var);
        let counter = Global::new(&mut store, ty, Val::I64(budget)).expect("a number");
        let nothing = Func::wrap(&mut store, || {});
        let imports =
            module.imports().map(|import| if import.ty().func().is_some() { nothing.into() } else { counter.into() });
        let imports: Vec<Extern> = imports.collect();
        let instance = Instance::new(&mut store, &module, &imports).expect("an instance");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("exported");
        run.call(&mut store, ()).expect_err("a trap");
        budget - counter.get(&mut store).i64().expect("a number")
    }

    /// Each call has much work after the return of the inner call, and no loop or checked function begins in this work.
    #[test]
    fn code_after_returned_calls_is_checked() {
        let rest = "(call $leaf)".repeat(1_000);
        let text = format!(
            "(module (func $leaf (drop (i32.const 0)))
                (func $down (param i32)
                    (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))) {rest})
                (func (export \"run\") (call $down (i32.const 1000))))"
        );
        let over = used(&text, 10_000) - 10_000;
        assert!((1..=MAX_UNCHECKED + MAX_UNCHECKED_LEAF).contains(&over), "{over}");
    }

    #[test]
    fn a_check_in_a_branch_does_not_count_for_other_branches() {
        let before = "(drop (i32.const 0))".repeat(900);
        let inside = "(drop (i32.const 0))".repeat(300);
        for branch in [
            "(if (global.get $no) (then INSIDE))",
            "(if (global.get $no) (then INSIDE) (else))",
            "(if (i32.eqz (global.get $no)) (then) (else INSIDE))",
            "(block (br_if 0 (i32.eqz (global.get $no))) INSIDE)",
            "(block (block (br_table 0 1 (i32.eqz (global.get $no)))) INSIDE)",
        ] {
            let branches = format!("{before} {}", branch.replace("INSIDE", &inside)).repeat(50);
            let text = format!("(module (global $no i32 (i32.const 0)) (func (export \"run\") {branches}))");
            let over = used(&text, 10) - 10;
            assert!((1..=MAX_UNCHECKED + 300).contains(&over), "{branch}: {over}");
        }
    }

    #[test]
    fn locals_cost_fuel_at_every_call() {
        let used_by = |locals: usize| {
            let locals = "i64 ".repeat(locals);
            let text = format!(
                "(module (func $inner (local {locals})) (func (export \"run\") (call $inner) (call $inner) unreachable))"
            );
            used(&text, 10_000)
        };
        assert_eq!(used_by(800) - used_by(0), 2 * 100);
    }

    #[test]
    fn many_values_cost_fuel_at_every_branch() {
        let used_by = |values: usize| {
            let types = "i64 ".repeat(values);
            let constants = "(i64.const 0)".repeat(values);
            let drops = "drop ".repeat(values);
            let text = format!(
                "(module (type $values (func (param {types}) (result {types}))) (global $left (mut i32) (i32.const 9))
                    (func (export \"run\") {constants}
                        (loop $again (type $values)
                            (global.set $left (i32.sub (global.get $left) (i32.const 1)))
                            (br_if $again (global.get $left)))
                        {drops} unreachable))"
            );
            used(&text, 100_000)
        };
        // The start of the loop, nine branches, and the end of the loop; and the constants.
        assert_eq!(used_by(116) - used_by(16), (1 + 9 + 1) * 100 + 100);
    }

    #[test]
    fn new_pages_cost_fuel() {
        let used_by = |pages: i64| {
            let text = format!(
                "(module (memory 0 10) (func (export \"run\") (drop (memory.grow (i32.const {pages}))) unreachable))"
            );
            used(&text, 1_000_000)
        };
        assert_eq!(used_by(3) - used_by(0), 3 * PAGE_COST as i64);
        assert_eq!(used_by(11), used_by(0), "refused");
    }

    #[test]
    fn a_call_of_an_imported_function_costs_more() {
        let used_by = |call: &str| {
            let text = format!(
                "(module (import \"costwarden:host\" \"nothing\" (func $nothing)) (func $own) (func (export \"run\") {call} unreachable))"
            );
            used(&text, 1_000)
        };
        assert_eq!(used_by("(call $nothing)") + 1, used_by("(call $own)") + super::IMPORTED_CALL_COST);
    }

    /// Each function forwards the results of the next function.
    #[test]
    fn many_values_cost_fuel_at_every_call() {
        let used_by = |values: usize| {
            let text = format!(
                "(module (type $many (func (result {}))) (func $first (type $many) unreachable)
                    (func $second (type $many) (call $first)) (func (export \"run\") (call $second) unreachable))",
                "i64 ".repeat(values)
            );
            used(&text, 10_000)
        };
        assert_eq!((used_by(1), used_by(16)), (5, 5));
        assert_eq!(used_by(116), 5 + 2 * 100);
    }
}
