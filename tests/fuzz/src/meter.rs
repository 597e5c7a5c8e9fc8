//! The meter against the engine's own: a random module with the meter in it, twice, beside the same module in an engine
//! that counts by itself.

mod nested;
mod played;
mod shape;

use arbitrary::Unstructured;
use costwarden::probe::fuzzing::{Sandbox, metered};
use wasm_smith::Config;
use wasmtime::{Config as EngineConfig, Engine, Error, Module};

use played::{End, Side, Step, play};
use shape::Shape;

/// The sandbox's engine, and one that counts.
pub(crate) struct Meter {
    ours: Engine,
    theirs: Engine,
}

/// Units that a call gets: some hundred microseconds. The other budget cuts short what comes to an end with the first.
const FUEL: i64 = 100_000;
const LITTLE_FUEL: i64 = 300;
/// How many times the engine's count ours may be: it takes all instructions for one unit, and we up to 200 for those that
/// call the host. It is never less.
const FACTOR: i64 = 200;

impl Meter {
    pub(crate) fn new() -> Result<Self, String> {
        let ours = Sandbox::new(None)?.engine().clone();
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

    /// What is asked for: the same twice comes to the same, for the same fuel; with the meter in it a module does what it
    /// does without; no instruction is had for less than the engine takes for it; and a call ends soon after its fuel.
    pub(crate) fn run(&self, input: &[u8]) -> Result<(), String> {
        let with_meter = metered(input)?;
        let shape = Shape::of(input).map_err(|error| error.to_string())?;
        let (ours, theirs) = match (Module::new(&self.ours, with_meter), Module::new(&self.theirs, input)) {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            // The engine is built without what some references need.
            (Err(_), Err(_)) => return Ok(()),
            (Err(error), _) => return Err(format!("is refused with the meter: {error:#}")),
            (_, Err(error)) => return Err(format!("is refused without the meter: {error:#}")),
        };
        let steps = play(Side::Ours, &ours, FUEL)?;
        if play(Side::Ours, &ours, FUEL)? != steps {
            return Err("is not the same twice".to_owned());
        }
        compare(&steps, &play(Side::Theirs, &theirs, FUEL)?, shape.is_plain)?;
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

/// WebAssembly as plugins may be made of it, whose results do not depend on how it is compiled.
fn generated(entropy: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    // Half of them have nothing that has a price of its own, so that both must count the same. Most of those with
    // references cannot be compiled here: few are made.
    let kind = entropy.int_in_range(0..=7)?;
    let config = Config {
        canonicalize_nans: true,
        disallow_traps: entropy.arbitrary()?,
        export_everything: true,
        // What it is made of goes into code.
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
        // Gives up after so many turns of loops and beginnings of functions, where what was used is known.
        let _ = module.ensure_termination(entropy.int_in_range(10..=1_000)?);
    }
    Ok(module.to_bytes())
}

/// Up to where one of them has no fuel, or no stack, of which their frames take different amounts.
fn compare(ours: &[Step], theirs: &[Step], is_plain: bool) -> Result<(), String> {
    for (place, (our, their)) in ours.iter().zip(theirs).enumerate() {
        let told = |what: &str| Err(format!("step {place}: {what}: {our:?} with the meter, {their:?} without"));
        match (&our.end, &their.end) {
            (End::Overrun, _) | (_, End::Overrun) | (End::Dry, End::Dry) => return Ok(()),
            (_, End::Dry) => return told("too little is paid"),
            (End::Dry, _) if their.is_exact() && our.used > FACTOR * their.used => return told("too much is paid"),
            (End::Dry, _) => return Ok(()),
            (one, other) if one != other || our.state != their.state => return told("the results differ"),
            _ => {}
        }
        let names = |step: &Step| step.calls.iter().map(|call| call.what.clone()).collect::<Vec<_>>();
        if names(our) != names(their) {
            return told("the calls of imports differ");
        }
        // Before the first call, the engine's own count has other things in it.
        if place == 0 {
            continue;
        }
        let mut counts: Vec<_> =
            our.calls.iter().zip(&their.calls).map(|(our, their)| (our.used, their.used)).collect();
        if our.is_exact() {
            counts.push((our.used, their.used));
        }
        for (our, their) in counts {
            if our < their || our > FACTOR * their || is_plain && our != their {
                return told(&format!("{our} units are paid for {their}"));
            }
        }
    }
    Ok(())
}

fn said(error: impl Into<Error>) -> String {
    format!("{:#}", error.into())
}
