//! The contract as Rust types, generated from `plugin-sdk/wit`: input is borrowed, output is owned.
//!
//! Imports are linked by hand, in [`super::log`] and [`super::reference`]: each where it is granted, and without a copy
//! of what a plugin passes before its size is known.

wasmtime::component::bindgen!({
    path: "../plugin-sdk/wit",
    world: "plugin-with-reference",
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) use self::costwarden::detector::log::Level;
pub(super) use self::costwarden::detector::types::{Baseline, Context, Refusal, Scope, Series, Verdict, Window};
pub(super) use self::exports::costwarden::detector::detector::Guest;
