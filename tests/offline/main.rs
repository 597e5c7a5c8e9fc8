//! Suites without servers: the command line, plugins, the sandbox and the jobs on the simulated API.

mod author;
mod cases;
mod guides;
mod hostile;
mod messages;
mod simulated;
mod structure;
mod threats;
mod trust;
