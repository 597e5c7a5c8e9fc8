//! The addresses that the process uses and may use.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// The use and the limit of addresses of a process, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AddressSpace {
    pub(super) used: u64,
    /// Value of RLIMIT_AS; `None` if unlimited.
    pub(super) limit: Option<u64>,
}

impl AddressSpace {
    /// Reads the numbers of this process. Without a readable `/proc`, the use counts as zero.
    pub(crate) fn of_this_process() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self { used: status_bytes(&status, "VmSize:").unwrap_or(0), limit: getrlimit(Resource::As).current }
    }

    /// Returns true if the process may use the given addresses in addition.
    pub(super) fn is_left(self, bytes: u64) -> bool {
        self.limit.is_none_or(|limit| self.used.saturating_add(bytes) <= limit)
    }
}

/// Returns a size in a text of `/proc/PROCESS/status`, in bytes.
pub(crate) fn status_bytes(status: &str, key: &str) -> Option<u64> {
    let size = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(size.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_use_is_read_in_kibibytes() {
        assert_eq!(status_bytes("Name:\tx\nVmPeak:\t   9 kB\nVmSize:\t    3060 kB\n", "VmSize:"), Some(3_133_440));
        assert_eq!(status_bytes("Name:\tx\n", "VmSize:"), None);
        assert!(AddressSpace::of_this_process().used > 1 << 20);
    }

    #[test]
    fn a_limit_includes_the_use() {
        let space = AddressSpace { used: 30, limit: Some(100) };
        assert!(space.is_left(70) && !space.is_left(71));
        assert!(AddressSpace { limit: None, ..space }.is_left(u64::MAX));
    }
}
