//! Keys as bytes and values as 16-bit integers, in panels, and the scratch that holds them.

use super::KEY_BLOCK;
use crate::{
    PANEL,
    generic::{
        attention::{Args, MAX_ROWS, next_head},
        simd::{Pairs, Simd},
    },
};

/// What the largest number of a query becomes, and the distance of the farthest key from the middle.
pub(super) const BYTE: f32 = 127.0;
/// What a key's byte is larger by than the number that it stands for: one operand of the hardware's product is unsigned. All
/// scores of a query are larger by the same.
const OFFSET: i32 = 128;
/// What the largest value of a head becomes.
const VALUE: f32 = 1_023.0;
/// Groups of four bytes from one query of the scratch to the next, where heads are not larger: a constant in the tile's
/// addresses.
pub(super) const STRIDE: usize = 32;

/// How numbers become integers.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    /// The value of one step; NaN where a number is not finite.
    pub(super) step: f32,
    inverse: f32,
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
            Self::to(limit, largest, S::sum(check) + tail_check)
        }
    }

    /// That brings `largest` to `limit`; `check` is zero where all numbers are finite.
    fn to(limit: f32, largest: f32, check: f32) -> Self {
        // Subnormal numbers, whose inverse overflows, are all zero.
        let inverse = limit / largest;
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        Self { step: largest / limit + check, inverse }
    }

    /// That of rows of keys, less each column's middle, which is written.
    #[inline(always)]
    unsafe fn around_middle<S: Simd>(args: &Args, middles: *mut f32) -> Self {
        // SAFETY: the caller's promise: `k` has `keys` rows, and `middles` has whole registers.
        unsafe {
            let (zero, half) = (S::splat(0.0), S::splat(0.5));
            let (mut farthest, mut check) = (zero, zero);
            for column in (0..args.head_size).step_by(S::LANES) {
                let load = |key| load_below::<S>(args.k.add(key * args.kv_stride), column, args.head_size);
                let (mut least, mut most) = (load(0), load(0));
                for key in 0..args.keys {
                    let x = load(key);
                    (least, most) = (S::min(least, x), S::max(most, x));
                    check = S::mul_add(x, zero, check);
                }
                // Halved before they are added: their sum need not be finite.
                let (least, most) = (S::mul(least, half), S::mul(most, half));
                S::store(middles.add(column), S::add(most, least));
                farthest = S::max(farthest, S::sub(most, least));
            }
            Self::to(BYTE, S::max_lane(farthest), S::sum(check))
        }
    }
}

/// Where the parts of the scratch are. A lane is four bytes, or two integers of 16 bits.
pub(super) struct Scratch {
    /// `[⌈keys/32⌉][groups][32]`: four of a key's numbers.
    pub(super) keys: *mut i32,
    /// `[⌈head_size/32⌉][⌈keys/2⌉][32]`: the numbers of two keys.
    pub(super) values: *mut i32,
    /// `[head_size↑32]`: the middle of each column of the keys.
    middles: *mut f32,
    /// `[12][stride]`
    pub(super) queries: *mut i32,
    /// `[12][KEY_BLOCK]`
    pub(super) scores: *mut i32,
    /// `[12][KEY_BLOCK / 2]`
    pub(super) weights: *mut i32,
    /// `[12][head_size↑32]`: weighted values so far.
    pub(super) sums: *mut f32,
    /// Groups of four numbers of a row.
    pub(super) groups: usize,
    pub(super) stride: usize,
}

impl Scratch {
    /// Everything is smaller than in f32, so there is room ([`crate::generic::attention::scratch_len`]).
    pub(super) fn new(args: &Args) -> Self {
        let Args { keys, head_size, .. } = *args;
        let (groups, padded) = (head_size.div_ceil(4), head_size.next_multiple_of(PANEL));
        let stride = groups.next_multiple_of(STRIDE);
        let keys_at = args.scratch.cast::<i32>();
        let values = keys_at.wrapping_add(keys.next_multiple_of(PANEL) * groups);
        let middles = values.wrapping_add(padded * keys.div_ceil(2));
        let queries = middles.wrapping_add(padded);
        let scores = queries.wrapping_add(MAX_ROWS * stride);
        let weights = scores.wrapping_add(MAX_ROWS * KEY_BLOCK);
        let sums = weights.wrapping_add(MAX_ROWS * KEY_BLOCK / 2).cast();
        Self {
            keys: keys_at,
            values,
            middles: middles.cast(),
            queries,
            scores,
            weights,
            sums,
            groups,
            stride,
        }
    }

    /// Keys and values in panels. Returns their scales.
    #[inline(always)]
    pub(super) unsafe fn pack<D: Pairs>(&self, args: &Args) -> [Scale; 2] {
        let Args { keys, head_size, kv_stride, k, v, .. } = *args;
        let lanes = D::Simd::LANES;
        // SAFETY: `k` and `v` have `keys` rows, panels have room for whole panels of keys and columns; what the queries,
        // their scores, weights and sums will use holds 32 rows of groups.
        unsafe {
            let key = Scale::around_middle::<D::Simd>(args, self.middles);
            let value = Scale::new::<D::Simd>(v, keys, head_size, kv_stride, VALUE);
            for first in (0..keys).step_by(PANEL) {
                let count = PANEL.min(keys - first);
                for row in 0..count {
                    let from = k.add((first + row) * kv_stride);
                    let to = self.queries.add(row * self.groups).cast();
                    round_key::<D>(from, head_size, (self.middles, key.inverse), to);
                    next_head(from, args.kv_head, head_size);
                }
                // Lanes beyond the last key repeat it.
                let row = |lane: usize| self.queries.wrapping_add(lane.min(count - 1) * self.groups);
                let rows: [*const f32; PANEL] = std::array::from_fn(|lane| row(lane).cast_const().cast());
                let panel = self.keys.add(first * self.groups).cast::<f32>();
                for (i, rows) in rows.chunks_exact(lanes).enumerate() {
                    D::Simd::transpose(rows, self.groups, panel.add(i * lanes), PANEL);
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

/// Rounds the numbers of a key to unsigned bytes. What is left of the last group of four meets a query's zeros.
#[inline(always)]
unsafe fn round_key<D: Pairs>(x: *const f32, len: usize, (middles, inverse): (*const f32, f32), to: *mut i8) {
    let whole = len / D::Simd::LANES * D::Simd::LANES;
    // SAFETY: the caller's promise: `x` and `middles` have `len` numbers, and `to` room for as many.
    unsafe {
        let (factor, offset) = (D::Simd::splat(inverse), D::Simd::splat_i32(OFFSET));
        for i in (0..whole).step_by(D::Simd::LANES) {
            let from_middle = D::Simd::sub(D::Simd::load(x.add(i)), D::Simd::load(middles.add(i)));
            let rounded = D::Simd::round(D::Simd::mul(from_middle, factor));
            D::Simd::store_i8(to.add(i), D::Simd::add_i32(rounded, offset));
        }
        for i in whole..len {
            let rounded = ((*x.add(i) - *middles.add(i)) * inverse).round_ties_even();
            *to.add(i) = (rounded as i32 + OFFSET) as i8;
        }
    }
}

/// Rounds the numbers of `MR` queries from `query` on, with zeros beyond the last. Returns the value of a step of each, lane by lane;
/// what is not finite makes one that is not. `square` has room for a register of each, and zeros for the other lanes.
#[inline(always)]
pub(super) unsafe fn round_queries<D: Pairs, const MR: usize>(
    args: &Args,
    query: usize,
    scratch: &Scratch,
    square: *mut i32,
) -> <D::Simd as Simd>::F32 {
    let (lanes, len) = (D::Simd::LANES, args.head_size);
    // SAFETY: the caller's promise: the queries have `head_size` numbers, and the scratch has room for whole registers.
    unsafe {
        let row = args.q.add(query * args.q_stride);
        for i in 0..MR {
            let row = row.add(i * args.q_stride);
            next_head(row, args.q_head, len);
            let mut largest = D::Simd::splat_i32(0);
            // As integers, numbers without a sign have the order that they have as numbers; what is no number is the largest.
            for column in (0..len).step_by(lanes) {
                let x = D::Simd::abs(load_below::<D::Simd>(row, column, len));
                largest = D::max(largest, D::as_i32(x));
            }
            D::store(square.add(i * lanes), largest);
        }
        let largest = D::as_f32(D::max_of_rows(square));
        let mut inverses = [0.0; PANEL];
        D::Simd::store(inverses.as_mut_ptr(), D::Simd::div(D::Simd::splat(BYTE), largest));
        for (i, &inverse) in inverses[..MR].iter().enumerate() {
            // Subnormal numbers, whose inverse overflows, are all zero.
            let factor = D::Simd::splat(if inverse.is_finite() { inverse } else { 0.0 });
            let (row, to) =
                (row.add(i * args.q_stride), scratch.queries.add(i * scratch.stride).cast::<i8>());
            for column in (0..len).step_by(lanes) {
                let x = load_below::<D::Simd>(row, column, len);
                D::Simd::store_i8(to.add(column), D::Simd::round(D::Simd::mul(x, factor)));
            }
        }
        D::Simd::div(largest, D::Simd::splat(BYTE))
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
