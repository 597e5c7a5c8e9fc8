//! Execution of a module: instantiation, and a call of each exported function.

use std::hash::{DefaultHasher, Hash, Hasher};

use fastrand::Rng;
use sandbox::meter::{COUNTER, METER};
use wasmtime::{
    AsContextMut, Extern, ExternType, Func, Global, GlobalType, Instance, Module, Mutability, Store, StoreLimits,
    StoreLimitsBuilder, Trap, Val, ValType,
};

use super::said;

/// The side that counts fuel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Our meter inside the module.
    Ours,
    /// The engine.
    Theirs,
}

/// The outcome of the instantiation (the first step) or of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) end: End,
    pub(super) calls: Vec<Called>,
    /// The used fuel, in units.
    pub(super) used: i64,
    /// A digest of all exports.
    pub(super) state: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Returned(Vec<String>),
    Trapped(Trap),
    /// The engine refused the instantiation.
    Failed(String),
    /// No fuel is left.
    Dry,
    /// No stack is left.
    Overrun,
}

/// A call of an import.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Called {
    /// The name and the arguments.
    pub(super) what: String,
    /// The fuel used before the call, in units.
    pub(super) used: i64,
}

/// Data for the imported functions.
struct Host {
    /// The fuel global; only on our side.
    number: Option<Global>,
    fuel: i64,
    calls: Vec<Called>,
    limits: StoreLimits,
}

/// Fuel factor of the engine's side. More fuel keeps the engine running at least as long as our side.
const THEIRS: i64 = 2;
/// Extra fuel for the instantiation: the engine also counts the setup of the module.
const LAYOUT: i64 = 1_000_000;
/// Number of calls per function.
const ROUNDS: usize = 2;
const MEMORY_BYTES: usize = 1 << 20;
const TABLE_ELEMENTS: usize = 10_000;

/// Executes all steps with `fuel` units each. The arguments depend on the exports of the module alone.
pub(super) fn play(side: Side, module: &Module, fuel: i64) -> Result<Vec<Step>, String> {
    let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).table_elements(TABLE_ELEMENTS).build();
    let mut store = Store::new(module.engine(), Host { number: None, fuel: 0, calls: Vec::new(), limits });
    store.limiter(|host| &mut host.limits);
    // The fuel alone ends a step.
    store.set_epoch_deadline(u64::MAX / 2);
    if side == Side::Ours {
        let number = GlobalType::new(ValType::I64, Mutability::Var);
        store.data_mut().number = Some(Global::new(&mut store, number, Val::I64(0)).map_err(said)?);
    }
    let imports = imports(&mut store, module)?;
    let theirs = if side == Side::Theirs { fuel * THEIRS } else { fuel };
    refuel(&mut store, if side == Side::Theirs { theirs + LAYOUT } else { fuel })?;
    let instantiated = Instance::new(&mut store, module, &imports);
    let instance = instantiated.as_ref().ok().copied();
    let mut steps = vec![step(&mut store, instance, instantiated.map(|_| Vec::new()))];
    let Some(instance) = instance else { return Ok(steps) };
    let functions: Vec<_> = instance.exports(&mut store).filter_map(wasmtime::Export::into_func).collect();
    let mut random = Rng::with_seed(functions.len() as u64);
    for _ in 0..ROUNDS {
        for function in &functions {
            let ty = function.ty(&store);
            let arguments: Vec<_> = ty.params().map(|ty| argument(&ty, &mut random)).collect();
            let mut results = vec![Val::I32(0); ty.results().len()];
            refuel(&mut store, theirs)?;
            let called = function.call(&mut store, &arguments, &mut results);
            steps.push(step(&mut store, Some(instance), called.map(|()| results.iter().map(shown).collect())));
        }
    }
    Ok(steps)
}

impl Step {
    /// Whether the used fuel is exact to the unit.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self.end, End::Returned(_) | End::Trapped(Trap::UnreachableCodeReached))
    }
}

/// The imports of a module: the fuel global on our side, functions that return zeros, and default values for other
/// types.
fn imports(store: &mut Store<Host>, module: &Module) -> Result<Vec<Extern>, String> {
    let mut imports = Vec::new();
    for import in module.imports() {
        let name = format!("{}.{}", import.module(), import.name());
        imports.push(match (import.ty(), store.data().number) {
            (ExternType::Global(_), Some(number)) if (import.module(), import.name()) == (METER, COUNTER) => {
                number.into()
            }
            (ExternType::Func(ty), _) => {
                let zeros: Option<Vec<_>> = ty.results().map(|ty| ty.default_value()).collect();
                let zeros = zeros.ok_or("a result without a zero")?;
                let function = Func::new(&mut *store, ty, move |mut caller, arguments, results| {
                    let used = used(&mut caller);
                    let arguments: Vec<_> = arguments.iter().map(shown).collect();
                    let what = format!("{name}({})", arguments.join(" "));
                    caller.data_mut().calls.push(Called { what, used });
                    results.copy_from_slice(&zeros);
                    Ok(())
                });
                function.into()
            }
            (ty, _) => ty.default_value(&mut *store).map_err(said)?,
        });
    }
    Ok(imports)
}

fn refuel(store: &mut Store<Host>, fuel: i64) -> Result<(), String> {
    store.data_mut().fuel = fuel;
    match store.data().number {
        Some(number) => number.set(store, Val::I64(fuel)).map_err(said),
        None => store.set_fuel(fuel.unsigned_abs()).map_err(said),
    }
}

/// The fuel used since the last refill.
fn used(mut store: impl AsContextMut<Data = Host>) -> i64 {
    let Host { number, fuel, .. } = *store.as_context().data();
    let left = match number {
        Some(number) => number.get(&mut store).i64(),
        None => store.as_context().get_fuel().ok().and_then(|left| i64::try_from(left).ok()),
    };
    fuel - left.expect("a number of units")
}

fn step(store: &mut Store<Host>, instance: Option<Instance>, done: wasmtime::Result<Vec<String>>) -> Step {
    let used = used(&mut *store);
    let is_ours = store.data().number.is_some();
    let end = match done.map_err(|error| (error.downcast_ref::<Trap>().copied(), error)) {
        _ if is_ours && used > store.data().fuel => End::Dry,
        Ok(results) => End::Returned(results),
        Err((Some(Trap::OutOfFuel), _)) => End::Dry,
        Err((Some(Trap::StackOverflow), _)) => End::Overrun,
        Err((Some(trap), _)) => End::Trapped(trap),
        Err((None, error)) => End::Failed(error.root_cause().to_string()),
    };
    let state = instance.map_or(0, |instance| state(store, instance));
    Step { end, calls: std::mem::take(&mut store.data_mut().calls), used, state }
}

fn state(store: &mut Store<Host>, instance: Instance) -> u64 {
    let exports: Vec<_> = instance.exports(&mut *store).map(wasmtime::Export::into_extern).collect();
    let mut digest = DefaultHasher::new();
    for export in exports {
        match export {
            Extern::Global(global) => shown(&global.get(&mut *store)).hash(&mut digest),
            Extern::Memory(memory) => memory.data(&*store).hash(&mut digest),
            Extern::Table(table) => table.size(&*store).hash(&mut digest),
            _ => {}
        }
    }
    digest.finish()
}

/// An argument with an effect on typical code: small numbers, sizes and limits.
fn argument(ty: &ValType, random: &mut Rng) -> Val {
    let number = random.choice([0, 1, 2, 7, 100, 70_000, i64::MAX, -1]).unwrap_or_default();
    match ty {
        ValType::I32 => Val::I32(number as i32),
        ValType::I64 => Val::I64(number),
        ValType::F32 => Val::F32((number as f32).to_bits()),
        ValType::F64 => Val::F64((number as f64).to_bits()),
        ValType::V128 => Val::V128((number as u128).into()),
        ValType::Ref(ty) => Val::null_ref(ty.heap_type()),
    }
}

/// Formats a value bit for bit; for a reference, only null or not null.
fn shown(value: &Val) -> String {
    match value {
        Val::I32(number) => number.to_string(),
        Val::I64(number) => number.to_string(),
        Val::F32(bits) => format!("{bits:#x}"),
        Val::F64(bits) => format!("{bits:#x}"),
        Val::V128(bits) => format!("{:#x}", bits.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) => "null".to_owned(),
        _ => "reference".to_owned(),
    }
}
