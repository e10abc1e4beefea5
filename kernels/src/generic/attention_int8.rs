//! Attention of one head over one sequence in integers, for processors with instructions for their dot products: scores from
//! bytes, weighted values from pairs of 16 bits.
//!
//! What all keys have in common does not change a softmax, so each column of the keys loses the middle of its range. Keys are
//! then rounded with one scale for the head, each query with its own: a key is off by at most 1/254 of the farthest one's
//! distance from the middle, a query by 1/254 of its largest number. Weights are rounded to 1/8,192 of the row's largest so far,
//! values to 1/1,023 of the head's largest: eight bits are too few for them (`kernels/README.md` has what each costs). Sums of
//! products are exact in an i32; softmax and what is added up over blocks of keys are f32. The softmax is online, as in
//! [`super::attention`].

use self::panels::{BYTE, STRIDE, Scale, Scratch, round_query};
use super::{
    attention::{Args, divide, exp2_rows, next_head},
    simd::{Pairs, Simd},
    tile::by_rows,
};
use crate::PANEL;

mod panels;

/// Keys whose weighted values are summed in integers: `8,192 · VALUE · KEY_BLOCK` is below 2³¹.
const KEY_BLOCK: usize = 256;
/// Steps of an exponent of 2, and what is added to it, as [`Pairs::exp2_pairs`] wants them.
const EXPONENT_STEPS: f32 = 4_096.0;
const LARGEST_EXPONENT: f32 = 7.0;
/// A panel of ones, then one of zeros: from where of it a panel is read says how many of its numbers count.
const ONES: [i16; 2 * PANEL] = {
    let mut ones = [0; 2 * PANEL];
    let mut i = 0;
    while i < PANEL {
        ones[i] = 1;
        i += 1;
    }
    ones
};
/// Parts of an exponent of 2 that scores are rounded to where a bias is added to them.
const FIXED: f32 = 4_096.0;
/// The largest such exponent: differences of two stay in an i32.
const LARGEST: f32 = 131_072.0;

/// The largest standard deviation that rounding queries and keys may leave in a score, as an exponent of 2, if all their numbers
/// were as large as the largest. Where a query's is larger its head is left to f32. The largest of 25,000 heads of a trained model
/// (6 layers, 352 comments) has 0.35.
const MAX_ERROR: f32 = 0.5;

/// What a lane of a tile's operands holds: four bytes, or two numbers of 16 bits.
const BYTES: bool = true;
const PAIRS: bool = false;

/// The exact sums of `MR` rows and two registers of columns over `steps` lanes of two pairs of 16 bits, or of four bytes.
#[inline(always)]
unsafe fn tile<D: Pairs, const BYTES: bool, const MR: usize>(
    steps: usize,
    lhs: *const i32,
    stride: usize,
    rhs: *const i32,
) -> [[<D::Simd as Simd>::I32; 2]; MR] {
    // SAFETY: the caller's promise: `lhs` has `MR` rows and `rhs` two registers of `steps` lanes.
    unsafe {
        let mut acc = [[D::Simd::splat_i32(0); 2]; MR];
        for p in 0..steps {
            let row = rhs.add(p * PANEL);
            let b = [D::load(row), D::load(row.add(D::Simd::LANES))];
            for (i, acc) in acc.iter_mut().enumerate() {
                let a = D::Simd::splat_i32(*lhs.add(i * stride + p));
                for (acc, b) in acc.iter_mut().zip(b) {
                    *acc = if BYTES { D::dot_bytes(*acc, b, a) } else { D::dot(*acc, a, b) };
                }
            }
        }
        acc
    }
}

/// All keys for `MR` query rows from `query` on. Returns whether the results are finite, and as near as [`MAX_ERROR`] says.
#[inline(always)]
unsafe fn query_rows<D: Pairs, const MR: usize>(
    args: &Args,
    query: usize,
    scratch: &Scratch,
    [key_scale, value_scale]: [Scale; 2],
) -> bool {
    let Args { keys, head_size, .. } = *args;
    let (mut max, mut sum, mut factor) = ([i32::MIN; MR], [0.0; MR], [0.0; MR]);
    // SAFETY: the caller's promise: `query + MR <= queries`; the scratch has the room that its fields say.
    unsafe {
        for (i, factor) in factor.iter_mut().enumerate() {
            let row = args.q.add((query + i) * args.q_stride);
            next_head(row, args.q_head, head_size);
            let scale = round_query::<D>(row, head_size, scratch.queries.add(i * scratch.stride).cast());
            *factor = scale.step * key_scale.step * args.scale;
        }
        // Roundings are off by a step / √12, and multiply numbers of at most BYTE steps: 2d of them for a score.
        let error = BYTE * (head_size as f32 / 6.0).sqrt();
        let is_near = factor.iter().all(|factor| factor * error <= MAX_ERROR);
        // What a step of a score is as an exponent of 2.
        let unit = if args.bias.is_some() { [1.0 / FIXED; MR] } else { factor };
        for first in (0..keys).step_by(KEY_BLOCK) {
            let count = KEY_BLOCK.min(keys - first);
            scores::<D, MR>((first, count), scratch);
            if let Some(bias) = &args.bias {
                for (i, &factor) in factor.iter().enumerate() {
                    let bias = bias.row(query + i, first);
                    add_bias::<D>(scratch.scores.add(i * KEY_BLOCK), count, factor, bias);
                }
            }
            let before = max;
            for (i, max) in max.iter_mut().enumerate() {
                *max = largest::<D>(scratch.scores.add(i * KEY_BLOCK), count, *max);
            }
            let shrink = exp2_rows::<D::Simd, MR>(|i| before[i].wrapping_sub(max[i]) as f32 * unit[i]);
            for i in 0..MR {
                let scores = scratch.scores.add(i * KEY_BLOCK);
                let powers = scratch.powers.add(i * KEY_BLOCK / 2);
                let block = self::powers::<D>(scores, count, max[i], unit[i], powers);
                sum[i] = if first == 0 { block } else { sum[i] * shrink[i] + block };
            }
            add_values::<D, MR>(args, (first, count), scratch, (first > 0).then_some(&shrink));
        }
        let mut check = D::Simd::splat(0.0);
        for (i, sum) in sum.into_iter().enumerate() {
            let out = args.out.add((query + i) * args.out_stride);
            let sums = scratch.sums.add(i * head_size.next_multiple_of(PANEL));
            // What is not finite reaches every number that it was read for.
            let scale = value_scale.step + factor[i] * 0.0;
            check = divide::<D::Simd>(sums, sum / scale, head_size, out, check);
        }
        is_near && D::Simd::sum(check) == 0.0
    }
}

/// The scores of `MR` queries for `count` keys from `first` on, up to a whole panel of them.
#[inline(always)]
unsafe fn scores<D: Pairs, const MR: usize>((first, count): (usize, usize), scratch: &Scratch) {
    let lanes = D::Simd::LANES;
    // SAFETY: the caller's promise: the keys' panels are there, and rows of scores have whole panels.
    unsafe {
        for at in (0..count).step_by(PANEL) {
            let panel = scratch.keys.add((first + at) * scratch.groups);
            for column in (0..PANEL).step_by(2 * lanes) {
                let (q, k) = (scratch.queries, panel.add(column));
                let acc = if scratch.stride == STRIDE {
                    tile::<D, BYTES, MR>(scratch.groups, q, STRIDE, k)
                } else {
                    tile::<D, BYTES, MR>(scratch.groups, q, scratch.stride, k)
                };
                for (i, acc) in acc.into_iter().enumerate() {
                    let to = scratch.scores.add(i * KEY_BLOCK + at + column);
                    for (j, acc) in acc.into_iter().enumerate() {
                        D::store(to.add(j * lanes), acc);
                    }
                }
            }
        }
    }
}

/// Makes scores, whose steps are `factor`, ones with steps of 1/[`FIXED`], `bias` added.
#[inline(always)]
unsafe fn add_bias<D: Pairs>(scores: *mut i32, count: usize, factor: f32, bias: *const f32) {
    // SAFETY: the caller's promise: both rows have whole registers.
    unsafe {
        let (factor, fixed) = (D::Simd::splat(factor), D::Simd::splat(FIXED));
        let (least, most) = (D::Simd::splat(-LARGEST), D::Simd::splat(LARGEST));
        for i in (0..count).step_by(D::Simd::LANES) {
            let score = D::Simd::to_f32(D::load(scores.add(i)));
            let sum = D::Simd::mul_add(score, factor, D::Simd::load(bias.add(i)));
            let sum = D::Simd::max(least, D::Simd::min(most, sum));
            D::store(scores.add(i), D::Simd::round(D::Simd::mul(sum, fixed)));
        }
    }
}

/// The largest of a row's scores and `max`. Scores beyond `count`, up to a whole register, become one that is not larger.
#[inline(always)]
unsafe fn largest<D: Pairs>(scores: *mut i32, count: usize, max: i32) -> i32 {
    // SAFETY: the caller's promise: the row has whole registers.
    unsafe {
        for i in count..count.next_multiple_of(D::Simd::LANES) {
            *scores.add(i) = *scores;
        }
        let mut largest = D::Simd::splat_i32(max);
        for i in (0..count).step_by(D::Simd::LANES) {
            largest = D::max(largest, D::load(scores.add(i)));
        }
        D::max_lane(largest)
    }
}

/// Weights of `count` scores with steps of `unit`: powers of two relative to `max`, rounded, up to a whole panel. Returns their sum,
/// without those beyond `count`, which meet values of zero.
#[inline(always)]
unsafe fn powers<D: Pairs>(scores: *const i32, count: usize, max: i32, unit: f32, to: *mut i32) -> f32 {
    const { assert!(2 * D::Simd::LANES == PANEL) };
    // SAFETY: the caller's promise: rows have whole panels.
    unsafe {
        let (max, unit) = (D::Simd::splat_i32(max.wrapping_neg()), D::Simd::splat(unit * EXPONENT_STEPS));
        let (largest, mut sum) = (D::Simd::splat(EXPONENT_STEPS * LARGEST_EXPONENT), D::Simd::splat_i32(0));
        let ones = ONES.as_ptr().add(PANEL);
        for i in (0..count).step_by(PANEL) {
            let low = exponents::<D>(scores.add(i), max, unit, largest);
            let high = exponents::<D>(scores.add(i + D::Simd::LANES), max, unit, largest);
            let weights = D::exp2_pairs(low, high);
            D::store(to.add(i / 2), weights);
            sum = D::dot(sum, weights, D::load(ones.sub(PANEL.min(count - i)).cast()));
        }
        D::Simd::sum_i32(sum) as f32
    }
}

/// `largest + unit · (score + offset)`, rounded, of a register of scores.
#[inline(always)]
unsafe fn exponents<D: Pairs>(
    scores: *const i32,
    offset: <D::Simd as Simd>::I32,
    unit: <D::Simd as Simd>::F32,
    largest: <D::Simd as Simd>::F32,
) -> <D::Simd as Simd>::I32 {
    // SAFETY: the caller's promise.
    unsafe {
        let below = D::Simd::to_f32(D::Simd::add_i32(D::load(scores), offset));
        D::Simd::round(D::Simd::mul_add(below, unit, largest))
    }
}

/// Adds one block's weighted values to the sums, which shrink as the largest score grew.
#[inline(always)]
unsafe fn add_values<D: Pairs, const MR: usize>(
    args: &Args,
    (first, count): (usize, usize),
    scratch: &Scratch,
    shrink: Option<&[f32; MR]>,
) {
    let (padded, lanes) = (args.head_size.next_multiple_of(PANEL), D::Simd::LANES);
    // SAFETY: the caller's promise; columns beyond head_size are never stored further than the sums.
    unsafe {
        for column in (0..args.head_size).step_by(2 * lanes) {
            let panel = scratch.values.add(column / PANEL * PANEL * args.keys.div_ceil(2));
            let rhs = panel.add(first / 2 * PANEL + column % PANEL);
            let acc = tile::<D, PAIRS, MR>(count.div_ceil(2), scratch.powers, KEY_BLOCK / 2, rhs);
            for (i, acc) in acc.iter().enumerate() {
                for (j, &acc) in acc.iter().enumerate() {
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

/// Computes one head of one sequence. Returns whether the results are what they should be: finite, and near enough.
///
/// # Safety
/// The processor has `D`; pointers are valid for the shapes that [`Args`] gives, and nobody else writes `out` and
/// `scratch`.
#[inline(always)]
pub(crate) unsafe fn run<D: Pairs>(args: &Args) -> bool {
    let scratch = Scratch::new(args);
    // SAFETY: the caller's promise; the loop stays below `queries`.
    unsafe {
        let scales = scratch.pack::<D>(args);
        let (mut query, tiles, mut is_good) = (0, args.queries.div_ceil(D::MR), true);
        for tile in 0..tiles {
            let rows = (args.queries - query).div_ceil(tiles - tile);
            is_good &= by_rows!(rows, D::MR, query_rows::<D>(args, query, &scratch, scales));
            query += rows;
        }
        is_good
    }
}
