//! costwarden watches cloud bills. ARCHITECTURE.md has the map; [`cli`] is the only door.

mod detector;
mod episode;
mod finding;
mod ledger;
mod rules;
mod series;
mod source;
mod store;
