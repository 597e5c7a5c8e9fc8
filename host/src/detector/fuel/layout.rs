//! What it takes to lay out a plugin before any of its code runs: the engine writes what its memories, tables and globals
//! begin with, for each instance of a module anew, and what one writes another may write over.

use wasmparser::{BinaryReaderError, Encoding, Instance, Parser, Payload};

/// Units that every plugin may take for nothing: far more than a compiled language makes use of.
const FREE: u64 = 1_000_000;
/// Of data, so many bytes are copied in the time of one instruction.
const DATA_BYTES: u64 = 16;
/// An element is a function to be looked up, which takes the time of so many.
const ELEMENT: u64 = 8;

/// Units of fuel. A byte of a section is at least as much as what is told by it.
pub(super) fn cost(component: &[u8]) -> Result<i64, BinaryReaderError> {
    let mut modules: Vec<u64> = Vec::new();
    let mut total = 0_u64;
    let mut is_module = false;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { encoding, .. } => {
                is_module = encoding == Encoding::Module;
                if is_module {
                    modules.push(0);
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        total = total.saturating_add(modules.get(module_index as usize).copied().unwrap_or(0));
                    }
                }
            }
            payload if is_module => {
                let bytes = payload.as_section().map_or(0, |(_, range)| range.end - range.start);
                let units = match payload {
                    Payload::DataSection(_) => bytes / DATA_BYTES,
                    Payload::ElementSection(_) => bytes.saturating_mul(ELEMENT),
                    Payload::GlobalSection(_) => bytes,
                    _ => 0,
                };
                if let Some(module) = modules.last_mut() {
                    *module = module.saturating_add(units);
                }
            }
            _ => {}
        }
    }
    Ok(i64::try_from(total.saturating_sub(FREE)).unwrap_or(i64::MAX))
}
