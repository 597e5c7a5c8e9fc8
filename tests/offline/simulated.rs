//! The real binary against the simulated billing API, which is a process of its own: days and hours pass there as the
//! suite says.

mod backfill;
mod demo;
mod failing;
mod faults;
mod feed;
mod incidents;
mod modes;
mod newcomer;
mod rows;
mod rules;
mod runaway;
mod simulated_bill;
