//! The processor time of the threads of a process. In contrast to wall-clock time, other processes do not affect it.

use std::fs;
use std::time::Duration;

/// Unit of the times in `/proc`: the kernel reports hundredths of a second on all supported machines.
const TICKS_PER_SECOND: u64 = 100;

/// Returns the processor time of the thread that used most, or zero without a readable `/proc`.
pub(super) fn busiest_thread(process: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let times = tasks.filter_map(|task| processor_time(&fs::read_to_string(task.path().join("stat")).ok()?));
    times.max().unwrap_or_default()
}

/// Returns the user and system time in a line of `stat`. The name of the program may contain spaces and parentheses.
pub(crate) fn processor_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let ticks = times.next()?.parse::<u64>().ok()? + times.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "30886 (a) b (c) R 30882 30882 25807 0 -1 4194304 127 0 0 0 250 50 7 7 20 0 1 0 1360884";
        assert_eq!(processor_time(stat), Some(Duration::from_secs(3)));
        assert_eq!(processor_time("30886 (cat) R 1"), None);
    }

    #[test]
    fn a_thread_at_work_uses_processor_time() {
        let own = std::process::id();
        let before = busiest_thread(own);
        let mut work = 0_u64;
        while busiest_thread(own) < before + Duration::from_millis(30) {
            work = std::hint::black_box(work + 1);
        }
        assert_eq!(busiest_thread(u32::MAX), Duration::ZERO);
    }
}
