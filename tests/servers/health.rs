//! `health` through the binary: good health after the jobs, and every kind of bad health. libfaketime moves the clock
//! of the host, and the simulator the clock of the bill.

mod api;
mod clocks;
mod data;
mod installation;
mod jobs;
mod leases;
mod parts;
