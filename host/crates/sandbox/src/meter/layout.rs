//! Computes the fuel for laying out a plugin before any of its code runs. The engine writes the initial contents of
//! memories, tables and globals for each instance of a module. Initial contents may overlap, so the size of a memory
//! does not bound the work.

use wasmparser::{
    BinaryReaderError, DataKind, DataSectionReader, Encoding, Instance, MemorySectionReader, Operator, Parser, Payload,
};

/// Units without charge for every plugin: far more than a compiled language uses.
const FREE_UNITS: u64 = 1_000_000;
/// Bytes of data copied in the time of an instruction.
const DATA_BYTES: u64 = 16;
/// Bytes of data at offsets that depend on imports, without an extra charge.
const FREE_MOVABLE_BYTES: u64 = 1 << 20;
/// Fuel per further byte of such data. The engine maps other data from a prepared image, but writes this data for each
/// instance, mostly into new pages.
const MOVABLE_BYTE_COST: u64 = 4;
/// Fuel per page of 64 KiB. The kernel clears each part of a page at its first use, which takes some microseconds.
pub(super) const PAGE_COST: u64 = 4_000;
/// Fuel per element: the lookup of a function.
const ELEMENT_COST: u64 = 8;

/// The initial contents of a module, or of all instances of a component.
#[derive(Debug, Clone, Copy, Default)]
struct Contents {
    units: u64,
    movable_bytes: u64,
}

impl Contents {
    fn add(&mut self, other: Self) {
        self.units = self.units.saturating_add(other.units);
        self.movable_bytes = self.movable_bytes.saturating_add(other.movable_bytes);
    }

    fn cost(self) -> u64 {
        let movable = self.movable_bytes.saturating_sub(FREE_MOVABLE_BYTES).saturating_mul(MOVABLE_BYTE_COST);
        self.units.saturating_sub(FREE_UNITS).saturating_add(movable)
    }
}

/// Returns the units of fuel beyond the free units. The bytes of a section bound the section's contents from above.
pub(super) fn cost(component: &[u8]) -> Result<i64, BinaryReaderError> {
    let mut modules: Vec<Contents> = Vec::new();
    let mut total = Contents::default();
    let mut is_module = false;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { encoding, .. } => {
                is_module = encoding == Encoding::Module;
                // Module indices follow the order of the modules in the component.
                if is_module {
                    modules.push(Contents::default());
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        total.add(modules.get(module_index as usize).copied().unwrap_or_default());
                    }
                }
            }
            payload if is_module => {
                if let Some(module) = modules.last_mut() {
                    module.add(contents(payload)?);
                }
            }
            _ => {}
        }
    }
    Ok(i64::try_from(total.cost()).unwrap_or(i64::MAX))
}

/// Returns the contents in a section of a module.
fn contents(section: Payload<'_>) -> Result<Contents, BinaryReaderError> {
    let bytes = section.as_section().map_or(0, |(_, range)| range.end - range.start);
    let units = match &section {
        Payload::DataSection(_) => bytes / DATA_BYTES,
        Payload::ElementSection(_) => bytes.saturating_mul(ELEMENT_COST),
        Payload::GlobalSection(_) => bytes,
        Payload::MemorySection(memories) => pages(memories.clone())?.saturating_mul(PAGE_COST),
        _ => 0,
    };
    let movable_bytes = if let Payload::DataSection(data) = section { movable_bytes(data)? } else { 0 };
    Ok(Contents { units, movable_bytes })
}

/// Returns the initial pages of the memories.
fn pages(memories: MemorySectionReader<'_>) -> Result<u64, BinaryReaderError> {
    let mut pages = 0_u64;
    for memory in memories {
        pages = pages.saturating_add(memory?.initial);
    }
    Ok(pages)
}

/// Returns the bytes of active data at offsets other than constants.
fn movable_bytes(data: DataSectionReader<'_>) -> Result<u64, BinaryReaderError> {
    let mut bytes = 0_u64;
    for segment in data {
        let segment = segment?;
        let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
        let is_constant = matches!(offset_expr.get_operators_reader().read()?, Operator::I32Const { .. });
        if !is_constant {
            bytes = bytes.saturating_add(segment.data.len() as u64);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_pages_cost_fuel() {
        let of = |pages: u32| {
            let text = format!("(component (core module $m (memory {pages})) (core instance (instantiate $m)))");
            cost(&wat::parse_str(text).expect("text")).expect("valid")
        };
        assert_eq!((of(17), of(1_250)), (0, 4_000_000));
    }

    #[test]
    fn data_at_an_imported_offset_costs_more() {
        let of = |offset: &str| {
            let text = format!(
                "(component (core module $m (import \"m\" \"base\" (global $base i32)) (memory 40) (data ({offset}) \"{}\"))
                    (core module $g (global (export \"base\") i32 (i32.const 0)))
                    (core instance $g (instantiate $g)) (core instance (instantiate $m (with \"m\" (instance $g)))))",
                "x".repeat(2 << 20)
            );
            cost(&wat::parse_str(text).expect("text")).expect("valid")
        };
        assert_eq!(of("i32.const 0"), 0);
        assert_eq!(of("global.get $base"), 4 << 20);
    }
}
