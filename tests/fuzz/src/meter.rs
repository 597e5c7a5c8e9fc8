//! Comparison of our fuel meter with the fuel count of the engine. A random module runs twice with our meter, and once
//! without in an engine that counts fuel.

mod nested;
mod played;
mod shape;

use arbitrary::Unstructured;
use sandbox::meter::metered_module;
use wasm_smith::Config;
use wasmtime::{Config as EngineConfig, Engine, Error, Module};

use played::{End, Side, Step, play};
use shape::Shape;

use crate::sandboxed;

/// The engine of the sandbox, and an engine that counts fuel.
pub(crate) struct Meter {
    ours: Engine,
    theirs: Engine,
}

/// Fuel of a call, in units: a few hundred microseconds. The smaller budget interrupts calls that would finish with the
/// larger.
const FUEL: i64 = 100_000;
const LITTLE_FUEL: i64 = 300;
/// Maximum ratio of our count to the count of the engine. The engine counts one unit per instruction; we charge up to
/// 200 units for instructions that call the host. Our count is never lower.
const FACTOR: i64 = 200;

impl Meter {
    pub(crate) fn new() -> Result<Self, String> {
        let ours = sandboxed::sandbox(None)?.engine().clone();
        let theirs = Engine::new(EngineConfig::new().consume_fuel(true)).map_err(said)?;
        Ok(Self { ours, theirs })
    }

    pub(crate) fn input(entropy: &[u8]) -> Option<Vec<u8>> {
        let mut entropy = Unstructured::new(entropy);
        if entropy.ratio(1, 8).ok()? {
            let text = nested::module(&mut entropy).ok()?;
            return Some(wat::parse_str(text).expect("the text of a module"));
        }
        generated(&mut entropy).ok()
    }

    /// Checks four properties. Two runs with equal fuel are equal. A module behaves the same with and without our
    /// meter. No instruction costs less than in the engine. A call ends soon after its fuel is used up.
    pub(crate) fn run(&self, input: &[u8]) -> Result<(), String> {
        let with_meter = metered_module(input).map_err(|error| error.to_string())?;
        let shape = Shape::of(input).map_err(|error| error.to_string())?;
        let (ours, theirs) = match (Module::new(&self.ours, with_meter), Module::new(&self.theirs, input)) {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            // The engine is built without support for some reference types.
            (Err(_), Err(_)) => return Ok(()),
            (Err(error), _) => return Err(format!("is refused with the meter: {error:#}")),
            (_, Err(error)) => return Err(format!("is refused without the meter: {error:#}")),
        };
        let steps = play(Side::Ours, &ours, FUEL)?;
        if play(Side::Ours, &ours, FUEL)? != steps {
            return Err("is not the same twice".to_owned());
        }
        compare(&steps, &play(Side::Theirs, &theirs, FUEL)?, &shape)?;
        let cut = play(Side::Ours, &ours, LITTLE_FUEL)?;
        for (fuel, steps) in [(FUEL, &steps), (LITTLE_FUEL, &cut)] {
            let Some(most) = shape.overstep(fuel) else { continue };
            if let Some(step) = steps.iter().find(|step| step.used > fuel + most) {
                return Err(format!("uses {} of {fuel} units, expected {most} more at most", step.used));
            }
        }
        Ok(())
    }
}

/// A module with the features of a plugin, and with results independent of the compiler.
fn generated(entropy: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    // Half of the modules have no instructions with an extra price, so both counts must be equal. Few modules use
    // references: most of them do not compile here.
    let kind = entropy.int_in_range(0..=7)?;
    let config = Config {
        canonicalize_nans: true,
        disallow_traps: entropy.arbitrary()?,
        export_everything: true,
        // Small limits for the other sections leave most entropy for code.
        max_types: 6,
        min_types: 1,
        max_funcs: entropy.int_in_range(1..=6)?,
        min_funcs: 1,
        max_imports: entropy.int_in_range(0..=4)?,
        max_globals: 6,
        max_data_segments: 3,
        max_element_segments: 3,
        max_instructions: entropy.int_in_range(20..=1_000)?,
        max_memory32_bytes: 1 << 18,
        max_table_elements: 1_000,
        max_tables: 2,
        bulk_memory_enabled: kind > 3,
        reference_types_enabled: kind > 6,
        simd_enabled: entropy.arbitrary()?,
        compact_imports_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    };
    let mut module = wasm_smith::Module::new(config, entropy)?;
    if entropy.ratio(3, 4)? {
        // Traps after a bounded number of loop turns and function starts; the used fuel is exact at such a trap.
        let _ = module.ensure_termination(entropy.int_in_range(10..=1_000)?);
    }
    Ok(module.to_bytes())
}

/// Compares both runs up to the first step without fuel or stack: frames of the two sides differ in size.
fn compare(ours: &[Step], theirs: &[Step], shape: &Shape) -> Result<(), String> {
    // Each new page has a price, and an instruction may add any number of pages.
    let most = |their: i64| if shape.grows { i64::MAX } else { FACTOR * their };
    for (place, (our, their)) in ours.iter().zip(theirs).enumerate() {
        let told = |what: &str| Err(format!("step {place}: {what}: {our:?} with the meter, {their:?} without"));
        match (&our.end, &their.end) {
            (End::Overrun, _) | (_, End::Overrun) | (End::Dry, End::Dry) => return Ok(()),
            (_, End::Dry) => return told("too little is paid"),
            (End::Dry, _) if their.is_exact() && our.used > most(their.used) => return told("too much is paid"),
            (End::Dry, _) => return Ok(()),
            (one, other) if one != other || our.state != their.state => return told("the results differ"),
            _ => {}
        }
        let names = |step: &Step| step.calls.iter().map(|call| call.what.clone()).collect::<Vec<_>>();
        if names(our) != names(their) {
            return told("the calls of imports differ");
        }
        // During instantiation, the engine counts more than instructions.
        if place == 0 {
            continue;
        }
        let mut counts: Vec<_> =
            our.calls.iter().zip(&their.calls).map(|(our, their)| (our.used, their.used)).collect();
        if our.is_exact() {
            counts.push((our.used, their.used));
        }
        for (our, their) in counts {
            if our < their || our > most(their) || shape.is_plain && our != their {
                return told(&format!("{our} units are paid for {their}"));
            }
        }
    }
    Ok(())
}

fn said(error: impl Into<Error>) -> String {
    format!("{:#}", error.into())
}
