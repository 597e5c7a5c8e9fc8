//! `health` through the binary: well after the jobs ran, and everything that can be unwell made so. The clock is moved with
//! libfaketime, the bill's own with the simulator.

mod api;
mod clocks;
mod data;
mod installation;
mod jobs;
mod leases;
mod parts;
