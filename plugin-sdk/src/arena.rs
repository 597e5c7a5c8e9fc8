//! Block allocator of a plugin instance. An instance lives for one call and has one thread, so the bookkeeping is
//! small.
//!
//! New blocks come from the unused end of the memory, in a few size classes. A freed block goes to the free list of its
//! class; the last block goes back to the end. The arena never merges free blocks: a class holds at most its peak of
//! live blocks, so total memory is bounded for any call. Rounding adds a quarter of the size at most.

use std::alloc::Layout;
use std::ptr;

/// Alignment and minimum size of a block, in bytes.
const GRAIN: usize = 16;
/// Largest size, in bytes, with one class per multiple of [`GRAIN`]. Larger sizes have four classes per power of two.
const FINE: usize = 1024;
const FINE_CLASSES: usize = FINE / GRAIN;
const CLASSES: usize = FINE_CLASSES + 4 * (usize::BITS - FINE.ilog2()) as usize;

/// The unused end of the memory, and the free lists.
pub(crate) struct Arena {
    next: usize,
    end: usize,
    /// Head of the free list of each class; 0 if empty. The first word of a free block links to the next free block.
    freed: [usize; CLASSES],
    /// Free lists of blocks with a large alignment. The index is the power of two of both size and alignment.
    aligned: [usize; usize::BITS as usize],
    first: First,
    more: More,
}

/// Returns the start and end address of the initial memory.
pub(crate) type First = fn() -> (usize, usize);
/// Requests at least the given number of bytes. Returns start and end address; the start may be the end of earlier
/// memory.
pub(crate) type More = fn(usize) -> Option<(usize, usize)>;

/// The block shape for a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Plain { class: usize, size: usize },
    Aligned { power: usize },
}

impl Arena {
    pub(crate) const fn new(first: First, more: More) -> Self {
        Self { next: 0, end: 0, freed: [0; CLASSES], aligned: [0; usize::BITS as usize], first, more }
    }

    /// Allocates a block for a layout of size above 0. Returns null without memory.
    ///
    /// # Safety
    /// Every block given to [`Self::free`] came from [`Self::take`], and no user of a freed block remains.
    #[inline]
    pub(crate) unsafe fn take(&mut self, layout: Layout) -> *mut u8 {
        let block = Block::of(layout);
        let (list, size, align) = match block {
            Block::Plain { class, size } => (&mut self.freed[class], size, GRAIN),
            Block::Aligned { power } => (&mut self.aligned[power], 1 << power, 1 << power),
        };
        if *list != 0 {
            let taken = *list as *mut u8;
            // SAFETY: a block on a free list is unused, is at least a word large, and begins with the link that `free`
            // wrote.
            *list = unsafe { taken.cast::<usize>().read() };
            return taken;
        }
        self.append(size, align)
    }

    /// Returns a block to its free list, or to the unused end.
    ///
    /// # Safety
    /// The block came from [`Self::take`] with the same layout, and has no user.
    #[inline]
    pub(crate) unsafe fn free(&mut self, block: *mut u8, layout: Layout) {
        let (list, size) = match Block::of(layout) {
            Block::Plain { class, size } => (&mut self.freed[class], size),
            Block::Aligned { power } => (&mut self.aligned[power], 1 << power),
        };
        if block as usize + size == self.next {
            self.next = block as usize;
            return;
        }
        // SAFETY: the caller gives up the block, and the block is at least a word large and aligned for a word.
        unsafe { block.cast::<usize>().write(*list) };
        *list = block as usize;
    }

    /// Resizes a block to a size above 0: in place if the class is unchanged or the block is the last, otherwise by a
    /// move. Returns null without memory, and leaves the old block unchanged.
    ///
    /// # Safety
    /// The conditions of [`Self::free`] apply. The new size, rounded up to the alignment, is at most `isize::MAX`.
    #[inline]
    pub(crate) unsafe fn resize(&mut self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller guarantees the precondition of `Layout`.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if let (Block::Plain { size: old, .. }, Block::Plain { size, .. }) = (Block::of(layout), Block::of(new)) {
            if old == size {
                return block;
            }
            let start = block as usize;
            if start + old == self.next && self.end - start >= size {
                self.next = start + size;
                return block;
            }
        }
        // SAFETY: the caller guarantees a valid block; both blocks hold the copied bytes and do not overlap.
        unsafe {
            let moved = self.take(new);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size));
                self.free(block, layout);
            }
            moved
        }
    }

    #[inline]
    fn append(&mut self, size: usize, align: usize) -> *mut u8 {
        let start = self.next.next_multiple_of(align);
        if self.end.checked_sub(start).is_some_and(|left| left >= size) {
            self.next = start + size;
            return start as *mut u8;
        }
        self.grow_and_append(size, align)
    }

    #[cold]
    #[inline(never)]
    fn grow_and_append(&mut self, size: usize, align: usize) -> *mut u8 {
        if self.end == 0 {
            (self.next, self.end) = (self.first)();
            return self.append(size, align);
        }
        let Some(wanted) = size.checked_add(align) else { return ptr::null_mut() };
        let Some((start, end)) = (self.more)(wanted) else { return ptr::null_mut() };
        if start != self.end {
            self.next = start;
        }
        self.end = end;
        let start = self.next.next_multiple_of(align);
        self.next = start + size;
        start as *mut u8
    }
}

impl Block {
    #[inline]
    fn of(layout: Layout) -> Self {
        let size = layout.size();
        if layout.align() > GRAIN {
            Self::Aligned { power: size.max(layout.align()).next_power_of_two().ilog2() as usize }
        } else if size <= FINE {
            let grains = size.div_ceil(GRAIN).max(1);
            Self::Plain { class: grains - 1, size: grains * GRAIN }
        } else {
            // The number of quarters, 5 to 8, of the next lower power of two that cover the size.
            let power = (size - 1).ilog2();
            let quarter = power - 2;
            let quarters = ((size - 1) >> quarter) + 1;
            let class = FINE_CLASSES + 4 * (power - FINE.ilog2()) as usize + quarters - 5;
            Self::Plain { class, size: quarters << quarter }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaks memory in pieces of 64 KiB or the requested size.
    fn more(bytes: usize) -> Option<(usize, usize)> {
        let bytes = bytes.max(64 * 1024);
        let start = Vec::<u8>::leak(Vec::with_capacity(bytes)).as_ptr() as usize;
        Some((start.next_multiple_of(GRAIN), start + bytes))
    }

    /// A piece with an unaligned start.
    fn first() -> (usize, usize) {
        let (start, _) = more(4096).expect("memory");
        (start + 3, start + 4096)
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a layout")
    }

    #[test]
    fn blocks_hold_what_was_asked_for_and_little_more() {
        for size in (1..5_000).chain((12..31).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            let Block::Plain { class, size: block } = Block::of(layout(size, 8)) else { panic!("{size}") };
            assert!(class < CLASSES && block >= size && block.is_multiple_of(GRAIN), "{size}");
            assert!(block - size < GRAIN.max(size.div_ceil(4)), "{size} takes {block}");
            assert_eq!(Block::of(layout(block, 8)), Block::of(layout(size, 8)), "a class has one size: {size}");
        }
        assert_eq!(Block::of(layout(3, 64)), Block::Aligned { power: 6 });
        assert_eq!(Block::of(layout(65, 64)), Block::Aligned { power: 7 });
    }

    #[test]
    fn blocks_do_not_overlap_and_keep_their_bytes() {
        let mut arena = Arena::new(first, more);
        let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut random = 1_u32;
        for round in 0..20_000_u32 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (pick, size) = (random as usize >> 8, 1 + (random as usize >> 12) % 3_000);
            let mark = round as u8;
            match (random >> 28) % 4 {
                0 | 1 => {
                    let layout = layout(size, [1, 8, 16, 64][pick % 4]);
                    let block = unsafe { arena.take(layout) };
                    assert!((block as usize).is_multiple_of(layout.align()));
                    unsafe { block.write_bytes(mark, size) };
                    held.push((block, layout, mark));
                }
                2 if !held.is_empty() => {
                    let place = pick % held.len();
                    let (block, layout, mark) = held.swap_remove(place);
                    let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
                    assert!(bytes.iter().all(|byte| *byte == mark));
                    unsafe { arena.free(block, layout) };
                }
                3 if !held.is_empty() => {
                    let place = pick % held.len();
                    let (block, old, mark) = held[place];
                    let new = layout(size, old.align());
                    let moved = unsafe { arena.resize(block, old, size) };
                    let kept = unsafe { std::slice::from_raw_parts(moved, size.min(old.size())) };
                    assert!(kept.iter().all(|byte| *byte == mark));
                    unsafe { moved.write_bytes(mark, size) };
                    held[place] = (moved, new, mark);
                }
                _ => {}
            }
        }
        assert!(held.len() > 1_000, "much was held: {}", held.len());
    }

    #[test]
    fn what_is_freed_is_used_again() {
        let mut arena = Arena::new(first, more);
        let (one, other) = (layout(100, 8), layout(5_000, 64));
        let blocks = unsafe { [arena.take(one), arena.take(other), arena.take(one)] };
        unsafe {
            arena.free(blocks[0], one);
            arena.free(blocks[1], other);
        }
        assert_eq!(unsafe { [arena.take(other), arena.take(one)] }, [blocks[1], blocks[0]]);
        let before = arena.next;
        for _ in 0..1_000_000 {
            let block = unsafe { arena.take(one) };
            unsafe { arena.free(block, one) };
        }
        assert_eq!(arena.next, before, "the last block goes back to the end");
    }

    #[test]
    fn the_last_block_grows_where_it_is() {
        let mut arena = Arena::new(|| more(64 * 1024).expect("memory"), more);
        let first = unsafe { arena.take(layout(16, 8)) };
        let mut size = 16;
        while size < 32_000 {
            assert_eq!(unsafe { arena.resize(first, layout(size, 8), size * 2) }, first);
            size *= 2;
        }
    }

    #[test]
    fn the_first_memory_is_given_out_once() {
        for too_large in [false, true] {
            let mut arena = Arena::new(|| (4096 + 3, 4096 + 200), |_| None);
            if too_large {
                assert!(unsafe { arena.take(layout(10_000, 8)) }.is_null());
            }
            let places = [(16, 8), (32, 64), (48, 8), (48, 8)];
            let blocks = places.map(|(size, align)| unsafe { arena.take(layout(size, align)) }.addr());
            assert_eq!(blocks, [4096 + 16, 4096 + 64, 4096 + 128, 0], "{too_large}");
        }
    }

    #[test]
    fn the_first_memory_is_continued() {
        let mut arena = Arena::new(|| (4096, 4096 + 100), |bytes| Some((4096 + 100, 4096 + 100 + bytes)));
        assert_eq!(unsafe { arena.take(layout(512, 8)) }.addr(), 4096);
        let mut arena = Arena::new(|| (4096, 4096 + 100), |bytes| Some((65_536, 65_536 + bytes)));
        assert_eq!(unsafe { arena.take(layout(512, 8)) }.addr(), 65_536);
    }

    #[test]
    fn without_memory_there_is_no_block() {
        let mut arena = Arena::new(|| (GRAIN, GRAIN), |_| None);
        assert!(unsafe { arena.take(layout(8, 8)) }.is_null());
        assert!(unsafe { arena.take(layout(isize::MAX as usize - 63, 64)) }.is_null());
    }
}
