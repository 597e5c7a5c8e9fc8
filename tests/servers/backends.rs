//! Real servers around the jobs: an S3 archive with an outage, rsyslogd with the lines of the alert policies,
//! unreachable receivers, and an unreachable database.

mod archive;
pub(crate) mod bills;
mod database;
mod incidents;
mod log;
mod online;
mod receivers;
