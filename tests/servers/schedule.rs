//! `schedule` with the real `crontab` and cron daemon in a separate mount namespace, so the machine's crontabs stay
//! untouched; and the units according to systemd.

mod crontab;
mod daemon;
mod init;
pub(crate) mod private_cron;
mod units;
