//! Plugins that mean harm, and what the operator sees of them: each is named with what it broke, and costs nobody else
//! anything. Every artefact is made here; none is a file of its own.
//!
//! What only shows below the command line, the sandbox's own tests have (`host/src/detector/tests/`).

mod support;

#[path = "hostile/artefact.rs"]
mod artefact;
#[path = "messages/bill.rs"]
mod bill;
#[path = "hostile/bombs.rs"]
mod bombs;
#[path = "hostile/component.rs"]
mod component;
#[path = "hostile/isolation.rs"]
mod isolation;
#[path = "hostile/load.rs"]
mod load;
#[path = "hostile/newer.rs"]
mod newer;
#[path = "hostile/plugin.rs"]
mod plugin;
#[path = "hostile/run.rs"]
mod run;
#[path = "hostile/words.rs"]
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
