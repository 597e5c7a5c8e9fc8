//! Hostile plugins through the binary: the operator sees the name and the breach of each, and the run of the rest is
//! not affected. Every artefact is generated; none is a stored file.
//!
//! Breaches invisible on the command line are tested with the sandbox (`host/crates/sandbox/src/tests/`).

mod artefact;
mod attacks;
mod batches;
mod bombs;
mod clock;
mod component;
mod isolation;
mod jail;
mod load;
mod matrix;
mod newer;
mod run;
mod words;

/// The least number of artefacts. A smaller number means a lost test.
const ARTEFACTS: usize = 110;

#[test]
fn the_number_of_artefacts_does_not_shrink() {
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
