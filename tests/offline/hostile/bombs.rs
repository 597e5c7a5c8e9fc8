//! Small files that take hours or gigabytes to compile. The compiler is a child process and is killed at its limits.

use super::artefact::{Artefact, refused, spread};
use costwarden_tests::three_services::{daily, workdir, workdir_with_history};
use text_plugin::Plugin;

pub(crate) fn artefacts() -> Vec<Artefact> {
    vec![
        huge_function(),
        bomb("deep-blocks", &format!("(func {}{})", "block ".repeat(1_000_000), "end ".repeat(1_000_000))),
        bomb(
            "locals",
            &format!("(func (param i64 i64) (local {}) {})", "i64 ".repeat(5_000), STEP.repeat(200)).repeat(1_000),
        ),
        bomb("many-functions", &"(func)".repeat(900_000)),
    ]
}

/// A calculation of optional steps: the state after each step depends on all earlier steps.
pub(crate) fn huge_function() -> Artefact {
    bomb("huge-function", &format!("(func (param i64 i64) {})", STEP.repeat(150_000)))
}

const STEP: &str = "(local.set 0 (i64.rotl (i64.add (local.get 0) (local.get 1)) (local.get 0)))
    (if (i32.wrap_i64 (local.get 0)) (then (local.set 1 (i64.xor (local.get 0) (local.get 1)))))";

fn bomb(name: &'static str, fields: &str) -> Artefact {
    Artefact::plugin(name, &Plugin { fields, ..Plugin::default() })
}

#[test]
fn plugins_that_compile_too_long_are_refused() {
    let workdir = workdir();
    let artefacts = artefacts();
    spread(&workdir, &artefacts, "compile_seconds = 1\n");
    insta::assert_snapshot!(refused(&workdir, &artefacts), @"
    huge-function: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)
    deep-blocks: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)
    locals: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)
    many-functions: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)
    ");
}

#[test]
fn plugins_that_need_too_much_memory_to_compile_are_refused() {
    let workdir = workdir_with_history();
    let artefacts = [huge_function()];
    spread(&workdir, &artefacts, "compile_memory_bytes = 201_326_592\n");
    insta::assert_snapshot!(refused(&workdir, &artefacts), @"huge-function: needs more memory than 201326592 bytes to compile (plugins.limits.compile_memory_bytes)");
    assert_eq!(daily(&workdir).0, 1, "the healthy rule runs");
}
