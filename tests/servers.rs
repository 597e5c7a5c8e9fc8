//! Real servers around the jobs: an S3 archive that goes away and comes back, rsyslogd with the lines that alert
//! policies match, sinks that are down, and a database that is not there.

mod support;

#[path = "servers/archive.rs"]
mod archive;
#[path = "servers/bills.rs"]
mod bills;
#[path = "servers/database.rs"]
mod database;
#[path = "servers/incidents.rs"]
mod incidents;
#[path = "servers/log.rs"]
mod log;
#[path = "servers/online.rs"]
mod online;
#[path = "servers/sinks.rs"]
mod sinks;
