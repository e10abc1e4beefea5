//! `out = activation(lhs · rhsᵀ + bias)` with int8 operands: exact sums in i32, everything else in the epilogue.
//!
//! Panels hold w + 128 as unsigned bytes, so that the hardware's unsigned × signed product applies with the
//! activations as the signed side: Σ w·a = Σ (w + 128)·a - 128·Σ a. |sums| stay below 255·127·k, which an i32 holds up
//! to k = 66,000. An activation is `middle + scale·a`, so the middle's share of a product, `middle · Σ w`, joins the bias.

use super::{
    math::activate_short,
    matmul_float::store_below,
    prefetch::{Ahead, Target},
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

/// Steps of the inner loop from one line of the output that is asked for to the next: k of bert-base has enough of them
/// for all lines of the highest tile.
const TARGET_STEPS: usize = 8;

/// The sums of `MR` rows and two registers of columns: the loop in which an int8 forward spends its time. They begin as
/// what the 128 in each byte of weights has added too much.
///
/// # Safety
/// The processor has `D`; `lhs` has `MR` rows of `k4` groups, `lhs_sum` as many sums, and `rhs` two registers in each of
/// `k4` rows of a panel.
#[inline(always)]
unsafe fn tile<D: Dot, const MR: usize>(
    k4: usize,
    lhs: *const i8,
    lhs_sum: *const i32,
    rhs: *const u8,
    ahead: Ahead,
    target: Target,
) -> [[<D::Simd as Simd>::I32; 2]; MR] {
    // SAFETY: the caller's promise; a prefetch may point anywhere.
    unsafe {
        let mut acc = [[D::Simd::splat_i32(0); 2]; MR];
        for (i, acc) in acc.iter_mut().enumerate() {
            *acc = [D::Simd::splat_i32((*lhs_sum.add(i)).wrapping_mul(-128)); 2];
        }
        for (block, first) in (0..k4).step_by(TARGET_STEPS).enumerate() {
            target.prefetch(block);
            for p in first..k4.min(first + TARGET_STEPS) {
                let row = rhs.add(p * PANEL * 4);
                ahead.prefetch::<MR>(p);
                let w = [D::weights(row), D::weights(row.add(D::Simd::LANES * 4))];
                for (i, acc) in acc.iter_mut().enumerate() {
                    let a = D::activations(lhs.add((i * k4 + p) * 4));
                    for (acc, w) in acc.iter_mut().zip(w) {
                        *acc = D::dot(*acc, w, a);
                    }
                }
            }
        }
        acc
    }
}

/// Scales, bias, activation and store of a tile whose first row is `row` and first column `column`.
///
/// # Safety
/// The processor has `D`; `args` is valid, `row + MR <= args.m`, and `column` is in one of its panels.
#[inline(always)]
unsafe fn finish<D: Dot, const MR: usize>(
    args: &Args,
    row: usize,
    column: usize,
    acc: [[<D::Simd as Simd>::I32; 2]; MR],
) {
    // Copied: what is stored to `out` could be `args` itself, for all that the compiler knows.
    let Args { n, activation, out_stride, lhs_scale, lhs_middle, .. } = *args;
    // SAFETY: the caller's promise: rows are inside `out`, scales, sums and bias have whole panels, and only columns
    // below n are stored.
    unsafe {
        let at = [column, column + D::Simd::LANES];
        let [scales, sums, biases] =
            [args.rhs_scale, args.rhs_sum, args.bias].map(|v| at.map(|at| D::Simd::load(v.add(at))));
        for (i, acc) in acc.iter().enumerate() {
            let out = args.out.add((row + i) * out_stride);
            let lhs_scale = D::Simd::splat(*lhs_scale.add(row + i));
            let middle = D::Simd::splat(*lhs_middle.add(row + i));
            for j in 0..2 {
                let scale = D::Simd::mul(scales[j], lhs_scale);
                let bias = D::Simd::mul_add(middle, sums[j], biases[j]);
                let x = D::Simd::mul_add(D::Simd::to_f32(acc[j]), scale, bias);
                store_below::<D::Simd>(out, at[j], n, activate_short::<D::Simd>(x, activation));
            }
        }
    }
}

/// `MR` rows of one panel, two registers of columns at a time.
#[inline(always)]
unsafe fn rows_of_panel<D: Dot, const MR: usize>(
    args: &Args,
    row: usize,
    panel: usize,
    ahead: Ahead,
    tiles: usize,
) {
    // SAFETY: the caller's promise: `row + MR <= m`, and `panel` is one of ⌈n/32⌉.
    unsafe {
        let lhs = args.lhs.add(row * args.k4 * 4);
        let rhs = args.rhs.add(panel * args.k4 * PANEL * 4);
        let out = args.out.wrapping_add(row * args.out_stride + panel * PANEL);
        let target = Target::new(out, args.out_stride, MR, tiles);
        for column in (0..PANEL).step_by(2 * D::Simd::LANES) {
            let acc = tile::<D, MR>(args.k4, lhs, args.lhs_sum.add(row), rhs.add(column * 4), ahead, target);
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
                by_rows!(rows, rows_of_panel::<D>(args, row, panel, ahead, tiles));
                row += rows;
            }
        }
    }
}
