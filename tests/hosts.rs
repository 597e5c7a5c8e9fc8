//! Two hosts and one database: the first is killed at every step, or held up, and the documents and lines are those of
//! one host that nothing happened to.

mod support;

#[path = "hosts/database.rs"]
mod database;
#[path = "hosts/killed.rs"]
mod killed;
#[path = "hosts/lone.rs"]
mod lone;
#[path = "hosts/lost.rs"]
mod lost;
#[path = "hosts/members.rs"]
mod members;
#[path = "hosts/pair.rs"]
mod pair;
#[path = "hosts/replica.rs"]
mod replica;
#[path = "hosts/stopped.rs"]
mod stopped;
#[path = "hosts/takeover.rs"]
mod takeover;
#[path = "hosts/turns.rs"]
mod turns;
