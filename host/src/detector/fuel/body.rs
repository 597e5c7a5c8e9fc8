//! The body of one function, metered.
//!
//! What is left is kept in a local while the function runs. It is written back to the meter wherever others may look at
//! it: before a call, at the end, and where the function gives up.

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{BlockType, Function, Instruction, ValType};
use wasmparser::{BrTable, FunctionBody, Operator};

use super::module::{COUNTER_INDEX, Metered};
use crate::detector::contract::Unfit;

/// Growing calls the host, also when it is denied, which takes far longer than an instruction.
const GROW: i64 = 200;
/// So do these, however little they are asked for: looking a function up takes some 50 ns, and filling nothing may take
/// 200 where the page that it begins on was never written to.
const CALLS_THE_HOST: i64 = 50;
const MAY_CALL_THE_HOST: i64 = 10;
/// What a function that calls none may cost without looking what is left: others may call it as often as they like, each
/// time without a look of their own.
const UNSEEN: i64 = 100;

/// A body while it is written.
struct Writer<'a> {
    metered: &'a mut Metered,
    function: Function,
    /// The local that holds what is left, and one for a number of bytes or elements.
    left: u32,
    size: u32,
    /// Cost of what was passed since the local was changed last.
    passed: i64,
    /// Blocks that are open.
    depth: u32,
}

/// Meters a function with so many parameters.
pub(super) fn metered(
    metered: &mut Metered,
    parameters: u32,
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
    let mut writer = Writer { metered, function, left, size, passed: 1, depth: 0 };
    writer.load();
    if calls_or_is_long(body)? {
        // Else calls that call each other would never come to a check, and a file's length would be multiplied by itself.
        writer.settle();
        writer.check();
    }
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        writer.operator(operators.read()?)?;
    }
    Ok(writer.function)
}

fn calls_or_is_long(body: &FunctionBody<'_>) -> Result<bool, Error<Unfit>> {
    let mut operators = body.get_operators_reader()?;
    let mut passed = 0;
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
        self.passed += cost(&operator);
        match &operator {
            Operator::Block { .. } => self.depth += 1,
            Operator::Loop { .. } => {
                self.depth += 1;
                self.settle();
                self.copy(operator)?;
                self.check();
                return Ok(());
            }
            Operator::If { .. } => {
                self.depth += 1;
                self.settle();
            }
            Operator::Else => self.settle(),
            Operator::End if self.depth == 0 => self.save(),
            Operator::End => {
                self.depth -= 1;
                self.settle();
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => self.branch(*relative_depth),
            Operator::BrTable { targets } => self.branch(furthest(targets)?),
            Operator::Return | Operator::Unreachable => self.save(),
            Operator::Call { .. } | Operator::CallIndirect { .. } => {
                self.save();
                self.copy(operator)?;
                self.load();
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

    /// Takes what was passed from the local.
    fn settle(&mut self) {
        if self.passed > 0 {
            self.function.instruction(&Instruction::LocalGet(self.left));
            self.subtract_passed();
            self.function.instruction(&Instruction::LocalSet(self.left));
        }
    }

    /// Takes what was passed, and writes the local back: the only place where it differs from the meter.
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

    fn branch(&mut self, depth: u32) {
        // The outermost label is the function's end.
        if depth >= self.depth { self.save() } else { self.settle() }
    }

    /// Pays for each byte or element of an instruction whose last operand is their number.
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

    /// Traps where nothing is left. What was passed must be settled.
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
    }
}

fn furthest(targets: &BrTable<'_>) -> Result<u32, Error<Unfit>> {
    let mut furthest = targets.default();
    for target in targets.targets() {
        furthest = furthest.max(target?);
    }
    Ok(furthest)
}

/// Instructions that become none cost nothing.
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
