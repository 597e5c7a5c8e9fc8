//! Plugins that mean harm, and what the operator sees of them: each is named with what it broke, and costs nobody else
//! anything. Every artefact is made here; none is a file of its own.
//!
//! What only shows below the command line, the sandbox's own tests have (`host/src/detector/tests/`).

mod artefact;
mod bombs;
mod component;
mod isolation;
mod load;
mod newer;
mod run;
mod words;

/// Fewer than this, and the suite has lost some.
const ARTEFACTS: usize = 110;

#[test]
fn there_are_as_many_artefacts_as_ever() {
    let groups = [
        ("load", load::artefacts().len()),
        ("bombs", bombs::artefacts().len()),
        ("newer", newer::artefacts().len()),
        ("cpu", run::cpu().len()),
        ("memory", run::memory().len()),
        ("abi", run::abi().len()),
        ("meaning", run::meaning().len() + words::artefacts().len()),
    ];
    let all: usize = groups.iter().map(|(_, count)| count).sum();
    eprintln!("{all} hostile artefacts: {groups:?}");
    assert!(all >= ARTEFACTS, "{all}: {groups:?}");
}
