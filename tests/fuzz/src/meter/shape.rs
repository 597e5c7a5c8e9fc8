//! What a module's code says of the fuel that it can use.

use wasmparser::{CompositeInnerType, Operator, Parser, Payload, TypeRef};

/// What is known before it runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Nothing in it has a price of its own: each instruction costs what the engine takes for it.
    pub(super) is_plain: bool,
    /// Functions that can be open at one time, where it is known.
    depth: Option<i64>,
    /// The most that is passed in one function without a look, where it is known.
    unlooked: i64,
}

/// What the meter lets a function pass before it looks, and what it may come to with the last instruction: a call of a
/// function that does not look itself.
const UNLOOKED: i64 = 1_000 + 200;
/// What a call may hand over for nothing.
const VALUES: usize = 16;

/// A function while it is looked at.
#[derive(Default)]
struct Body {
    calls: Vec<u32>,
    instructions: i64,
}

impl Shape {
    pub(super) fn of(module: &[u8]) -> wasmparser::Result<Self> {
        let (mut is_plain, mut is_indirect) = (true, false);
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
                        }
                    }
                }
                Payload::CodeSectionEntry(code) => {
                    let mut body = Body::default();
                    for operator in code.get_operators_reader()? {
                        let operator = operator?;
                        is_plain &= !has_a_price(&operator);
                        is_indirect |= matches!(operator, Operator::CallIndirect { .. });
                        body.instructions += 1;
                        if let Operator::Call { function_index } = operator {
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
        Ok(Self { is_plain, depth, unlooked: longest.unwrap_or_default().min(UNLOOKED) })
    }

    /// How far a call may go beyond so much fuel: of what it has opened, each function may be at its longest way out. None
    /// is told where one instruction may cost as much as it likes.
    pub(super) fn overstep(&self, fuel: i64) -> Option<i64> {
        // To open one takes a call and its beginning.
        let depth = self.depth.unwrap_or(fuel / 2 + 1);
        self.is_plain.then_some(depth * self.unlooked)
    }
}

/// How deep calls go, where none comes back to a function that is open.
fn depth(bodies: &[Body]) -> Option<i64> {
    // Without a circle, each round settles those that call only settled ones.
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
