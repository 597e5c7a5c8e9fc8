//! The memory of a plugin: its global allocator, and `cabi_realloc`, the allocation function for lists from the host.
//!
//! `wit-bindgen` would also define `cabi_realloc`, but in several functions; the host calls it several times per
//! series.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32;
use std::cell::UnsafeCell;

use crate::arena::Arena;

const PAGE: usize = 65_536;
/// Number of pages per growth step. Each growth is a call into the host, so steps are large.
const STEP: usize = 16;

/// Size of the initial memory, in bytes: enough for a batch of daily series. A growth of the same size takes as long as
/// several series. The zeroed block takes no space in the module file.
const FIRST_BYTES: usize = 1 << 20;

struct Memory(UnsafeCell<Arena>);

struct First(UnsafeCell<[u8; FIRST_BYTES]>);

#[global_allocator]
static MEMORY: Memory = Memory(UnsafeCell::new(Arena::new(first, more)));

static FIRST: First = First(UnsafeCell::new([0; FIRST_BYTES]));

// SAFETY: a plugin has one thread; its target has no threads.
unsafe impl Sync for Memory {}

// SAFETY: a plugin has one thread, and only the address of the block is used.
unsafe impl Sync for First {}

// SAFETY: blocks come from the arena, which satisfies `GlobalAlloc`. No other code runs while the arena is borrowed, so
// the arena is never borrowed twice.
unsafe impl GlobalAlloc for Memory {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).take(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).resize(block, layout, new_size) }
    }
}

/// Allocates or resizes a block for the canonical ABI. Returns the alignment as a dangling address for 0 bytes.
///
/// # Safety
/// The old block came from this function with the same length and alignment.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_bytes: usize, align: usize, bytes: usize) -> *mut u8 {
    if bytes == 0 {
        return align as *mut u8;
    }
    let block = unsafe {
        let arena = &mut *MEMORY.0.get();
        if old_bytes == 0 {
            arena.take(Layout::from_size_align_unchecked(bytes, align))
        } else {
            arena.resize(old, Layout::from_size_align_unchecked(old_bytes, align), bytes)
        }
    };
    if block.is_null() { wasm32::unreachable() } else { block }
}

fn more(bytes: usize) -> Option<(usize, usize)> {
    let needed = bytes.div_ceil(PAGE);
    let grow = |pages| match wasm32::memory_grow::<0>(pages) {
        usize::MAX => None,
        before => Some((before * PAGE, (before + pages).checked_mul(PAGE)?)),
    };
    grow(needed.next_multiple_of(STEP)).or_else(|| grow(needed))
}

fn first() -> (usize, usize) {
    let start = FIRST.0.get().addr();
    (start, start + FIRST_BYTES)
}
