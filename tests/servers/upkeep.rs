//! The archive's upkeep: how long documents are kept, whether they are what the ledger says, and an empty database out of
//! them; on a real S3 server, and in a folder.

mod lifecycle;
mod prune;
mod rebuild;
mod test_archive;
mod verify;
