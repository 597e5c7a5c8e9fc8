//! The archive's upkeep: how long documents are kept, whether they are what the ledger says, and an empty database out of
//! them; on a real S3 server, and in a folder.

mod support;

#[path = "documents/bills.rs"]
#[expect(dead_code, reason = "the other suite uses all of it")]
mod bills;
#[path = "upkeep/lifecycle.rs"]
mod lifecycle;
#[path = "documents/mongo.rs"]
#[expect(dead_code, reason = "the other suite uses all of it")]
mod mongo;
#[path = "upkeep/place.rs"]
mod place;
#[path = "upkeep/prune.rs"]
mod prune;
#[path = "upkeep/rebuild.rs"]
mod rebuild;
#[path = "upkeep/verify.rs"]
mod verify;
