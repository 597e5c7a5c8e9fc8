//! The body of one function, metered.
//!
//! What is left is kept in a local while the function runs. It is written back to the meter wherever others may look at
//! it: before a call, at the end, and where the function gives up.

use std::mem;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{BlockType, Function, Instruction, ValType};
use wasmparser::{FunctionBody, Operator};

use super::module::{COUNTER_INDEX, Metered, Signature};
use crate::detector::contract::Unfit;

/// Growing calls the host, also when it is denied, which takes far longer than an instruction.
const GROW: i64 = 200;
/// So do these, however little they are asked for: looking a function up takes some 50 ns, and filling nothing may take
/// 200 where the page that it begins on was never written to.
const CALLS_THE_HOST: i64 = 50;
const MAY_CALL_THE_HOST: i64 = 10;
/// Values that a call passes and gets back for nothing: registers hold most of them. Each further one is copied at every
/// call, also where a function only hands on what another gave it.
const VALUES: u32 = 16;
/// What a function that calls none may cost without looking what is left: others may call it as often as they like, each
/// time without a look of their own.
const UNSEEN: i64 = 100;
/// What any other may pass from one look to the next. Where many calls come back one after the other, none of them begins
/// a function or a loop, and each has this for the rest of it.
const UNLOOKED: i64 = 1_000;

/// A body while it is written.
struct Writer<'a> {
    metered: &'a mut Metered,
    function: Function,
    /// The local that holds what is left, and one for a number of bytes or elements.
    left: u32,
    size: u32,
    /// Cost of what was passed since the local was changed last.
    passed: i64,
    /// The most that any way to here has passed since it looked what is left.
    unlooked: i64,
    /// The same for what comes to the end, or the `else`, of each open block by another way than the one before it.
    open: Vec<i64>,
}

/// Meters a function.
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

    fn branch(&mut self, targets: &[u32]) {
        let mut ends = false;
        for &depth in targets {
            let block = self.open.len().checked_sub(depth as usize + 1);
            match block.and_then(|block| self.open.get_mut(block)) {
                Some(other) => *other = self.unlooked.max(*other),
                // The outermost label is the function's end.
                None => ends = true,
            }
        }
        if ends { self.save() } else { self.settle() }
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
        self.unlooked = 0;
    }
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

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, Global, GlobalType, Instance, Module, Mutability, Store, Val, ValType};

    use super::{UNLOOKED, UNSEEN};
    use crate::detector::fuel;

    /// What `run` uses that has so much fuel, before it is ended.
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

    /// Each has much to do after the call that comes back to it, none of which begins a loop or a function that looks.
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

    /// Functions that each hand on what the next one gives.
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
