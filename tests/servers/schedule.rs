//! `schedule` with the real `crontab` and the real cron daemon, in a mount namespace whose /var/spool is a folder of the
//! test, so that no crontab of the machine is touched; and units as systemd itself reads them.

mod crontab;
mod daemon;
mod private_cron;
mod units;
