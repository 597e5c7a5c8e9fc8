//! What the machine under costwarden can do wrong: a disk that is full, a clock that jumps, and days of 23 and 25 hours.

mod support;

#[path = "failing/disk.rs"]
mod disk;
#[path = "failing/full.rs"]
mod full;
#[path = "failing/place.rs"]
mod place;
