//! Adds the fuel meter to the body of a function. [`super::module`] handles the rest of a module.
//!
//! A local holds the remaining fuel while the function runs. The local is written back to the meter before any code
//! that can read the meter: before a call, at the end, and before the function traps on purpose.

use std::mem;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{BlockType, Function, Instruction, ValType};
use wasmparser::{FunctionBody, Operator};

use crate::contract::InvalidPlugin;

/// Index of the counter, the first global of each module. The module's globals follow.
pub(super) const COUNTER_INDEX: u32 = 0;

/// Cost of growing a memory or a table. Growing calls the host, even if denied, and takes far longer than an
/// instruction.
const GROW_COST: i64 = 200;
/// Cost of an instruction that always or sometimes calls the host, for any operand. A lookup of a function takes about
/// 50 ns. A fill of zero bytes may take 200 ns if the first page was never written.
const HOST_CALL_COST: i64 = 50;
const POSSIBLE_HOST_CALL_COST: i64 = 10;
/// Number of locals that a unit of fuel sets to zero when a function begins.
const LOCALS_PER_UNIT: u32 = 8;
/// Parameters and results of a call without an extra cost; most are in registers. Each further value is copied at every
/// call, even in a function that only forwards the values.
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

/// A function body under construction.
struct BodyWriter<'a, R> {
    /// Converts types and instructions of the plugin.
    reencoder: &'a mut R,
    function: Function,
    /// Index of the local with the remaining fuel, and of a local for a number of bytes or elements.
    remaining: u32,
    size: u32,
    /// Cost since the last change of the local.
    pending: i64,
    /// Maximum cost since the last check, over all paths to the current instruction.
    unchecked: i64,
    /// For each open block: the same maximum over all paths to the block's end or `else`, except the fall-through.
    open_blocks: Vec<i64>,
}

/// Adds the meter to a function.
pub(super) fn add_meter<R: Reencode<Error = InvalidPlugin>>(
    reencoder: &mut R,
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
    locals.extend([(1, ValType::I64), (1, ValType::I32)]);
    let function = Function::new(locals);
    let size = remaining.saturating_add(1);
    let zeroed_locals = remaining - parameters;
    let entry_cost = 1
        + i64::from(parameters.saturating_add(results).saturating_sub(FREE_VALUES))
        + i64::from(zeroed_locals / LOCALS_PER_UNIT);
    let mut writer =
        BodyWriter { reencoder, function, remaining, size, pending: entry_cost, unchecked: 0, open_blocks: Vec::new() };
    writer.load();
    if needs_check_at_start(entry_cost, body)? {
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
fn needs_check_at_start(entry_cost: i64, body: &FunctionBody<'_>) -> Result<bool, Error<InvalidPlugin>> {
    let mut operators = body.get_operators_reader()?;
    let mut cost = entry_cost;
    while !operators.eof() {
        let operator = operators.read()?;
        cost += operator_cost(&operator);
        if cost > MAX_UNCHECKED_LEAF || matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl<R: Reencode<Error = InvalidPlugin>> BodyWriter<'_, R> {
    fn operator(&mut self, operator: Operator<'_>) -> Result<(), Error<InvalidPlugin>> {
        if self.unchecked > MAX_UNCHECKED {
            self.subtract_pending();
            self.check();
        }
        let cost = operator_cost(&operator);
        self.pending += cost;
        self.unchecked += cost;
        self.write(operator)
    }

    fn write(&mut self, operator: Operator<'_>) -> Result<(), Error<InvalidPlugin>> {
        match &operator {
            Operator::Block { .. } => self.open_blocks.push(0),
            // The check is at the head of the loop, so every iteration passes a check.
            Operator::Loop { .. } => {
                self.open_blocks.push(0);
                self.subtract_pending();
                self.copy(operator)?;
                self.check();
                return Ok(());
            }
            Operator::If { .. } => {
                self.open_blocks.push(self.unchecked);
                self.subtract_pending();
            }
            Operator::Else => {
                // The `else` branch starts with the cost at the `if`. The end of the block keeps the maximum of both
                // branches.
                if let Some(other) = self.open_blocks.last_mut() {
                    mem::swap(&mut self.unchecked, other);
                    *other = self.unchecked.max(*other);
                }
                self.subtract_pending();
            }
            Operator::End => match self.open_blocks.pop() {
                Some(other) => {
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
                Some(other) => *other = self.unchecked.max(*other),
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
    use wasmtime::{Engine, Global, GlobalType, Instance, Module, Mutability, Store, Val, ValType};

    use super::{MAX_UNCHECKED, MAX_UNCHECKED_LEAF};
    use crate::meter;

    /// Returns the fuel used by `run` until the trap, for the given budget.
    fn used(text: &str, budget: i64) -> i64 {
        let metered = meter::metered_module(&wat::parse_str(text).expect("text")).expect("metered");
        let engine = Engine::default();
        let module = Module::new(&engine, metered).expect("valid");
        let mut store = Store::new(&engine, ());
        let ty = GlobalType::new(ValType::I64, Mutability::Var);
        let counter = Global::new(&mut store, ty, Val::I64(budget)).expect("a number");
        let instance = Instance::new(&mut store, &module, &[counter.into()]).expect("an instance");
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
