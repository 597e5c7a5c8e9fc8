//! Real servers around the jobs: an S3 archive that goes away and comes back, rsyslogd with the lines that alert
//! policies match, sinks that are down, and a database that is not there.

mod archive;
mod bills;
mod database;
mod incidents;
mod log;
mod online;
mod sinks;
