//! Maintenance of the archive: retention, comparison with the ledger, and rebuild of an empty database, on a real S3
//! server and in a folder.

mod lifecycle;
mod prune;
mod rebuild;
mod test_archive;
mod verify;
