//! Computes the fuel for laying out a plugin before any of its code runs. The engine writes the initial contents of
//! memories, tables and globals for each instance of a module. Initial contents may overlap, so the size of a memory
//! does not bound the work.

use wasmparser::{BinaryReaderError, Encoding, Instance, Parser, Payload};

/// Units without charge for every plugin: far more than a compiled language uses.
const FREE_UNITS: u64 = 1_000_000;
/// Bytes of data copied in the time of an instruction.
const DATA_BYTES: u64 = 16;
/// Fuel per element: the lookup of a function.
const ELEMENT_COST: u64 = 8;

/// Returns the units of fuel beyond the free units. The bytes of a section bound the section's contents from above.
pub(super) fn cost(component: &[u8]) -> Result<i64, BinaryReaderError> {
    let mut modules: Vec<u64> = Vec::new();
    let mut total = 0_u64;
    let mut is_module = false;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { encoding, .. } => {
                is_module = encoding == Encoding::Module;
                // Module indices follow the order of the modules in the component.
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
                    Payload::ElementSection(_) => bytes.saturating_mul(ELEMENT_COST),
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
    Ok(i64::try_from(total.saturating_sub(FREE_UNITS)).unwrap_or(i64::MAX))
}
