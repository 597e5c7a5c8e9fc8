//! Parallel work on threads, each of which uses a worker process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::thread::{panic_error, start_error};
use crate::failure::CallError;

/// The results of parallel work.
pub(super) struct Completed<T> {
    /// A result per index; `None` if the work was skipped or a thread stopped.
    pub(super) items: Vec<Option<T>>,
    /// The cause of a stopped thread.
    pub(super) stopped: CallError,
}

/// Calls `run` for every index below `count`; each thread takes the next free index.
pub(super) fn run_in_parallel<T: Send + Sync>(
    threads: usize,
    count: usize,
    run: impl Fn(usize) -> Option<T> + Sync,
) -> Completed<T> {
    let items: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(item) = items.get(index)
        {
            if let Some(result) = run(index) {
                let _ = item.set(result);
            }
        }
    };
    let mut stopped = panic_error();
    thread::scope(|scope| {
        let mut started = Vec::new();
        for _ in 0..threads.clamp(1, count.max(1)) {
            match thread::Builder::new().name("batch".to_owned()).spawn_scoped(scope, work) {
                Ok(thread) => started.push(thread),
                Err(error) => stopped = start_error(&error),
            }
        }
        // The scope would propagate a panic to the caller. The explicit join limits the damage to the panicking batch.
        for thread in started {
            let _ = thread.join();
        }
    });
    Completed { items: items.into_iter().map(OnceLock::into_inner).collect(), stopped }
}
