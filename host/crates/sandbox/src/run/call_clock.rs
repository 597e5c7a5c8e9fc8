//! The wall clock of calls: a thread that counts the epoch of the engine. Compiled code compares the epoch with the
//! deadline of the call at the start of each function and loop.

use std::io;
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

use crate::limits::Limits;

const TICKS_PER_SECOND: u64 = 10;

/// Starts the clock of an engine. The thread ends after the engine.
pub(crate) fn start_clock(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    let count = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(Duration::from_millis(1_000 / TICKS_PER_SECOND));
        }
    };
    thread::Builder::new().name("call clock".to_owned()).spawn(count).map(drop)
}

/// Returns the limit of a call in ticks. The first tick may follow at once.
pub(super) fn call_ticks(limits: &Limits) -> u64 {
    limits.call_seconds.saturating_mul(TICKS_PER_SECOND).saturating_add(1)
}
