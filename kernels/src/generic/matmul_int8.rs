//! `out = activation(lhs · rhsᵀ + bias)` with int8 operands: exact sums in i32, everything else in the epilogue.
//!
//! Panels hold w + 128 as unsigned bytes, so that the hardware's unsigned × signed product applies with the
//! activations as the signed side: Σ w·a = Σ (w + 128)·a - 128·Σ a. |sums| stay below 255·127·k, which an i32 holds up
//! to k = 66,000. An activation is `middle + scale·a`, so the middle's share of a product, `middle · Σ w`, joins the bias.

use super::{
    math::activate,
    matmul_float::store_below,
    prefetch::Ahead,
    simd::{Dot, Simd},
    tile::by_rows,
};
use crate::{Activation, PANEL};

/// One block of rows and panels of a product.
#[derive(Clone, Copy)]
pub(crate) struct Args {
    /// Rows of `lhs` and `out`.
    pub(crate) m: usize,
    /// ⌈k/4⌉.
    pub(crate) k4: usize,
    /// Columns of `out`.
    pub(crate) n: usize,
    /// `[m][k4][4]`.
    pub(crate) lhs: *const i8,
    /// The value of one step of a row of `lhs`.
    pub(crate) lhs_scale: *const f32,
    /// What a byte of zero stands for in a row of `lhs`.
    pub(crate) lhs_middle: *const f32,
    /// The sum of a row's bytes.
    pub(crate) lhs_sum: *const i32,
    /// ⌈n/32⌉ panels of `[k4][32][4]`.
    pub(crate) rhs: *const u8,
    /// The value of one step of a column; whole panels.
    pub(crate) rhs_scale: *const f32,
    /// The sum of a column's weights, as values; whole panels.
    pub(crate) rhs_sum: *const f32,
    /// Whole panels.
    pub(crate) bias: *const f32,
    pub(crate) activation: Activation,
    pub(crate) out: *mut f32,
    /// From one row of `out` to the next.
    pub(crate) out_stride: usize,
}

/// The sums of `MR` rows and `NR` registers of columns: the loop in which an int8 forward spends its time.
#[inline(always)]
unsafe fn tile<D: Dot, const MR: usize, const NR: usize>(
    k4: usize,
    lhs: *const i8,
    rhs: *const u8,
    ahead: Ahead,
) -> [[<D::Simd as Simd>::I32; NR]; MR] {
    // SAFETY: the caller's promise; a prefetch may point anywhere.
    unsafe {
        let mut acc = [[D::Simd::splat_i32(0); NR]; MR];
        for p in 0..k4 {
            let row = rhs.add(p * PANEL * 4);
            ahead.prefetch::<MR>(p);
            let mut w = [D::weights(row); NR];
            for (j, w) in w.iter_mut().enumerate().skip(1) {
                *w = D::weights(row.add(j * D::Simd::LANES * 4));
            }
            for (i, acc) in acc.iter_mut().enumerate() {
                let a = D::activations(lhs.add((i * k4 + p) * 4));
                for (acc, w) in acc.iter_mut().zip(w) {
                    *acc = D::dot(*acc, w, a);
                }
            }
        }
        acc
    }
}

/// Correction, scales, bias, activation and store of a tile whose first column is `column`.
#[inline(always)]
unsafe fn finish<D: Dot, const MR: usize>(
    args: &Args,
    row: usize,
    column: usize,
    acc: [[<D::Simd as Simd>::I32; 2]; MR],
) {
    // SAFETY: the caller's promise: rows are inside `out`, scales and bias have whole panels, and only columns below n
    // are stored.
    unsafe {
        for (i, acc) in acc.iter().enumerate() {
            let out = args.out.add((row + i) * args.out_stride);
            let correction = D::Simd::splat_i32((*args.lhs_sum.add(row + i)).wrapping_mul(-128));
            let lhs_scale = D::Simd::splat(*args.lhs_scale.add(row + i));
            let middle = D::Simd::splat(*args.lhs_middle.add(row + i));
            for (j, &sum) in acc.iter().enumerate() {
                let at = column + j * D::Simd::LANES;
                let scale = D::Simd::mul(lhs_scale, D::Simd::load(args.rhs_scale.add(at)));
                let sum = D::Simd::to_f32(D::Simd::add_i32(sum, correction));
                let bias = D::Simd::load(args.bias.add(at));
                let bias = D::Simd::mul_add(middle, D::Simd::load(args.rhs_sum.add(at)), bias);
                let x = D::Simd::mul_add(sum, scale, bias);
                let x = activate::<D::Simd>(x, args.activation);
                store_below::<D::Simd>(out, at, args.n, x);
            }
        }
    }
}

/// `MR` rows of one panel, two registers of columns at a time.
#[inline(always)]
unsafe fn rows_of_panel<D: Dot, const MR: usize>(args: &Args, row: usize, panel: usize, ahead: Ahead) {
    // SAFETY: the caller's promise: `row + MR <= m`, and `panel` is one of ⌈n/32⌉.
    unsafe {
        let lhs = args.lhs.add(row * args.k4 * 4);
        let rhs = args.rhs.add(panel * args.k4 * PANEL * 4);
        for column in (0..PANEL).step_by(2 * D::Simd::LANES) {
            let acc = tile::<D, MR, 2>(args.k4, lhs, rhs.add(column * 4), ahead);
            finish::<D, MR>(args, row, panel * PANEL + column, acc);
        }
    }
}

/// Computes one block.
///
/// # Safety
/// The processor has `D`; pointers are valid for the shapes that [`Args`] gives, and nobody else writes the block.
#[inline(always)]
pub(crate) unsafe fn run<D: Dot>(args: &Args) {
    // SAFETY: the caller's promise; the loops stay below m and n.
    unsafe {
        for panel in 0..args.n.div_ceil(PANEL) {
            let (mut row, tiles) = (0, args.m.div_ceil(D::MR));
            for tile in 0..tiles {
                // Tiles of equal height: a low one would wait for its sums' latency.
                let rows = (args.m - row).div_ceil(tiles - tile);
                let bytes = args.k4 * PANEL * 4;
                let ahead = Ahead::new(
                    args.rhs.wrapping_add(panel * bytes).cast(),
                    bytes,
                    args.k4,
                    rows,
                    (tile, tiles),
                );
                by_rows!(rows, rows_of_panel::<D>(args, row, panel, ahead));
                row += rows;
            }
        }
    }
}
