//! costwarden watches cloud bills. ARCHITECTURE.md has the map; [`cli`] is the only door.

mod archive;
mod causes;
mod config;
mod episode;
mod finding;
mod ledger;
mod rules;
mod series;
mod simulate;
mod source;
mod store;
