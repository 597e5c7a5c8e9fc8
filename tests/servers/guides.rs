//! The commands of the guides, played with the simulated API and real servers: a reader who copies them gets no error.

mod install;
mod migrate;
mod play;
mod upgrade;
