//! What the machine under costwarden can do wrong: a disk that is full, a clock that jumps, and days of 23 and 25 hours.

mod disk;
mod full;
mod quiet_month;
