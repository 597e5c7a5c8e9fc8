//! Two hosts and one database: the first is killed at every step, or held up, and the documents and lines are those of
//! one host that nothing happened to.

mod killed;
mod lost;
mod members;
mod replica;
mod single_server;
mod state;
mod stopped;
mod takeover;
mod turns;
mod two_hosts;
