//! The allocator of a plugin: an instance lives for one call and has one thread, so that little is to be kept in order.
//!
//! Blocks come one after the other from the end of the memory, in sizes of few classes; a freed block goes to the list
//! of its class, or back to the end if it is the last one. Nothing is joined: a class holds no more than was in use at
//! one time, which bounds the whole for any call, and sizes are rounded by a quarter at most.

use std::alloc::Layout;
use std::ptr;

/// Blocks begin at a multiple of this, and have at least this size.
const GRAIN: usize = 16;
/// Blocks up to this size have a class for each multiple of [`GRAIN`]; larger ones four for each power of two.
const FINE: usize = 1024;
const FINE_CLASSES: usize = FINE / GRAIN;
const CLASSES: usize = FINE_CLASSES + 4 * (usize::BITS - FINE.ilog2()) as usize;

/// The unused end of the memory, and the freed blocks of each class.
pub(crate) struct Arena {
    next: usize,
    end: usize,
    /// The block that was freed last, of each class; its first word is the one before it. 0 is none.
    freed: [usize; CLASSES],
    /// The same of blocks with a large alignment, by the power of two that is both their size and their alignment.
    aligned: [usize; usize::BITS as usize],
    first: First,
    more: More,
}

/// Where the memory begins and ends that is there before any is asked for.
pub(crate) type First = fn() -> (usize, usize);
/// Asks for at least so many bytes of memory: where they begin and end. They may continue what was given before.
pub(crate) type More = fn(usize) -> Option<(usize, usize)>;

/// What a request is served with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Plain { class: usize, size: usize },
    Aligned { power: usize },
}

impl Arena {
    pub(crate) const fn new(first: First, more: More) -> Self {
        Self { next: 0, end: 0, freed: [0; CLASSES], aligned: [0; usize::BITS as usize], first, more }
    }

    /// A block for the layout, whose size is above 0; null where there is no memory.
    ///
    /// # Safety
    /// All blocks that were given to [`Self::free`] were taken here, and nobody uses them any more.
    #[inline]
    pub(crate) unsafe fn take(&mut self, layout: Layout) -> *mut u8 {
        let block = Block::of(layout);
        let (list, size, align) = match block {
            Block::Plain { class, size } => (&mut self.freed[class], size, GRAIN),
            Block::Aligned { power } => (&mut self.aligned[power], 1 << power, 1 << power),
        };
        if *list != 0 {
            let taken = *list as *mut u8;
            // SAFETY: a block in a list is ours, at least a word large, and begins with the link that `free` wrote.
            *list = unsafe { taken.cast::<usize>().read() };
            return taken;
        }
        self.append(size, align)
    }

    /// # Safety
    /// The block was taken here with this layout, and nobody uses it any more.
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
        // SAFETY: the caller gives the block up, which is at least a word large and aligned for one.
        unsafe { block.cast::<usize>().write(*list) };
        *list = block as usize;
    }

    /// The block with a new size, above 0: where it is if it fits or is the last one, else moved. Null, and nothing
    /// changed, where there is no memory.
    ///
    /// # Safety
    /// As [`Self::free`]; the new size, rounded up to the alignment, is no more than `isize::MAX`.
    #[inline]
    pub(crate) unsafe fn resize(&mut self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise is the one of `Layout`.
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
        // SAFETY: as the caller promises; both blocks have at least the bytes that are copied, and are different ones.
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
            // The quarters of the power of two below it that the size takes, 5 to 8.
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

    /// Memory that is never given back, in pieces of 64 KiB or what is asked for.
    fn more(bytes: usize) -> Option<(usize, usize)> {
        let bytes = bytes.max(64 * 1024);
        let start = Vec::<u8>::leak(Vec::with_capacity(bytes)).as_ptr() as usize;
        Some((start.next_multiple_of(GRAIN), start + bytes))
    }

    /// A piece that begins at no multiple of what blocks begin at.
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
