//! Bills over time, through the binary, on both stores: they are corrected, late, missing, or half there; changes last,
//! people say what they make of them, and clocks are changed.

mod clocks;
mod corrected;
mod gaps;
mod hours;
mod lasting;
mod look;
mod marks;
mod named;
mod replayed_bill;
