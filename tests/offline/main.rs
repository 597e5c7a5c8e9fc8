//! Suites without servers: the command line, plugins, the sandbox and the jobs on the simulated API.

mod author;
mod guide_pages;
mod guides;
mod hostile;
mod init;
mod messages;
mod schema;
mod simulated;
mod structure;
mod threats;
mod trust;
mod workflow;
