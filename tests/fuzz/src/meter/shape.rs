//! Static bounds on the fuel use of a module.

use wasmparser::{CompositeInnerType, Operator, Parser, Payload, TypeRef};

/// The properties of a module known before execution.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Whether every instruction costs the same as in the engine: no instruction has an extra price.
    pub(super) is_plain: bool,
    /// Whether an instruction grows a memory: each new page has a price.
    pub(super) grows: bool,
    /// Maximum number of open functions, if known.
    depth: Option<i64>,
    /// Maximum fuel between two fuel checks in one function, if known.
    unlooked: i64,
}

/// Maximum fuel that a function uses between two checks, plus the cost of the last instruction: a call of a function
/// without a check.
const UNLOOKED: i64 = 1_000 + 200;
/// Number of values that a call passes without an extra price.
const VALUES: usize = 16;

/// Number of locals from which the start of a function has an extra price.
const PRICED_LOCALS: u32 = 8;

/// Facts about one function, collected from its code.
#[derive(Default)]
struct Body {
    calls: Vec<u32>,
    instructions: i64,
}

impl Shape {
    pub(super) fn of(module: &[u8]) -> wasmparser::Result<Self> {
        let (mut is_plain, mut is_indirect, mut grows) = (true, false, false);
        let mut imported_functions = 0;
        let mut bodies = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(types) => {
                    for group in types {
                        for ty in group?.types() {
                            if let CompositeInnerType::Func(ty) = &ty.composite_type.inner {
                                is_plain &= ty.params().len() + ty.results().len() <= VALUES;
                            }
                        }
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        if matches!(import?.ty, TypeRef::Func(_)) {
                            bodies.push(Body::default());
                            imported_functions += 1;
                        }
                    }
                }
                Payload::CodeSectionEntry(code) => {
                    let mut body = Body::default();
                    let mut locals = 0_u32;
                    for declared in code.get_locals_reader()? {
                        locals = locals.saturating_add(declared?.0);
                    }
                    is_plain &= locals < PRICED_LOCALS;
                    for operator in code.get_operators_reader()? {
                        let operator = operator?;
                        is_plain &= !has_a_price(&operator);
                        is_indirect |= matches!(operator, Operator::CallIndirect { .. });
                        body.instructions += 1;
                        grows |= matches!(operator, Operator::MemoryGrow { .. });
                        if let Operator::Call { function_index } = operator {
                            is_plain &= function_index >= imported_functions;
                            body.calls.push(function_index);
                        }
                    }
                    bodies.push(body);
                }
                _ => {}
            }
        }
        let depth = if is_indirect { None } else { depth(&bodies) };
        let longest = bodies.iter().map(|body| body.instructions + 100 * body.calls.len() as i64).max();
        Ok(Self { is_plain, grows, depth, unlooked: longest.unwrap_or_default().min(UNLOOKED) })
    }

    /// Maximum fuel beyond the given budget: each open function may use its longest unchecked path. `None` if a single
    /// instruction has no fixed price.
    pub(super) fn overstep(&self, fuel: i64) -> Option<i64> {
        // An open function costs at least two units: the call and the start of the function.
        let depth = self.depth.unwrap_or(fuel / 2 + 1);
        self.is_plain.then_some(depth * self.unlooked)
    }
}

/// The maximum call depth; `None` for recursive functions.
fn depth(bodies: &[Body]) -> Option<i64> {
    // Without a cycle, each round settles the functions with only settled callees.
    let mut depths: Vec<Option<i64>> = vec![None; bodies.len()];
    for _ in bodies {
        for (function, body) in bodies.iter().enumerate() {
            let below: Option<Vec<_>> = body.calls.iter().map(|&called| depths[called as usize]).collect();
            depths[function] = below.map(|below| 1 + below.into_iter().max().unwrap_or_default());
        }
    }
    depths.into_iter().collect::<Option<Vec<_>>>().map(|depths| depths.into_iter().max().unwrap_or_default())
}

fn has_a_price(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::MemoryGrow { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::RefFunc { .. }
            | Operator::TableGet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
    )
}
