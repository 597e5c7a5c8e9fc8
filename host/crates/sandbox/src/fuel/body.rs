//! Adds the fuel meter to the body of a function. [`super::module`] handles the rest of a module.
//!
//! A local holds the remaining fuel while the function runs. The local is written back to the meter before any code
//! that can read the meter: before a call, at the end, and before the function traps on purpose.

use std::mem;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{BlockType, Function, Instruction, ValType};
use wasmparser::{FunctionBody, Operator};

use super::module::{COUNTER_INDEX, Metered, Signature};
use crate::contract::Unfit;

/// Cost of growing a memory or a table. Growing calls the host, even if denied, and takes far longer than an
/// instruction.
const GROW: i64 = 200;
/// Cost of an instruction that always or sometimes calls the host, for any operand. A lookup of a function takes about
/// 50 ns. A fill of zero bytes may take 200 ns if the first page was never written.
const CALLS_THE_HOST: i64 = 50;
const MAY_CALL_THE_HOST: i64 = 10;
/// Parameters and results of a call without an extra cost; most are in registers. Each further value is copied at every
/// call, even in a function that only forwards the values.
const VALUES: u32 = 16;
/// Maximum cost of a function without calls and without a check. A caller may call the function any number of times,
/// and no check is part of such a call.
const UNSEEN: i64 = 100;
/// Maximum cost between two checks in any other function. If many calls return in sequence, no function or loop begins,
/// and each function spends up to this cost after the return.
const UNLOOKED: i64 = 1_000;

/// A function body under construction.
struct Writer<'a> {
    metered: &'a mut Metered,
    function: Function,
    /// Index of the local with the remaining fuel, and of a local for a number of bytes or elements.
    left: u32,
    size: u32,
    /// Cost since the last change of the local.
    passed: i64,
    /// Maximum cost since the last check, over all paths to the current instruction.
    unlooked: i64,
    /// For each open block: the same maximum over all paths to the block's end or `else`, except the fall-through.
    open: Vec<i64>,
}

/// Adds the meter to a function.
pub(super) fn metered(
    metered: &mut Metered,
    Signature { parameters, results }: Signature,
    body: &FunctionBody<'_>,
) -> Result<Function, Error<Unfit>> {
    let mut locals = Vec::new();
    let mut left = parameters;
    for declared in body.get_locals_reader()? {
        let (count, ty) = declared?;
        left = left.saturating_add(count);
        locals.push((count, metered.val_type(ty)?));
    }
    locals.extend([(1, ValType::I64), (1, ValType::I32)]);
    let function = Function::new(locals);
    let size = left.saturating_add(1);
    let entry = 1 + i64::from(parameters.saturating_add(results).saturating_sub(VALUES));
    let mut writer = Writer { metered, function, left, size, passed: entry, unlooked: 0, open: Vec::new() };
    writer.load();
    if calls_or_is_long(entry, body)? {
        // Otherwise functions that call each other would never reach a check, and the cost could grow with the square
        // of the file size.
        writer.settle();
        writer.check();
    }
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        writer.operator(operators.read()?)?;
    }
    Ok(writer.function)
}

fn calls_or_is_long(entry: i64, body: &FunctionBody<'_>) -> Result<bool, Error<Unfit>> {
    let mut operators = body.get_operators_reader()?;
    let mut passed = entry;
    while !operators.eof() {
        let operator = operators.read()?;
        passed += cost(&operator);
        if passed > UNSEEN || matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Writer<'_> {
    fn operator(&mut self, operator: Operator<'_>) -> Result<(), Error<Unfit>> {
        if self.unlooked > UNLOOKED {
            self.settle();
            self.check();
        }
        let cost = cost(&operator);
        self.passed += cost;
        self.unlooked += cost;
        self.write(operator)
    }

    fn write(&mut self, operator: Operator<'_>) -> Result<(), Error<Unfit>> {
        match &operator {
            Operator::Block { .. } => self.open.push(0),
            // The check is at the head of the loop, so every iteration passes a check.
            Operator::Loop { .. } => {
                self.open.push(0);
                self.settle();
                self.copy(operator)?;
                self.check();
                return Ok(());
            }
            Operator::If { .. } => {
                self.open.push(self.unlooked);
                self.settle();
            }
            Operator::Else => {
                // The `else` branch starts with the cost at the `if`. The end of the block keeps the maximum of both
                // branches.
                if let Some(other) = self.open.last_mut() {
                    mem::swap(&mut self.unlooked, other);
                    *other = self.unlooked.max(*other);
                }
                self.settle();
            }
            Operator::End => match self.open.pop() {
                Some(other) => {
                    self.unlooked = self.unlooked.max(other);
                    self.settle();
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
                // A callee without calls may cost up to `UNSEEN` without a check.
                self.unlooked += UNSEEN;
                return Ok(());
            }
            Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryInit { .. }
            | Operator::TableCopy { .. }
            | Operator::TableFill { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. } => self.sized(),
            _ => {}
        }
        self.copy(operator)
    }

    fn copy(&mut self, operator: Operator<'_>) -> Result<(), Error<Unfit>> {
        let instruction = self.metered.instruction(operator)?;
        self.function.instruction(&instruction);
        Ok(())
    }

    /// Subtracts the accumulated cost from the local.
    fn settle(&mut self) {
        if self.passed > 0 {
            self.function.instruction(&Instruction::LocalGet(self.left));
            self.subtract_passed();
            self.function.instruction(&Instruction::LocalSet(self.left));
        }
    }

    /// Subtracts the accumulated cost and writes the local back to the meter.
    fn save(&mut self) {
        self.function.instruction(&Instruction::LocalGet(self.left));
        if self.passed > 0 {
            self.subtract_passed();
            self.function.instruction(&Instruction::LocalTee(self.left));
        }
        self.function.instruction(&Instruction::GlobalSet(COUNTER_INDEX));
    }

    fn subtract_passed(&mut self) {
        self.function.instruction(&Instruction::I64Const(self.passed)).instruction(&Instruction::I64Sub);
        self.passed = 0;
    }

    fn load(&mut self) {
        self.function
            .instruction(&Instruction::GlobalGet(COUNTER_INDEX))
            .instruction(&Instruction::LocalSet(self.left));
    }

    fn branch(&mut self, targets: &[u32]) {
        let mut ends = false;
        for &depth in targets {
            let block = self.open.len().checked_sub(depth as usize + 1);
            match block.and_then(|block| self.open.get_mut(block)) {
                Some(other) => *other = self.unlooked.max(*other),
                // The outermost label is the end of the function.
                None => ends = true,
            }
        }
        if ends { self.save() } else { self.settle() }
    }

    /// Charges a unit per byte or element of an instruction with the count in its last operand.
    fn sized(&mut self) {
        self.function
            .instruction(&Instruction::LocalTee(self.size))
            .instruction(&Instruction::LocalGet(self.left))
            .instruction(&Instruction::LocalGet(self.size))
            .instruction(&Instruction::I64ExtendI32U)
            .instruction(&Instruction::I64Sub)
            .instruction(&Instruction::LocalSet(self.left));
        self.settle();
        self.check();
    }

    /// Traps if no fuel is left. The accumulated cost must be subtracted before.
    fn check(&mut self) {
        self.function
            .instruction(&Instruction::LocalGet(self.left))
            .instruction(&Instruction::I64Const(0))
            .instruction(&Instruction::I64LtS)
            .instruction(&Instruction::If(BlockType::Empty))
            .instruction(&Instruction::LocalGet(self.left))
            .instruction(&Instruction::GlobalSet(COUNTER_INDEX))
            .instruction(&Instruction::Unreachable)
            .instruction(&Instruction::End);
        self.unlooked = 0;
    }
}

/// Returns the cost of an instruction. An instruction without machine code costs nothing.
fn cost(operator: &Operator<'_>) -> i64 {
    match operator {
        Operator::Nop
        | Operator::Drop
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::Unreachable
        | Operator::Return
        | Operator::Else
        | Operator::End => 0,
        Operator::MemoryGrow { .. } | Operator::TableGrow { .. } => GROW,
        Operator::RefFunc { .. } | Operator::MemoryFill { .. } => CALLS_THE_HOST,
        Operator::MemoryCopy { .. }
        | Operator::MemoryInit { .. }
        | Operator::DataDrop { .. }
        | Operator::TableCopy { .. }
        | Operator::TableFill { .. }
        | Operator::TableInit { .. }
        | Operator::TableGet { .. }
        | Operator::ElemDrop { .. } => MAY_CALL_THE_HOST,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, Global, GlobalType, Instance, Module, Mutability, Store, Val, ValType};

    use super::{UNLOOKED, UNSEEN};
    use crate::fuel;

    /// Returns the fuel used by `run` until the trap, for the given budget.
    fn used(text: &str, fuel: i64) -> i64 {
        let metered = fuel::metered_module(&wat::parse_str(text).expect("text")).expect("metered");
        let engine = Engine::default();
        let module = Module::new(&engine, metered).expect("valid");
        let mut store = Store::new(&engine, ());
        let number = GlobalType::new(ValType::I64, Mutability::Var);
        let number = Global::new(&mut store, number, Val::I64(fuel)).expect("a number");
        let instance = Instance::new(&mut store, &module, &[number.into()]).expect("an instance");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("exported");
        run.call(&mut store, ()).expect_err("it is ended");
        fuel - number.get(&mut store).i64().expect("a number")
    }

    /// Each call has much work after the return of the inner call, and no loop or checked function begins in this work.
    #[test]
    fn calls_that_come_back_do_not_go_on() {
        let rest = "(call $leaf)".repeat(1_000);
        let text = format!(
            "(module (func $leaf (drop (i32.const 0)))
                (func $down (param i32)
                    (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))) {rest})
                (func (export \"run\") (call $down (i32.const 1000))))"
        );
        let over = used(&text, 10_000) - 10_000;
        assert!((1..=UNLOOKED + UNSEEN).contains(&over), "{over}");
    }

    #[test]
    fn a_look_that_is_passed_by_is_none() {
        let (most, more) = ("(drop (i32.const 0))".repeat(900), "(drop (i32.const 0))".repeat(300));
        for way in [
            "(if (global.get $no) (then MORE))",
            "(if (global.get $no) (then MORE) (else))",
            "(if (i32.eqz (global.get $no)) (then) (else MORE))",
            "(block (br_if 0 (i32.eqz (global.get $no))) MORE)",
            "(block (block (br_table 0 1 (i32.eqz (global.get $no)))) MORE)",
        ] {
            let ways = format!("{most} {}", way.replace("MORE", &more)).repeat(50);
            let text = format!("(module (global $no i32 (i32.const 0)) (func (export \"run\") {ways}))");
            let over = used(&text, 10) - 10;
            assert!((1..=UNLOOKED + 300).contains(&over), "{way}: {over}");
        }
    }

    /// Each function forwards the results of the next function.
    #[test]
    fn many_values_are_paid_for_at_every_call() {
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
