//! Waiting for a condition, and ports for servers.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

/// The longest wait of a test.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Polls a condition until it holds.
///
/// # Panics
/// The condition does not hold within [`PATIENCE`].
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a child process has stopped itself at a `pause:` failpoint.
#[track_caller]
pub fn until_stopped(child: &Child) {
    let stat = format!("/proc/{}/stat", child.id());
    until("the run pauses", || {
        let stat = std::fs::read_to_string(&stat).expect("a living process");
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    });
}

/// Returns a port without a listener. The port is below the range of outgoing connections, so no client of another test
/// takes the port later.
pub fn free_port() -> u16 {
    loop {
        let random = RandomState::new().hash_one(()) % 20_000;
        let port = 12_000 + u16::try_from(random).expect("below 20,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
