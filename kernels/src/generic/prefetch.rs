//! Asking for weights before they are needed.
//!
//! The hardware's prefetcher stops at the end of a page; asking in software from page to page doubles the bandwidth of
//! one core on server processors.

/// Which cache lines to ask for while a tile is computed.
#[derive(Clone, Copy)]
pub(crate) struct Ahead {
    from: *const u8,
    /// Bytes to go on at each step of the tile's loop; 0: ask for nothing.
    step: usize,
}

impl Ahead {
    /// How far ahead to ask in a stream that is read once: one page.
    const DISTANCE: usize = 4096;

    /// The operand is in the cache as it is.
    pub(crate) const NONE: Self = Self { from: std::ptr::null(), step: 0 };

    /// While a panel of `bytes` is read for tile number `tile` of `tiles`, in `steps` steps. One tile streams it and asks
    /// a page ahead. Several read it again and again: each asks for its share of the next panel, so that the memory is
    /// busy all the time, not only during the first tile.
    #[inline(always)]
    pub(crate) fn new(panel: *const u8, bytes: usize, steps: usize, tile: usize, tiles: usize) -> Self {
        if tiles == 1 {
            return Self { from: panel.wrapping_add(Self::DISTANCE), step: bytes / steps };
        }
        let share = bytes.div_ceil(tiles);
        Self { from: panel.wrapping_add(bytes + tile * share), step: share.div_ceil(steps) }
    }

    /// For a loop that begins at a later step.
    #[inline(always)]
    pub(crate) fn at_step(self, p: usize) -> Self {
        Self { from: self.from.wrapping_add(p * self.step), ..self }
    }

    /// At step `p`.
    #[inline(always)]
    pub(crate) fn prefetch(self, p: usize) {
        if self.step == 0 {
            return;
        }
        let at = self.from.wrapping_add(p * self.step);
        line(at);
        if self.step > 64 {
            line(at.wrapping_add(64));
        }
    }
}

/// Asks for the cache line at `at`; any address is allowed.
#[inline(always)]
pub(crate) fn line(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64, and a prefetch of any address has no effect but on the cache.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
