//! The jobs with the simulated billing API, a separate process with an adjustable clock.

mod backfill;
mod backtest;
mod demo;
mod failing;
mod faults;
mod feed;
mod incidents;
mod modes;
mod new_service;
mod quiet_year;
mod report;
mod rows;
mod rules;
mod runaway;
mod shadow_rules;
mod simulated_bill;
mod stored_series;
