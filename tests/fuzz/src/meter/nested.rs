//! Modules with long straight code, branches around the code, and nested calls: random modules rarely contain these.

use arbitrary::{Result, Unstructured};

/// Maximum nesting of blocks.
const DEPTH: usize = 2;

/// Functions that call each other. Each call passes a smaller number of remaining calls.
struct Nested<'a, 'b> {
    entropy: &'a mut Unstructured<'b>,
    functions: usize,
    /// Whether functions may call themselves, and so be open any number of times.
    is_recursive: bool,
}

/// Generates the text of a module.
pub(super) fn module(entropy: &mut Unstructured<'_>) -> Result<String> {
    let functions = entropy.int_in_range(1..=5)?;
    let is_recursive = entropy.arbitrary()?;
    let mut nested = Nested { entropy, functions, is_recursive };
    let mut text = "(module (global $g (export \"g\") (mut i32) (i32.const 0))".to_owned();
    for function in 0..functions {
        let body = nested.body(function, DEPTH)?;
        let locals = "i32 ".repeat(DEPTH + 1);
        text.push_str(&format!("(func $f{function} (export \"f{function}\") (param i32) (local {locals}) {body})\n"));
    }
    Ok(text + ")")
}

impl Nested<'_, '_> {
    fn body(&mut self, function: usize, depth: usize) -> Result<String> {
        let mut text = String::new();
        for _ in 0..self.entropy.int_in_range(1..=3)? {
            text.push_str(&self.statement(function, depth)?);
        }
        Ok(text)
    }

    fn statement(&mut self, function: usize, depth: usize) -> Result<String> {
        // A bit of the counter; straight code and loops keep changing the counter.
        let odd = format!("(i32.and (global.get $g) (i32.const {}))", 1 << self.entropy.int_in_range(0..=3)?);
        let step = "(global.set $g (i32.add (global.get $g) (i32.const 1)))";
        let kind = self.entropy.int_in_range(0..=if depth == 0 { 3 } else { 8 })?;
        Ok(match kind {
            0 => step.repeat(self.entropy.int_in_range(1..=300)?),
            1 => format!("{step} (if {odd} (then (return)))"),
            2 | 3 => match self.called(function)? {
                Some(called) => {
                    format!("(if (local.get 0) (then (call $f{called} (i32.sub (local.get 0) (i32.const 1)))))")
                }
                None => step.to_owned(),
            },
            4 => format!("(if {odd} (then {}))", self.body(function, depth - 1)?),
            5 => {
                let (one, other) = (self.body(function, depth - 1)?, self.body(function, depth - 1)?);
                format!("(if {odd} (then {one}) (else {other}))")
            }
            6 => format!("(block (br_if 0 {odd}) {})", self.body(function, depth - 1)?),
            7 => {
                let (one, other) = (self.body(function, depth - 1)?, self.body(function, depth - 1)?);
                format!("(block (block (block (br_table 0 1 2 {odd})) {one}) {other})")
            }
            _ => {
                let turns = self.entropy.int_in_range(1..=30)?;
                let body = self.body(function, depth - 1)?;
                format!(
                    "(local.set {depth} (i32.const {turns})) (loop {body} \
                     (br_if 0 (local.tee {depth} (i32.sub (local.get {depth}) (i32.const 1)))))"
                )
            }
        })
    }

    fn called(&mut self, function: usize) -> Result<Option<usize>> {
        let first = if self.is_recursive { function } else { function + 1 };
        if first < self.functions { Ok(Some(self.entropy.int_in_range(first..=self.functions - 1)?)) } else { Ok(None) }
    }
}
