//! Bills over time, through the binary, on both stores: they are corrected, late, missing, or half there; changes last,
//! people say what they make of them, and clocks are changed.

mod support;

#[path = "bills/clocks.rs"]
mod clocks;
#[path = "bills/corrected.rs"]
mod corrected;
#[path = "bills/desk.rs"]
mod desk;
#[path = "bills/gaps.rs"]
mod gaps;
#[path = "bills/hours.rs"]
mod hours;
#[path = "bills/lasting.rs"]
mod lasting;
#[path = "bills/look.rs"]
mod look;
#[path = "bills/marks.rs"]
mod marks;
#[path = "documents/mongo.rs"]
#[expect(dead_code, reason = "the other suite uses all of it")]
mod mongo;
#[path = "bills/named.rs"]
mod named;
