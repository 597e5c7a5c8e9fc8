//! Bills over time, through the binary, on both stores: restated, late, missing and partial bills, lasting changes,
//! decisions of people, and clock changes.

mod clocks;
mod corrected;
mod explained;
mod gaps;
mod hours;
mod lasting;
mod look;
mod marks;
mod named;
mod replayed_bill;
mod suppressed;
