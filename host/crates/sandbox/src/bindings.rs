//! The contract in Rust types, generated from `plugin-sdk/wit`. Inputs are borrowed, outputs are owned.
//!
//! Does not link the imports. [`crate::run`] links the imports by hand: only the granted imports, and without a copy of
//! a plugin's argument before the size of the argument is known.

wasmtime::component::bindgen!({
    path: "../../../plugin-sdk/wit",
    world: "plugin-with-reference",
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(crate) use self::costwarden::detector::log::Level;
pub(crate) use self::costwarden::detector::types::{
    Baseline, Context, Manifest, Refusal, Scope, Series, Verdict, Window,
};
pub(crate) use self::exports::costwarden::detector::detector::Guest;
