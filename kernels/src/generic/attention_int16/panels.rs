//! Keys and values as 16-bit integers in panels, and the scratch that holds them.

use super::KEY_BLOCK;
use crate::{
    PANEL,
    generic::{
        attention::{Args, MAX_ROWS},
        simd::{Pairs, Simd},
    },
};

/// What the largest value of a head becomes.
const VALUE: f32 = 2_047.0;
/// Query pairs from one row of the scratch to the next, where heads are not larger: a constant in the tile's addresses.
pub(super) const STRIDE: usize = 64;

/// What the largest number of a key, or of a query, becomes: `head_size` products of two of them stay below 2³¹.
pub(super) fn operand(head_size: usize) -> f32 {
    (f64::from(i32::MAX) / head_size as f64).sqrt().floor().min(32_767.0) as f32
}

/// How numbers become integers.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    /// The value of one step; NaN where a number is not finite.
    pub(super) step: f32,
    pub(super) inverse: f32,
}

impl Scale {
    /// That brings the largest of `rows` rows of `len` numbers, `stride` apart, to `limit`.
    #[inline(always)]
    pub(super) unsafe fn new<S: Simd>(
        x: *const f32,
        rows: usize,
        len: usize,
        stride: usize,
        limit: f32,
    ) -> Self {
        let whole = len / S::LANES * S::LANES;
        // SAFETY: the caller's promise: the rows are there.
        unsafe {
            let (zero, mut tail, mut tail_check) = (S::splat(0.0), 0.0_f32, 0.0);
            let (mut largest, mut check) = (zero, zero);
            for row in 0..rows {
                let x = x.add(row * stride);
                for i in (0..whole).step_by(S::LANES) {
                    let x = S::load(x.add(i));
                    largest = S::max(largest, S::abs(x));
                    check = S::mul_add(x, zero, check);
                }
                for i in whole..len {
                    tail = tail.max((*x.add(i)).abs());
                    tail_check += *x.add(i) * 0.0;
                }
            }
            let largest = S::max_lane(largest).max(tail);
            // Subnormal numbers, whose inverse overflows, are all zero.
            let inverse = limit / largest;
            let inverse = if inverse.is_finite() { inverse } else { 0.0 };
            Self { step: largest / limit + (S::sum(check) + tail_check), inverse }
        }
    }
}

/// Where the parts of the scratch are, in pairs of integers.
pub(super) struct Scratch {
    /// `[⌈keys/32⌉][pairs][32]`: pairs of a key's numbers.
    pub(super) keys: *mut i32,
    /// `[⌈head_size/32⌉][⌈keys/2⌉][32]`: the numbers of two keys.
    pub(super) values: *mut i32,
    /// `[12][stride]`
    pub(super) queries: *mut i32,
    /// `[12][KEY_BLOCK]`, as f32 once they are scaled.
    pub(super) scores: *mut i32,
    /// `[12][KEY_BLOCK / 2]`
    pub(super) powers: *mut i32,
    /// `[12][head_size↑32]`: weighted values so far.
    pub(super) sums: *mut f32,
    /// Pairs of a row.
    pub(super) pairs: usize,
    pub(super) stride: usize,
}

impl Scratch {
    /// Everything is smaller than in f32, so there is room ([`crate::generic::attention::scratch_len`]).
    pub(super) fn new(args: &Args) -> Self {
        let Args { keys, head_size, .. } = *args;
        let pairs = head_size.div_ceil(2);
        let stride = pairs.max(STRIDE);
        let keys_at = args.scratch.cast::<i32>();
        let values = keys_at.wrapping_add(keys.next_multiple_of(PANEL) * pairs);
        let queries = values.wrapping_add(head_size.next_multiple_of(PANEL) * keys.div_ceil(2));
        let scores = queries.wrapping_add(MAX_ROWS * stride);
        let powers = scores.wrapping_add(MAX_ROWS * KEY_BLOCK);
        let sums = powers.wrapping_add(MAX_ROWS * KEY_BLOCK / 2).cast();
        Self { keys: keys_at, values, queries, scores, powers, sums, pairs, stride }
    }

    /// Keys and values in panels. Returns their scales.
    #[inline(always)]
    pub(super) unsafe fn pack<D: Pairs>(&self, args: &Args) -> [Scale; 2] {
        let Args { keys, head_size, kv_stride, k, v, .. } = *args;
        let lanes = D::Simd::LANES;
        // SAFETY: `k` and `v` have `keys` rows, panels have room for whole panels of keys and columns; what the queries
        // and their scores will use holds 32 rows of pairs.
        unsafe {
            let key = Scale::new::<D::Simd>(k, keys, head_size, kv_stride, operand(head_size));
            let value = Scale::new::<D::Simd>(v, keys, head_size, kv_stride, VALUE);
            for first in (0..keys).step_by(PANEL) {
                let count = PANEL.min(keys - first);
                for row in 0..count {
                    let to = self.queries.add(row * self.pairs).cast();
                    round_row::<D>(k.add((first + row) * kv_stride), head_size, key.inverse, to);
                }
                // Lanes beyond the last key repeat it.
                let row = |lane: usize| self.queries.wrapping_add(lane.min(count - 1) * self.pairs);
                let rows: [*const f32; PANEL] = std::array::from_fn(|lane| row(lane).cast_const().cast());
                let panel = self.keys.add(first * self.pairs).cast::<f32>();
                for (i, rows) in rows.chunks_exact(lanes).enumerate() {
                    D::Simd::transpose(rows, self.pairs, panel.add(i * lanes), PANEL);
                }
            }
            let factor = D::Simd::splat(value.inverse);
            for pair in 0..keys.div_ceil(2) {
                let (even, odd) = (v.add(2 * pair * kv_stride), v.wrapping_add((2 * pair + 1) * kv_stride));
                for first in (0..head_size).step_by(lanes) {
                    let panel = self.values.add(first / PANEL * PANEL * keys.div_ceil(2));
                    let to = panel.add(pair * PANEL + first % PANEL);
                    let round = |row: *const f32| {
                        D::Simd::round(D::Simd::mul(load_below::<D::Simd>(row, first, head_size), factor))
                    };
                    let odd = if 2 * pair + 1 < keys { round(odd) } else { D::Simd::splat_i32(0) };
                    D::store(to, D::pair(round(even), odd));
                }
            }
            [key, value]
        }
    }
}

/// Rounds `len` numbers; an odd one out has a zero beside it.
#[inline(always)]
pub(super) unsafe fn round_row<D: Pairs>(x: *const f32, len: usize, inverse: f32, to: *mut i16) {
    let whole = len / D::Simd::LANES * D::Simd::LANES;
    // SAFETY: the caller's promise: `x` has `len` numbers, `to` room for as many and, if they are odd, one more.
    unsafe {
        let factor = D::Simd::splat(inverse);
        for i in (0..whole).step_by(D::Simd::LANES) {
            D::store_16(to.add(i), D::Simd::round(D::Simd::mul(D::Simd::load(x.add(i)), factor)));
        }
        for i in whole..len {
            *to.add(i) = (*x.add(i) * inverse).round_ties_even() as i16;
        }
        if len % 2 == 1 {
            *to.add(len) = 0;
        }
    }
}

/// A register at `column` of a row of `n` numbers; zeros at `n` and beyond.
#[inline(always)]
unsafe fn load_below<S: Simd>(row: *const f32, column: usize, n: usize) -> S::F32 {
    // SAFETY: the caller's promise: the row has `n` numbers.
    unsafe {
        if column + S::LANES <= n {
            return S::load(row.add(column));
        }
        let mut lanes = [0.0; PANEL];
        lanes.as_mut_ptr().copy_from_nonoverlapping(row.add(column), n - column);
        S::load(lanes.as_ptr())
    }
}
