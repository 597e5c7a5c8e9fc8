//! The real binary against the simulated billing API, which is a process of its own: days and hours pass there as the
//! suite says.

mod support;

#[path = "simulated/backfill.rs"]
mod backfill;
#[path = "simulated/demo.rs"]
mod demo;
#[path = "simulated/failing.rs"]
mod failing;
#[path = "simulated/faults.rs"]
mod faults;
#[path = "simulated/feed.rs"]
mod feed;
#[path = "simulated/incidents.rs"]
mod incidents;
#[path = "simulated/modes.rs"]
mod modes;
#[path = "simulated/newcomer.rs"]
mod newcomer;
#[path = "simulated/rows.rs"]
mod rows;
#[path = "simulated/rules.rs"]
mod rules;
#[path = "simulated/runaway.rs"]
mod runaway;
#[path = "simulated/watch.rs"]
mod watch;
