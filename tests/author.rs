//! What a detector's author works with: inspect, run, test and bench, through the binary and in the sandbox.

mod support;

#[path = "author/bench.rs"]
mod bench;
#[path = "author/cache.rs"]
mod cache;
#[path = "author/desk.rs"]
mod desk;
#[path = "author/golden.rs"]
mod golden;
#[path = "author/inspect.rs"]
mod inspect;
#[path = "author/run.rs"]
mod run;
#[path = "author/walk.rs"]
mod walk;
