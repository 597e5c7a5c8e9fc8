//! Plugin bytes: modules with the exports of the contract and random contents, and real plugins with damage.

use arbitrary::Unstructured;
use sandbox::{Detector, Sandbox};
use wasm_smith::{Config, Module};

use crate::bundled;
use crate::sandboxed::{self, Failed, Input, fit, judge};

/// A sandbox, and the material for inputs.
pub(crate) struct Modules {
    sandbox: Sandbox,
    /// Small plugins to damage at random places.
    plugins: Vec<Vec<u8>>,
    /// A module that defines the exports of generated modules.
    exports: Vec<u8>,
}

/// Fuel of a call, in units: a few milliseconds.
const FUEL: u64 = 2_000_000;

impl Modules {
    pub(crate) fn new() -> Result<Self, String> {
        let mut plugins: Vec<_> = bundled()?.into_iter().map(|(_, bytes)| bytes).collect();
        let exports = exports();
        plugins.push(exports.clone());
        Ok(Self { sandbox: sandboxed::sandbox(Some(FUEL))?, plugins, exports })
    }

    pub(crate) fn input(&self, entropy: &[u8]) -> Option<Vec<u8>> {
        let mut entropy = Unstructured::new(entropy);
        match entropy.int_in_range(0..=9).ok()? {
            // An undamaged plugin takes a third of a second to compile, so damaged plugins are a tenth of the inputs.
            0 => self.damaged(&mut entropy).ok(),
            kind => self.generated(&mut entropy, kind).ok(),
        }
    }

    /// Loads the input, and calls the plugin after a successful load. A return is the only requirement.
    pub(crate) fn run(&self, input: &[u8]) {
        if let Ok(plugin) = sandboxed::load(&self.sandbox, input.to_vec()) {
            let _ = called(&plugin);
        }
    }

    fn generated(&self, entropy: &mut Unstructured<'_>, kind: u8) -> arbitrary::Result<Vec<u8>> {
        let config = Config {
            exports: (kind > 3).then(|| self.exports.clone()),
            max_memories: 1,
            min_memories: 1,
            max_instructions: 1_000,
            // A third of the modules use features disabled in the sandbox.
            bulk_memory_enabled: true,
            gc_enabled: kind == 1,
            exceptions_enabled: kind == 1,
            memory64_enabled: kind == 2,
            threads_enabled: kind == 2,
            relaxed_simd_enabled: kind == 3,
            tail_call_enabled: kind == 3,
            wide_arithmetic_enabled: kind == 3,
            compact_imports_enabled: kind == 3,
            ..Config::default()
        };
        let config = if kind > 3 { Config { max_imports: 0, ..config } } else { config };
        Ok(Module::new(config, entropy)?.to_bytes())
    }

    fn damaged(&self, entropy: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
        let mut bytes = entropy.choose(&self.plugins)?.clone();
        for _ in 0..entropy.int_in_range(1..=8)? {
            let place = entropy.choose_index(bytes.len())?;
            match entropy.int_in_range(0..=3)? {
                0 => bytes[place] = entropy.arbitrary()?,
                1 => bytes[place] ^= 1 << entropy.int_in_range(0..=7)?,
                2 => bytes.truncate(place.max(1)),
                _ => {
                    let end = (place + entropy.int_in_range(0..=64)?).min(bytes.len());
                    bytes.drain(place..end);
                    if bytes.is_empty() {
                        bytes.push(0);
                    }
                }
            }
        }
        Ok(bytes)
    }
}

fn called(plugin: &Detector) -> Result<usize, Failed> {
    let values: Vec<f64> = (0..30).map(|day| 1_000.0 + f64::from(day % 7)).collect();
    let series = Input { start: 1_767_193_200, utc_offset: 32_400, step: 86_400, values, excluded: vec![3] };
    let state = fit(plugin, &series)?;
    judge(plugin, &series, state, 28)
}

/// A minimal module with the exports of a plugin.
fn exports() -> Vec<u8> {
    // Types: () -> i32, (i32 i32) -> i32, (i32 x 4) -> i32, (i32 x 8) -> i32.
    let mut types = vec![4];
    for parameters in [0_u8, 2, 4, 8] {
        types.extend([0x60, parameters]);
        types.extend(vec![0x7f; parameters.into()]);
        types.extend([1, 0x7f]);
    }
    let detector = "costwarden:detector/detector@1.0.0#";
    let functions = [
        (format!("{detector}describe"), 0),
        (format!("{detector}check-settings"), 1),
        (format!("{detector}fit"), 3),
        (format!("{detector}judge"), 3),
        ("cabi_realloc".to_owned(), 2),
    ];
    let count = functions.len() as u8;
    let mut exports = vec![count + 1];
    let mut declared = vec![count];
    let mut code = vec![count];
    for (index, (name, ty)) in functions.iter().enumerate() {
        exports.push(name.len() as u8);
        exports.extend(name.bytes());
        exports.extend([0, index as u8]);
        declared.push(*ty);
        // No locals; `i32.const 64` as a signed number of two bytes.
        code.extend([5, 0, 0x41, 0xc0, 0, 0x0b]);
    }
    exports.extend(*b"\x06memory\x02\0");
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    for (id, section) in [(1, types), (3, declared), (5, vec![1, 0, 2]), (7, exports), (10, code)] {
        module.push(id);
        // Two bytes are enough for every length here.
        module.extend([section.len() as u8 & 0x7f | 0x80, (section.len() >> 7) as u8]);
        module.extend(section);
    }
    module
}
