//! The embedded database: the documents of [`crate::documents`] in a local file, without a server.
//!
//! The two collections that grow every day are stored in columns ([`rows`]) per key range ([`key_ranges`]), a few
//! thousand series each: a read of months of amounts touches no names. All remaining collections are stored as BSON
//! under their key bytes. Every call blocks for the duration of a disk access. Only one process at a time can open the
//! file for writing.

mod cause;
mod columns;
mod days;
mod documents;
mod file;
mod history;
mod hours;
mod key_ranges;
mod plans;
mod restatements;
mod results;
mod rows;
mod runs;
mod series_index;
mod tables;

#[cfg(test)]
pub(crate) use self::documents::KeySpan;
pub use self::file::Embedded;
pub use self::history::KeyRanges;
