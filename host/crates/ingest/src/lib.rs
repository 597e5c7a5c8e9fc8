//! Sources of bills and archives of raw documents.
//!
//! The crate computes no sums. The ledger in `model` does.

pub mod archive;
pub mod document;
pub mod source;
