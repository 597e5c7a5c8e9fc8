//! Several processes that share the series of a bill: what they write together is what one writes, whether they run at
//! the same time or one after the other; and people are told the same, each thing once.

mod support;

#[path = "documents/bills.rs"]
mod bills;
#[path = "shards/labs.rs"]
mod labs;
#[path = "documents/mongo.rs"]
#[expect(dead_code, reason = "the other suite uses all of it")]
mod mongo;
#[path = "shards/said.rs"]
mod said;
#[path = "shards/same.rs"]
mod same;
#[path = "shards/turns.rs"]
mod turns;
