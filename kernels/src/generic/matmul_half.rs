//! `out = activation(lhs · rhsᵀ + bias)` with products in half precision, for processors that have its arithmetic.
//!
//! The sums of [`K_BLOCK`] products are accumulated in halves and then added in f32. With u = 2⁻¹¹, a block's sum of b
//! products is off by some √(b/6)·u of the products' root mean square (each step rounds a partial sum that grows like
//! √j), b·u at worst, and blocks' errors add up like √(k/b): altogether √(k·b/6)·u beside the √(2k/3)·u that rounding
//! both operands to f16 costs anyway. b = 32 makes it some three times that, 1·10⁻³ of the result's typical size at
//! k = 768: 0.0095 at the worst logit of 352 comments, where b = 64 gave 0.0126 and b = 128 0.0175, and three quarters of
//! the machine's rate remain. Rows are scaled by a power of two so that no block's sum overflows with weights below 128,
//! which those of trained models are; a row and panel with an infinite sum all the same are computed once more in f32.

use half::f16;

use super::{
    attention::Attend,
    epilogue::store_below,
    math::activate,
    output::Out,
    prefetch::Ahead,
    simd::Simd,
    tile::{by_rows, tile},
};
use crate::{Activation, PANEL};

/// Products that are summed in halves.
const K_BLOCK: usize = 32;

/// One block of rows and panels of a product.
#[derive(Clone, Copy)]
pub(crate) struct Args {
    /// Rows of `lhs` and `out`.
    pub(crate) m: usize,
    /// Columns of `lhs`, rows of a panel.
    pub(crate) k: usize,
    /// Columns of `out`.
    pub(crate) n: usize,
    /// `[⌈m/height⌉][k][height]`, halves: a tile's rows side by side, so that one address serves them all.
    pub(crate) lhs: *const u16,
    /// Rows of a tile; the last may have fewer.
    pub(crate) height: usize,
    /// What a row was divided by.
    pub(crate) lhs_scale: *const f32,
    /// ⌈n/32⌉ panels of `[k][32]`, halves.
    pub(crate) rhs: *const u16,
    /// Whole panels.
    pub(crate) bias: *const f32,
    pub(crate) activation: Activation,
    pub(crate) out: Out,
}

/// `MR` rows of one panel.
#[inline(always)]
unsafe fn rows_of_panel<A: Attend<Elem = u16>, const NR: usize, const MR: usize>(
    args: &Args,
    row: usize,
    panel: usize,
    ahead: Ahead,
) {
    let mut sums = [[0.0_f32; PANEL]; MR];
    let lanes = <A::F32 as Simd>::LANES;
    // SAFETY: the caller's promise: `row + MR <= m`, and `panel` is one of ⌈n/32⌉.
    unsafe {
        for column in (0..PANEL).step_by(NR * A::LANES) {
            // What is asked for ahead comes once.
            let ahead = if column == 0 { ahead } else { Ahead::NONE };
            for first in (0..args.k).step_by(K_BLOCK) {
                let steps = K_BLOCK.min(args.k - first);
                let acc = block::<A, NR, MR>(args, row, (first, steps), panel, column, ahead.at_step(first));
                for i in 0..MR {
                    let mut block = [0.0_f32; PANEL];
                    for (j, &acc) in acc[i].iter().enumerate() {
                        A::widen(block.as_mut_ptr().add(j * A::LANES), acc);
                    }
                    let sums = sums[i].as_mut_ptr().add(column);
                    for at in (0..NR * A::LANES).step_by(lanes) {
                        let (sum, block) = (A::F32::load(sums.add(at)), A::F32::load(block.as_ptr().add(at)));
                        A::F32::store(sums.add(at), A::F32::add(sum, block));
                    }
                }
            }
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            if !sums.iter().all(|sum| sum.is_finite()) {
                *sums = sums_in_f32(args, row, i, panel);
            }
            let out = args.out.at(row + i, panel);
            let scale = A::F32::splat(*args.lhs_scale.add(row + i));
            for at in (0..PANEL).step_by(lanes) {
                let bias = <A::F32 as Simd>::load(args.bias.add(panel * PANEL + at));
                let x = <A::F32 as Simd>::mul_add(<A::F32 as Simd>::load(sums.as_ptr().add(at)), scale, bias);
                let x = activate::<A::F32>(x, args.activation);
                store_below::<A::F32>(out, at, args.n - panel * PANEL, x);
            }
        }
    }
}

/// The sums in halves of `steps` steps from k = `first` on, and of `NR` registers of columns.
#[inline(always)]
unsafe fn block<A: Attend<Elem = u16>, const NR: usize, const MR: usize>(
    args: &Args,
    row: usize,
    (first, steps): (usize, usize),
    panel: usize,
    column: usize,
    ahead: Ahead,
) -> [[A::V; NR]; MR] {
    // SAFETY: the caller's promise: the steps are below k.
    unsafe {
        let lhs = args.lhs.add(row * args.k + first * args.height);
        let rhs = args.rhs.add((panel * args.k + first) * PANEL + column);
        if args.height == MR {
            tile::<A, MR, NR>(steps, lhs, (1, MR), rhs, ahead)
        } else {
            tile::<A, MR, NR>(steps, lhs, (1, args.height), rhs, ahead)
        }
    }
}

/// The sums of row `row + i`, in a tile that begins with `row`, and one panel: nothing overflows that f32 holds.
///
/// # Safety
/// The row is one of m, the panel one of ⌈n/32⌉.
#[cold]
unsafe fn sums_in_f32(args: &Args, row: usize, i: usize, panel: usize) -> [f32; PANEL] {
    let mut sums = [0.0; PANEL];
    for p in 0..args.k {
        // SAFETY: the caller's promise: both are inside the rows and panels.
        let (x, weights) = unsafe {
            let x = *args.lhs.add(row * args.k + p * args.height + i);
            (f16::from_bits(x).to_f32(), args.rhs.add((panel * args.k + p) * PANEL))
        };
        for (lane, sum) in sums.iter_mut().enumerate() {
            // SAFETY: as above; a panel's rows have 32 weights.
            let weight = unsafe { *weights.add(lane) };
            *sum = f16::from_bits(weight).to_f32().mul_add(x, *sum);
        }
    }
    sums
}

/// Computes one block.
///
/// # Safety
/// The processor has `A`; pointers are valid for the shapes that [`Args`] gives, and nobody else writes the block.
#[inline(always)]
pub(crate) unsafe fn run<A: Attend<Elem = u16>, const NR: usize>(args: &Args) {
    // SAFETY: the caller's promise; the loops stay below m and n.
    unsafe {
        for panel in 0..args.n.div_ceil(PANEL) {
            let tiles = args.m.div_ceil(args.height);
            for tile in 0..tiles {
                let row = tile * args.height;
                let rows = args.height.min(args.m - row);
                let bytes = args.k * PANEL * 2;
                let ahead = Ahead::new(
                    args.rhs.wrapping_byte_add(panel * bytes).cast(),
                    bytes,
                    args.k,
                    rows,
                    (tile, tiles),
                );
                by_rows!(rows, A::ROWS, rows_of_panel::<A, NR>(args, row, panel, ahead));
            }
        }
    }
}

/// Halves of one row divided by a power of two that brings its largest value to 8…16, `stride` apart. Returns the
/// divisor.
///
/// # Safety
/// The processor has `A`; `x` is valid for `len` values and `out` for as many halves, `stride` apart.
#[inline(always)]
pub(crate) unsafe fn halve<A: Attend<Elem = u16>>(
    len: usize,
    x: *const f32,
    out: *mut u16,
    stride: usize,
) -> f32 {
    // SAFETY: the caller's promise.
    unsafe {
        let largest = super::rows::largest::<A::F32>(len, x);
        // 2^(3 - exponent); zeros and subnormals count as the smallest normal, infinities stay what they are.
        let exponent = (largest.to_bits() >> 23).clamp(4, 250);
        let scale = f32::from_bits((254 + 3 - exponent).clamp(1, 254) << 23);
        let mut block = [0; 256];
        for first in (0..len).step_by(block.len()) {
            let count = block.len().min(len - first);
            A::convert(x.add(first), count, scale, block.as_mut_ptr());
            for (i, half) in block[..count].iter().enumerate() {
                *out.add((first + i) * stride) = *half;
            }
        }
        1.0 / scale
    }
}
