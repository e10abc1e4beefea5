//! Attention of one head over one sequence in 16-bit integers, for processors whose instruction for the dot product of
//! pairs does twice what their f32 does.
//!
//! Keys and values are rounded with one scale for the head, each query with its own. Sums of products are exact in an
//! i32, so the only errors are those roundings: a key, a value or a query is off by at most 1/11,000, 1/4,094 or
//! 1/11,000 of the largest one (heads of 64), and a weight by 1/16,382 of the row's largest. Scores, softmax and what is
//! added up over blocks of keys are f32. The softmax is online, as in [`super::attention`].

use super::{
    attention::{Args, MAX_ROWS, divide},
    math,
    simd::{Pairs, Simd},
    tile::by_rows,
};
use crate::PANEL;

/// Keys whose weighted values are summed in integers: `POWER · VALUE · KEY_BLOCK` is below 2³¹.
const KEY_BLOCK: usize = 128;
/// What the weight 1 becomes.
const POWER: f32 = 8_191.0;
/// What the largest value of a head becomes.
const VALUE: f32 = 2_047.0;
/// Query pairs from one row of the scratch to the next, where heads are not larger: a constant in the tile's addresses.
const STRIDE: usize = 64;

/// What the largest number of a key, or of a query, becomes: `head_size` products of two of them stay below 2³¹.
fn operand(head_size: usize) -> f32 {
    (f64::from(i32::MAX) / head_size as f64).sqrt().floor().min(32_767.0) as f32
}

/// How numbers become integers.
#[derive(Clone, Copy)]
struct Scale {
    /// The value of one step; NaN where a number is not finite.
    step: f32,
    inverse: f32,
}

impl Scale {
    /// That brings the largest of `rows` rows of `len` numbers, `stride` apart, to `limit`.
    #[inline(always)]
    unsafe fn new<S: Simd>(x: *const f32, rows: usize, len: usize, stride: usize, limit: f32) -> Self {
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

/// Rounds `len` numbers; an odd one out has a zero beside it.
#[inline(always)]
unsafe fn round_row<D: Pairs>(x: *const f32, len: usize, inverse: f32, to: *mut i16) {
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

/// Where the parts of the scratch are, in pairs of integers.
struct Scratch {
    /// `[⌈keys/32⌉][pairs][32]`: pairs of a key's numbers.
    keys: *mut i32,
    /// `[⌈head_size/32⌉][⌈keys/2⌉][32]`: the numbers of two keys.
    values: *mut i32,
    /// `[12][stride]`
    queries: *mut i32,
    /// `[12][KEY_BLOCK]`, as f32 once they are scaled.
    scores: *mut i32,
    /// `[12][KEY_BLOCK / 2]`
    powers: *mut i32,
    /// `[12][head_size↑32]`: weighted values so far.
    sums: *mut f32,
    /// Pairs of a row.
    pairs: usize,
    stride: usize,
}

impl Scratch {
    /// Everything is smaller than in f32, so there is room ([`super::attention::scratch_len`]).
    fn new(args: &Args) -> Self {
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
    unsafe fn pack<D: Pairs>(&self, args: &Args) -> [Scale; 2] {
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

/// The exact sums of `MR` rows and two registers of columns over `steps` pairs.
#[inline(always)]
unsafe fn tile<D: Pairs, const MR: usize>(
    steps: usize,
    lhs: *const i32,
    stride: usize,
    rhs: *const i32,
) -> [[<D::Simd as Simd>::I32; 2]; MR] {
    // SAFETY: the caller's promise: `lhs` has `MR` rows and `rhs` two registers of `steps` pairs.
    unsafe {
        let mut acc = [[D::Simd::splat_i32(0); 2]; MR];
        for p in 0..steps {
            let row = rhs.add(p * PANEL);
            let b = [D::load(row), D::load(row.add(D::Simd::LANES))];
            for (i, acc) in acc.iter_mut().enumerate() {
                let a = D::Simd::splat_i32(*lhs.add(i * stride + p));
                for (acc, b) in acc.iter_mut().zip(b) {
                    *acc = D::dot(*acc, a, b);
                }
            }
        }
        acc
    }
}

/// All keys for `MR` query rows from `query` on.
#[inline(always)]
unsafe fn query_rows<D: Pairs, const MR: usize>(
    args: &Args,
    query: usize,
    scratch: &Scratch,
    [key_scale, value_scale]: [Scale; 2],
) {
    let Args { keys, head_size, .. } = *args;
    let lanes = D::Simd::LANES;
    let (mut max, mut sum, mut factor) = ([f32::NEG_INFINITY; MR], [0.0; MR], [0.0; MR]);
    // SAFETY: the caller's promise: `query + MR <= queries`; the scratch has the room that its fields say.
    unsafe {
        for (i, factor) in factor.iter_mut().enumerate() {
            let row = args.q.add((query + i) * args.q_stride);
            let scale = Scale::new::<D::Simd>(row, 1, head_size, 0, operand(head_size));
            round_row::<D>(row, head_size, scale.inverse, scratch.queries.add(i * scratch.stride).cast());
            *factor = scale.step * key_scale.step * args.scale;
        }
        for first in (0..keys).step_by(KEY_BLOCK) {
            let count = KEY_BLOCK.min(keys - first);
            for at in (0..count).step_by(PANEL) {
                let panel = scratch.keys.add((first + at) * scratch.pairs);
                for column in (0..PANEL).step_by(2 * lanes) {
                    let (q, k) = (scratch.queries, panel.add(column));
                    let acc = if scratch.stride == STRIDE {
                        tile::<D, MR>(scratch.pairs, q, STRIDE, k)
                    } else {
                        tile::<D, MR>(scratch.pairs, q, scratch.stride, k)
                    };
                    for (i, acc) in acc.into_iter().enumerate() {
                        let to = scratch.scores.add(i * KEY_BLOCK + at + column).cast::<f32>();
                        for (j, acc) in acc.into_iter().enumerate() {
                            let score = D::Simd::mul(D::Simd::to_f32(acc), D::Simd::splat(factor[i]));
                            D::Simd::store(to.add(j * lanes), score);
                        }
                    }
                }
            }
            let before = max;
            for (i, max) in max.iter_mut().enumerate() {
                *max = largest::<D::Simd>(scratch.scores.add(i * KEY_BLOCK).cast(), count, *max);
            }
            let shrink = shrink::<D::Simd, MR>(before, max);
            for i in 0..MR {
                let scores = scratch.scores.add(i * KEY_BLOCK).cast();
                let powers = scratch.powers.add(i * KEY_BLOCK / 2).cast();
                sum[i] = sum[i] * shrink[i] + self::powers::<D>(scores, count, max[i], powers);
            }
            add_values::<D, MR>(args, (first, count), scratch, (first > 0).then_some(shrink));
        }
        for (i, sum) in sum.into_iter().enumerate() {
            let out = args.out.add((query + i) * args.out_stride);
            // What is not finite reaches every number that it was read for.
            let scale = value_scale.step + factor[i] * 0.0;
            divide::<D::Simd>(
                scratch.sums.add(i * head_size.next_multiple_of(PANEL)),
                sum / scale,
                head_size,
                out,
            );
        }
    }
}

/// The largest of a row's scores and `max`. Scores beyond `count`, up to a whole register, become minus infinity.
#[inline(always)]
unsafe fn largest<S: Simd>(scores: *mut f32, count: usize, max: f32) -> f32 {
    let padded = count.next_multiple_of(S::LANES);
    // SAFETY: the caller's promise: the row has whole registers.
    unsafe {
        for i in count..padded {
            *scores.add(i) = f32::NEG_INFINITY;
        }
        let mut largest = S::splat(max);
        for i in (0..padded).step_by(S::LANES) {
            largest = S::max(largest, S::load(scores.add(i)));
        }
        S::max_lane(largest)
    }
}

/// What earlier sums are multiplied by where the largest score has grown from `before` to `max`.
#[inline(always)]
unsafe fn shrink<S: Simd, const MR: usize>(before: [f32; MR], max: [f32; MR]) -> [f32; MR] {
    let mut steps = [0.0; PANEL];
    for (step, (before, max)) in steps.iter_mut().zip(before.iter().zip(max)) {
        *step = before - max;
    }
    // SAFETY: the caller's promise; registers are inside the array.
    unsafe {
        for i in (0..MR).step_by(S::LANES) {
            S::store(steps.as_mut_ptr().add(i), math::exp2::<S>(S::load(steps.as_ptr().add(i))));
        }
    }
    std::array::from_fn(|i| steps[i])
}

/// Powers of two relative to `max`, rounded, for `count` scores; zeros up to a whole register. Returns their sum.
#[inline(always)]
unsafe fn powers<D: Pairs>(scores: *const f32, count: usize, max: f32, to: *mut i16) -> f32 {
    // SAFETY: the caller's promise: rows have whole registers.
    unsafe {
        let (max, one) = (D::Simd::splat(max), D::Simd::splat(POWER));
        let mut sum = D::Simd::splat(0.0);
        for i in (0..count).step_by(D::Simd::LANES) {
            let power = math::exp2::<D::Simd>(D::Simd::sub(D::Simd::load(scores.add(i)), max));
            let power = D::Simd::round(D::Simd::mul(power, one));
            D::store_16(to.add(i), power);
            sum = D::Simd::add(sum, D::Simd::to_f32(power));
        }
        D::Simd::sum(sum)
    }
}

/// Adds one block's weighted values to the sums, which shrink as the largest score grew.
#[inline(always)]
unsafe fn add_values<D: Pairs, const MR: usize>(
    args: &Args,
    (first, count): (usize, usize),
    scratch: &Scratch,
    shrink: Option<[f32; MR]>,
) {
    let (padded, lanes) = (args.head_size.next_multiple_of(PANEL), D::Simd::LANES);
    // SAFETY: the caller's promise; columns beyond head_size are never stored further than the sums.
    unsafe {
        for column in (0..args.head_size).step_by(2 * lanes) {
            let panel = scratch.values.add(column / PANEL * PANEL * args.keys.div_ceil(2));
            let rhs = panel.add(first / 2 * PANEL + column % PANEL);
            let acc = tile::<D, MR>(count.div_ceil(2), scratch.powers, KEY_BLOCK / 2, rhs);
            for (i, acc) in acc.into_iter().enumerate() {
                for (j, acc) in acc.into_iter().enumerate() {
                    let sums = scratch.sums.add(i * padded + column + j * lanes);
                    let block = D::Simd::to_f32(acc);
                    let sum = match shrink {
                        Some(shrink) => {
                            D::Simd::mul_add(D::Simd::load(sums), D::Simd::splat(shrink[i]), block)
                        }
                        None => block,
                    };
                    D::Simd::store(sums, sum);
                }
            }
        }
    }
}

/// Computes one head of one sequence.
///
/// # Safety
/// The processor has `D`; pointers are valid for the shapes that [`Args`] gives, and nobody else writes `out` and
/// `scratch`.
#[inline(always)]
pub(crate) unsafe fn run<D: Pairs>(args: &Args) {
    let scratch = Scratch::new(args);
    // SAFETY: the caller's promise; the loop stays below `queries`.
    unsafe {
        let scales = scratch.pack::<D>(args);
        let (mut query, tiles) = (0, args.queries.div_ceil(D::MR));
        for tile in 0..tiles {
            let rows = (args.queries - query).div_ceil(tiles - tile);
            by_rows!(rows, query_rows::<D>(args, query, &scratch, scales));
            query += rows;
        }
    }
}
