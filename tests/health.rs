//! `health` through the binary: well after the jobs ran, and everything that can be unwell made so. The clock is moved with
//! libfaketime, the bill's own with the simulator.

mod support;

#[path = "health/api.rs"]
mod api;
#[path = "health/clocks.rs"]
mod clocks;
#[path = "health/data.rs"]
mod data;
#[path = "health/house.rs"]
mod house;
#[path = "health/jobs.rs"]
mod jobs;
#[path = "health/leases.rs"]
mod leases;
#[path = "health/parts.rs"]
mod parts;
