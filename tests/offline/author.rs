//! What a detector's author works with: inspect, run, test and bench, through the binary and in the sandbox.

mod bench;
mod cache;
mod golden;
mod inspect;
mod project;
mod run;
mod walk;
