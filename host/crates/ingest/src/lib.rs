//! Sources of bills and archives of raw documents.
//!
//! The crate computes no sums. The ledger in `model` does.

#[cfg(test)]
mod answers;
pub mod archive;
pub mod document;
pub mod source;
