//! The tools of plugin authors: `plugin inspect`, `run`, `test` and `bench`.

mod bench;
mod bindings;
mod cache;
mod compare;
mod golden;
mod inspect;
mod plot;
mod project;
mod run;
mod score;
mod tune;
mod walk;
