//! Pure types and logic of costwarden: money, ledger, series, history, rules, anomalies, incidents and drivers.
//!
//! The crate has no clock and no network.

pub mod anomaly;
pub mod bill;
pub mod budget;
pub mod count;
pub mod drivers;
pub mod forecast;
pub mod history;
pub mod incident;
pub mod intern;
pub mod language;
pub mod ledger;
pub mod median;
pub mod moment;
pub mod money;
pub mod planned_event;
pub mod rule;
pub mod run_id;
pub mod scope;
pub mod series;
pub mod silence;
pub mod statistics;
