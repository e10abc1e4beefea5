//! Keys as bytes and values as 16-bit integers, in panels, and the scratch that holds them.

use super::{KEY_BLOCK, Lanes};
use crate::{
    PANEL,
    generic::{
        attention::{Args, MAX_ROWS, next_head},
        simd::{Pairs, Simd},
    },
};

/// What the largest number of a query becomes, and the distance of the farthest key from the middle.
const BYTE: f32 = 127.0;
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
    /// That brings `largest` to `limit`; `check` is zero where all numbers are finite.
    fn to(limit: f32, largest: f32, check: f32) -> Self {
        // Subnormal numbers, whose inverse overflows, are all zero.
        let inverse = limit / largest;
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        Self { step: largest / limit + check, inverse }
    }

    /// That of a head's values.
    #[inline(always)]
    unsafe fn of_values<S: Simd>(args: &Args) -> Self {
        // SAFETY: the caller's promise: `v` has `keys` rows.
        unsafe {
            let (mut largest, mut sum) = (S::splat(0.0), S::splat(0.0));
            each_range::<S>(args.v, args, |_, [least, most, check]| {
                largest = S::max(largest, S::max(most, S::sub(S::splat(0.0), least)));
                sum = S::add(sum, check);
            });
            Self::to(VALUE, S::max_lane(largest), S::sum(sum))
        }
    }

    /// That of a head's keys, less each column's middle, which is written.
    #[inline(always)]
    unsafe fn around_middle<S: Simd>(args: &Args, middles: *mut f32) -> Self {
        // SAFETY: the caller's promise: `k` has `keys` rows, and `middles` has whole registers.
        unsafe {
            let (mut farthest, mut sum) = (S::splat(0.0), S::splat(0.0));
            each_range::<S>(args.k, args, |column, [least, most, check]| {
                // Halved before they are added: their sum need not be finite.
                let [least, most] = [S::mul(least, S::splat(0.5)), S::mul(most, S::splat(0.5))];
                S::store(middles.add(column), S::add(most, least));
                farthest = S::max(farthest, S::sub(most, least));
                sum = S::add(sum, check);
            });
            Self::to(BYTE, S::max_lane(farthest), S::sum(sum))
        }
    }
}

/// Registers of columns that are gone through together, which hides the latency of one operation.
const CHAINS: usize = 4;

/// Calls `f(column, range)` for the [`ranges`] of each register of columns of a head's keys or values.
#[inline(always)]
unsafe fn each_range<S: Simd>(x: *const f32, args: &Args, mut f: impl FnMut(usize, [S::F32; 3])) {
    let (lanes, len) = (S::LANES, args.head_size);
    let blocks = len / (CHAINS * lanes) * CHAINS * lanes;
    // SAFETY: the caller's promise: `x` has `keys` rows of `head_size` numbers.
    unsafe {
        for column in (0..blocks).step_by(CHAINS * lanes) {
            let ranges = ranges::<S, CHAINS>(x, args, column);
            for (i, range) in ranges.into_iter().enumerate() {
                f(column + i * lanes, range);
            }
        }
        for column in (blocks..len).step_by(lanes) {
            let [range] = ranges::<S, 1>(x, args, column);
            f(column, range);
        }
    }
}

/// The least and the largest number of each column of `N` registers from `column` on, and a zero that is NaN where one is not finite.
#[inline(always)]
unsafe fn ranges<S: Simd, const N: usize>(x: *const f32, args: &Args, column: usize) -> [[S::F32; 3]; N] {
    // SAFETY: the caller's promise: each row has `head_size` numbers, of several registers whole ones.
    unsafe {
        let load = |key: usize, i: usize| {
            let (row, column) = (x.add(key * args.kv_stride), column + i * S::LANES);
            if N > 1 { S::load(row.add(column)) } else { load_below::<S>(row, column, args.head_size) }
        };
        let zero = S::splat(0.0);
        let mut ranges = [[zero; 3]; N];
        for (i, [least, most, _]) in ranges.iter_mut().enumerate() {
            (*least, *most) = (load(0, i), load(0, i));
        }
        for key in 0..args.keys {
            for (i, [least, most, check]) in ranges.iter_mut().enumerate() {
                let x = load(key, i);
                (*least, *most) = (S::min(*least, x), S::max(*most, x));
                *check = S::mul_add(x, zero, *check);
            }
        }
        ranges
    }
}

/// Lanes of a square of registers, of the largest.
pub(super) const SQUARE: usize = 256;

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
    /// Rows of a register each, as many as it has lanes. Those of no query are anything.
    pub(super) square: *mut i32,
    pub(super) lanes: *mut Lanes,
    /// Groups of four numbers of a row.
    pub(super) groups: usize,
    pub(super) stride: usize,
    /// The standard deviation of a score's error in its steps, if all numbers of the query and the key were as large as the largest.
    pub(super) error: f32,
}

impl Scratch {
    /// Everything is smaller than in f32, so there is room ([`crate::generic::attention::scratch_len`]).
    pub(super) fn new(at: *mut f32, keys: usize, head_size: usize) -> Self {
        let (groups, padded) = (head_size.div_ceil(4), head_size.next_multiple_of(PANEL));
        let stride = groups.next_multiple_of(STRIDE);
        let keys_at = at.cast::<i32>();
        let values = keys_at.wrapping_add(keys.next_multiple_of(PANEL) * groups);
        let middles = values.wrapping_add(padded * keys.div_ceil(2));
        let queries = middles.wrapping_add(padded);
        let scores = queries.wrapping_add(MAX_ROWS * stride);
        let weights = scores.wrapping_add(MAX_ROWS * KEY_BLOCK);
        let sums = weights.wrapping_add(MAX_ROWS * KEY_BLOCK / 2);
        let square = sums.wrapping_add(MAX_ROWS * padded);
        Self {
            keys: keys_at,
            values,
            middles: middles.cast(),
            queries,
            scores,
            weights,
            sums: sums.cast(),
            square,
            lanes: square.wrapping_add(SQUARE).cast(),
            groups,
            stride,
            // Roundings are off by a step / √12, and multiply numbers of at most BYTE steps: 2d of them for a score.
            error: BYTE * (head_size as f32 / 6.0).sqrt(),
        }
    }

    /// Keys and values in panels. Returns their scales.
    #[inline(always)]
    pub(super) unsafe fn pack<D: Pairs>(&self, args: &Args) -> [Scale; 2] {
        let Args { keys, head_size, kv_stride, k, .. } = *args;
        let lanes = D::Simd::LANES;
        // SAFETY: `k` and `v` have `keys` rows, panels have room for whole panels of keys and columns; what the queries,
        // their scores, weights and sums will use holds 32 rows of groups.
        unsafe {
            let key = Scale::around_middle::<D::Simd>(args, self.middles);
            let value = Scale::of_values::<D::Simd>(args);
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
            self.pack_values::<D>(args, value);
            [key, value]
        }
    }

    /// Two rows of 16-bit integers in each row of a panel.
    #[inline(always)]
    unsafe fn pack_values<D: Pairs>(&self, args: &Args, scale: Scale) {
        let Args { keys, head_size, kv_stride, v, .. } = *args;
        let (lanes, pairs) = (D::Simd::LANES, keys.div_ceil(2));
        // SAFETY: the caller's promise, as above.
        unsafe {
            let factor = D::Simd::splat(scale.inverse);
            for first in (0..head_size).step_by(PANEL) {
                let panel = self.values.add(first * pairs);
                for column in (first..head_size.min(first + PANEL)).step_by(lanes) {
                    let round = |key: usize| {
                        let x = load_below::<D::Simd>(v.add(key * kv_stride), column, head_size);
                        D::Simd::round(D::Simd::mul(x, factor))
                    };
                    let to = panel.add(column - first);
                    for pair in 0..keys / 2 {
                        D::store(to.add(pair * PANEL), D::pair(round(2 * pair), round(2 * pair + 1)));
                    }
                    if !keys.is_multiple_of(2) {
                        let last = D::pair(round(keys - 1), D::Simd::splat_i32(0));
                        D::store(to.add((pairs - 1) * PANEL), last);
                    }
                }
            }
        }
    }
}

/// Rounds the numbers of a key to unsigned bytes. What is left of the last group of four meets a query's zeros.
#[inline(always)]
unsafe fn round_key<D: Pairs>(x: *const f32, len: usize, (middles, inverse): (*const f32, f32), to: *mut u8) {
    let lanes = D::Simd::LANES;
    let (blocks, whole) = (len / (4 * lanes) * 4 * lanes, len / lanes * lanes);
    // SAFETY: the caller's promise: `x` and `middles` have `len` numbers, and `to` room for as many.
    unsafe {
        let factor = D::Simd::splat(inverse);
        let round = |i: usize| {
            let from_middle = D::Simd::sub(D::Simd::load(x.add(i)), D::Simd::load(middles.add(i)));
            D::Simd::round(D::Simd::mul(from_middle, factor))
        };
        for i in (0..blocks).step_by(4 * lanes) {
            let v = [round(i), round(i + lanes), round(i + 2 * lanes), round(i + 3 * lanes)];
            D::store_four_u8(to.add(i), v);
        }
        for i in (blocks..whole).step_by(lanes) {
            D::Simd::store_i8(to.add(i).cast(), D::Simd::add_i32(round(i), D::Simd::splat_i32(OFFSET)));
        }
        for i in whole..len {
            let rounded = ((*x.add(i) - *middles.add(i)) * inverse).round_ties_even();
            *to.add(i) = (rounded as i32 + OFFSET) as u8;
        }
    }
}

/// Rounds the numbers of `MR` queries from `query` on, with zeros beyond the last. Returns the value of a step of each, lane by lane;
/// what is not finite makes one that is not.
#[inline(always)]
pub(super) unsafe fn round_queries<D: Pairs, const MR: usize>(
    args: &Args,
    query: usize,
    scratch: &Scratch,
) -> <D::Simd as Simd>::F32 {
    let (lanes, len, square) = (D::Simd::LANES, args.head_size, scratch.square);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generic::attention::scratch_len;

    #[test]
    fn the_scratch_of_f32_is_large_enough() {
        for keys in [1, 31, 32, 33, 512, 2048] {
            for head_size in [1, 4, 20, 32, 33, 64, 127, 128, 129, 256, 1000] {
                let start = std::ptr::null_mut();
                let scratch = Scratch::new(start, keys, head_size);
                let end = scratch.lanes.wrapping_add(1).addr();
                assert!(end <= 4 * scratch_len(keys, head_size), "{keys} keys of {head_size}");
                assert!(scratch.lanes.addr().is_multiple_of(align_of::<Lanes>()));
            }
        }
    }
}
