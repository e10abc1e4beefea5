//! `out = activation(lhs · rhsᵀ + bias)` in f32, over panels of 32 columns in f32 or f16.
//!
//! Every element of `out` is one chain of multiply-adds over k, from 0 up, whatever the tile and the split are: that
//! is what makes a text's bits independent of its neighbours.

use std::ptr::null_mut;

use super::{
    epilogue::{Epilogue, by_epilogue},
    math::activate,
    output::Out,
    prefetch::Ahead,
    simd::Simd,
    tile::{Lanes, Widened, by_rows, tile_and_keep},
};
use crate::{Activation, PANEL};

/// One block of rows and panels of a product, but for the ⌈n/32⌉ panels of `[k][32]`, whose type differs. Raw because blocks of
/// one output are written by several threads.
#[derive(Clone, Copy)]
pub(crate) struct Args {
    /// Rows of `lhs` and `out`.
    pub(crate) m: usize,
    /// Columns of `lhs`, rows of a panel.
    pub(crate) k: usize,
    /// Columns of `out` to compute: all of the panels' but for the last one's tail.
    pub(crate) n: usize,
    pub(crate) lhs: *const f32,
    /// From one row of `lhs` to the next.
    pub(crate) lhs_stride: usize,
    /// Whole panels.
    pub(crate) bias: *const f32,
    pub(crate) activation: Activation,
    pub(crate) out: Out,
    /// Tiles of other rows that have read the same panels before.
    pub(crate) before: usize,
    /// Where the first panel is in memory, and the bytes of each, whatever it is read from: what tiles ask for ahead.
    pub(crate) stored: (*const u8, usize),
}

/// Bias, activation and store of a tile whose first column is `column` of a panel.
///
/// # Safety
/// `args` is valid, `row + MR <= args.m`, and what `E` knows is so.
#[inline(always)]
unsafe fn finish<E: Epilogue, S: Simd, const MR: usize>(
    args: &Args,
    row: usize,
    (panel, column): (usize, usize),
    acc: [[S::F32; 2]; MR],
) {
    let Args { n, bias, activation, out: Out { stride, .. }, .. } = *args;
    let (out, first) = (args.out.at(row, panel), panel * PANEL);
    // SAFETY: the caller's promise: rows are inside `out`, the bias has whole panels, only columns below n are stored.
    unsafe {
        for (i, acc) in acc.iter().enumerate() {
            let out = out.add(i * stride);
            for (j, &sum) in acc.iter().enumerate() {
                let at = column + j * S::LANES;
                let x = S::add(sum, S::load(bias.add(first + at)));
                E::store::<S>(out, at, n - first, activate::<S>(x, E::activation(activation)));
            }
        }
    }
}

/// `MR` rows of one panel, two registers of columns at a time.
#[inline(always)]
unsafe fn rows_of_panel<S: Simd, L: Lanes<Elem = f32, V = S::F32>, const MR: usize>(
    args: &Args,
    row: usize,
    (panel, rhs, keep): (usize, *const L::Weight, *mut f32),
    ahead: Ahead,
) {
    // SAFETY: the caller's promise: `row + MR <= m`, and `rhs` is the panel of this number, one of ⌈n/32⌉; `keep` has room for one.
    unsafe {
        let lhs = args.lhs.add(row * args.lhs_stride);
        for column in (0..PANEL).step_by(2 * S::LANES) {
            if panel * PANEL + column < args.n {
                let rhs = (rhs.add(column), keep.wrapping_add(column));
                let acc = tile_and_keep::<L, MR, 2>(args.k, lhs, (args.lhs_stride, 1), rhs, ahead);
                let n = args.n - panel * PANEL;
                by_epilogue!(args, n, finish::<S, MR>(args, row, (panel, column), acc));
            }
        }
    }
}

/// [`rows_of_panel`] for `rows` rows from `row` on.
#[inline(always)]
unsafe fn any_rows<S: Simd, L: Lanes<Elem = f32, V = S::F32>>(
    args: &Args,
    (row, rows): (usize, usize),
    rhs: (usize, *const L::Weight, *mut f32),
    ahead: Ahead,
) {
    // SAFETY: as there.
    unsafe { by_rows!(rows, S::MR, rows_of_panel::<S, L>(args, row, rhs, ahead)) }
}

/// [`rows_of_panel`] for the first `rows` rows of [`Simd::KEPT`] tiles or more: these are not low.
#[inline(always)]
unsafe fn first_rows<S: Simd, L: Lanes<Elem = f32, V = S::F32>>(
    args: &Args,
    rows: usize,
    rhs: (usize, *const L::Weight, *mut f32),
    ahead: Ahead,
) {
    // SAFETY: as there.
    unsafe { by_rows!(rows, lowest(S::MR, S::KEPT) => S::MR, rows_of_panel::<S, L>(args, 0, rhs, ahead)) }
}

/// The lowest tile, of at most `most` rows, where rows need `tiles` tiles of equal height or more.
const fn lowest(most: usize, tiles: usize) -> usize {
    (most * (tiles - 1) + 1).div_ceil(tiles)
}

/// Computes one block.
///
/// # Safety
/// The processor has `S` and `L`; pointers are valid for the shapes that [`Args`] gives, and nobody else writes the block.
#[inline(always)]
pub(crate) unsafe fn run<S: Simd, L: Lanes<Elem = f32, V = S::F32>>(args: &Args, rhs: *const L::Weight) {
    let (stored, bytes) = args.stored;
    for panel in 0..args.n.div_ceil(PANEL) {
        let (mut row, tiles) = (0, args.m.div_ceil(S::MR));
        let rhs = rhs.wrapping_add(panel * args.k * PANEL);
        for tile in 0..tiles {
            // Tiles of equal height: a low one would wait for its sums' latency.
            let rows = (args.m - row).div_ceil(tiles - tile);
            let of_all = (args.before + tile, args.before + tiles);
            let ahead = Ahead::new(stored.wrapping_add(panel * bytes), bytes, args.k, rows, of_all);
            let rhs = (panel, rhs, null_mut());
            // SAFETY: the caller's promise; the loops stay below m and n.
            unsafe { any_rows::<S, L>(args, (row, rows), rhs, ahead) };
            row += rows;
        }
    }
}

/// [`run`] with weights in halves: the same sums as of the same weights in f32. Where there are [`Simd::KEPT`] tiles, all but
/// the first are computed by `in_f32`: it is [`run`] in a function of its own, as compilers keep sums in registers only in functions
/// that are not too long. `widened` has room for a panel.
///
/// # Safety
/// As there.
#[inline(always)]
pub(crate) unsafe fn run_halves<S: Simd>(
    args: &Args,
    rhs: *const u16,
    widened: *mut f32,
    in_f32: unsafe fn(&Args, *const f32),
) {
    let &Args { m, k, n, lhs, lhs_stride, bias, out, stored: (stored, bytes), .. } = args;
    let tiles = m.div_ceil(S::MR);
    // SAFETY: the caller's promise; the loop stays below n.
    unsafe {
        if tiles < S::KEPT {
            return run::<S, Widened<S, false>>(args, rhs);
        }
        let rows = m.div_ceil(tiles);
        for panel in 0..n.div_ceil(PANEL) {
            let (rhs, column) = (rhs.add(panel * k * PANEL), panel * PANEL);
            let stored = (stored.wrapping_add(panel * bytes), bytes);
            let (n, bias, out) = ((n - column).min(PANEL), bias.add(column), out.part(0, panel));
            let first = Args { m: rows, n, bias, out, stored, ..*args };
            let ahead = Ahead::new(stored.0, bytes, k, rows, (0, tiles));
            first_rows::<S, Widened<S, true>>(&first, rows, (0, rhs, widened), ahead);
            let (lhs, out) = (lhs.add(rows * lhs_stride), out.part(rows, 0));
            in_f32(&Args { m: m - rows, lhs, out, before: 1, ..first }, widened);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lowest;

    #[test]
    fn no_tile_is_lower_than_the_lowest() {
        for (most, kept) in [(12, 5), (6, 5), (12, 2), (2, 2)] {
            let rows = |m: usize| (m.div_ceil(most) >= kept).then(|| m.div_ceil(m.div_ceil(most)));
            assert_eq!((1..1000).filter_map(rows).min(), Some(lowest(most, kept)), "{kept} tiles of {most}");
        }
    }
}
