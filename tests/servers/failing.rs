//! A full disk under costwarden.

mod disk;
mod full;
mod quiet_month;
