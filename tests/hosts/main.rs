//! Two hosts and one database: the first host is killed or stopped at every step. Documents and notifications equal the
//! result of a single undisturbed host.

mod killed;
mod lost;
mod replica;
mod single_server;
mod state;
mod stopped;
mod takeover;
mod turns;
mod two_hosts;
