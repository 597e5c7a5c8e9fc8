//! The plugin's memory: its allocator, and the function by which the host takes a block for each list that it passes.
//!
//! The latter is what `wit-bindgen` would define as well, but in one piece: the host calls it several times a series.

use std::alloc::{GlobalAlloc, Layout};
use std::arch::wasm32;
use std::cell::UnsafeCell;

use crate::arena::Arena;

const PAGE: usize = 65_536;
/// Memory is asked for in steps of so many pages, for to ask is a call of the host.
const STEP: usize = 16;

/// What a batch of daily series takes. It is a part of the memory that an instance begins with: to grow by as much takes as
/// long as several series do. In the module's file it takes no room.
const FIRST_BYTES: usize = 1 << 20;

struct Memory(UnsafeCell<Arena>);

struct First(UnsafeCell<[u8; FIRST_BYTES]>);

#[global_allocator]
static MEMORY: Memory = Memory(UnsafeCell::new(Arena::new(first, more)));

static FIRST: First = First(UnsafeCell::new([0; FIRST_BYTES]));

// SAFETY: a plugin has one thread; its target has no others.
unsafe impl Sync for Memory {}

// SAFETY: as above; it is used by its address alone.
unsafe impl Sync for First {}

// SAFETY: blocks come from the arena, which keeps what `GlobalAlloc` asks for. Nothing is called while the arena is
// borrowed, so that it is never borrowed twice.
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

/// What the canonical ABI asks for: a block, or one with a new size; an address that nobody reads for nothing.
///
/// # Safety
/// The old block was given here with this length and alignment.
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
