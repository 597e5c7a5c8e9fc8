//! Limits the number of live instances, so the memory pool never runs out of slots.
//!
//! A caller waits while no slot is free. The wait ends: fuel bounds every call, and no call waits for a second slot.

use std::sync::{Condvar, Mutex, PoisonError};

/// The free slots.
pub(crate) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A taken slot, freed on drop.
pub(super) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self { free: Mutex::new(count), freed: Condvar::new() }
    }

    /// Waits until a slot is free.
    pub(super) fn take(&self) -> Slot<'_> {
        // A counter stays consistent even if another thread panicked.
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.freed.wait_while(free, |free| *free == 0);
        *taken.unwrap_or_else(PoisonError::into_inner) -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn no_more_slots_are_taken_than_exist() {
        let slots = Slots::new(3);
        let taken = AtomicUsize::new(0);
        let peak = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _slot = slots.take();
                        peak.fetch_max(taken.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        taken.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!((1..=3).contains(&peak.into_inner()));
        assert_eq!(*slots.free.lock().expect("whole"), 3);
    }
}
