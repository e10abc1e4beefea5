//! Asking for weights before they are needed.
//!
//! The hardware's prefetcher stops at the end of a page, and knows nothing of the panel that comes next; asking in
//! software far ahead of the loop lets the memory work while the core computes.

use crate::PANEL;

/// Which cache lines to ask for while a tile is computed.
#[derive(Clone, Copy)]
pub(crate) struct Ahead {
    from: *const u8,
    /// Bytes to go on at each step of the tile's loop; 0: ask for nothing.
    step: usize,
}

impl Ahead {
    /// Rows from which a tile computes long enough on each line that the second-level cache is near enough: lines go
    /// there, and the first level is left to the operands in use. Lower tiles wait for every line.
    const LONG: usize = 6;
    /// How far ahead a low tile asks in a stream that is read once: one page.
    const NEAR: usize = 4 << 10;
    /// How far ahead a high tile asks, which has the second-level cache to fill.
    const FAR: usize = 16 << 10;

    /// The operand is in the cache as it is.
    pub(crate) const NONE: Self = Self { from: std::ptr::null(), step: 0 };

    /// While a panel of `bytes` is read, in `steps` steps, for `rows` rows: those of tile number `tile` of `tiles`. One
    /// tile streams the panel and asks some way ahead. Several read it again and again: each asks for its share of the
    /// next panel, so that the memory is busy all the time, not only during the first tile.
    #[inline(always)]
    pub(crate) fn new(
        panel: *const u8,
        bytes: usize,
        steps: usize,
        rows: usize,
        (tile, tiles): (usize, usize),
    ) -> Self {
        if tiles == 1 {
            let distance = if rows < Self::LONG { Self::NEAR } else { Self::FAR };
            return Self { from: panel.wrapping_add(distance), step: bytes / steps };
        }
        let share = bytes.div_ceil(tiles);
        Self { from: panel.wrapping_add(bytes + tile * share), step: share.div_ceil(steps) }
    }

    /// For a loop that begins at a later step.
    #[inline(always)]
    pub(crate) fn at_step(self, p: usize) -> Self {
        Self { from: self.from.wrapping_add(p * self.step), ..self }
    }

    /// At step `p` of a tile of `MR` rows.
    #[inline(always)]
    pub(crate) fn prefetch<const MR: usize>(self, p: usize) {
        if self.step == 0 {
            return;
        }
        let ask = if MR < Self::LONG { line } else { far_line };
        let at = self.from.wrapping_add(p * self.step);
        ask(at);
        if self.step > 64 {
            ask(at.wrapping_add(64));
        }
    }
}

/// Which lines of the output to ask for while their tile is computed.
///
/// Lines that a core wants to write have to be fetched first. A tile writes all of its lines at once, and while they are
/// on their way no other line can come: not those of the weights either.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    to: *mut f32,
    /// From one row to the next.
    stride: usize,
    rows: usize,
}

impl Target {
    /// Tiles of a product from which on its output is asked for; a smaller one is in the second-level cache, and all
    /// that counts is the weights.
    const TILES: usize = 4;

    /// `rows` rows, `stride` apart, of two lines each.
    #[inline(always)]
    pub(crate) fn new(to: *mut f32, stride: usize, rows: usize, tiles: usize) -> Self {
        Self { to, stride, rows: if tiles < Self::TILES { 0 } else { rows } }
    }

    /// The `i`-th line, if there is one.
    #[inline(always)]
    pub(crate) fn prefetch(self, i: usize) {
        if i < 2 * self.rows {
            written_line(self.to.wrapping_add(i / 2 * self.stride + i % 2 * (PANEL / 2)).cast());
        }
    }
}

/// One prefetch instruction; there is no stable intrinsic of it.
#[cfg(target_arch = "aarch64")]
macro_rules! prefetch {
    ($how:literal, $at:expr) => {
        // SAFETY: a prefetch of any address has no effect but on the cache.
        unsafe {
            core::arch::asm!(
                concat!("prfm ", $how, ", [{}]"),
                in(reg) $at,
                options(nostack, readonly, preserves_flags),
            );
        }
    };
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
    #[cfg(target_arch = "aarch64")]
    prefetch!("pldl1keep", at);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

/// [`line()`], as far as the second-level cache.
#[inline(always)]
fn far_line(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as above.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(at.cast());
    }
    #[cfg(target_arch = "aarch64")]
    prefetch!("pldl2keep", at);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

/// [`line()`], to be written.
#[inline(always)]
fn written_line(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as above; processors that lack the instruction take it for one that does nothing.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_ET0>(at.cast());
    }
    #[cfg(target_arch = "aarch64")]
    prefetch!("pstl1keep", at);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}
