//! The jobs with the simulated billing API, a separate process with an adjustable clock.

mod account;
mod backfill;
mod backtest;
mod demo;
mod failing;
mod faults;
mod feed;
mod history;
mod hourly_history;
mod incidents;
mod korean;
mod lists;
mod modes;
mod new_service;
mod plans;
mod quiet_year;
mod report;
mod rows;
mod rules;
mod runaway;
mod serve;
mod shadow_rules;
mod simulated_bill;
mod stored_series;
