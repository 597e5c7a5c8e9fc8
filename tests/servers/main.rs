//! Suites with the servers and programs of `tests/services.sh`: mongod, S3, rsyslogd, an OCI registry, cron, Prometheus,
//! libfaketime, and the tools for `config/deploy`.

mod backends;
mod bills;
mod deploy;
mod documents;
mod failing;
mod guides;
mod health;
mod init;
mod metrics;
#[cfg(feature = "package")]
mod package;
mod receivers;
mod registry;
mod schedule;
mod secrets;
mod tls;
mod upkeep;
mod year;
