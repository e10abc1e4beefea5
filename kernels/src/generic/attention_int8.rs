//! Attention of one head over one sequence in integers, for processors with instructions for their dot products: scores from
//! bytes, weighted values from pairs of 16 bits.
//!
//! What all keys have in common does not change a softmax, so each column of the keys loses the middle of its range. Keys are
//! then rounded with one scale for the head, each query with its own: a key is off by at most 1/254 of the farthest one's
//! distance from the middle, a query by 1/254 of its largest number. Weights are rounded to 1/8,192 of the row's largest so far
//! (and are off by at most 2.5e-4 of themselves), values to 1/1,023 of the head's largest: eight bits are too few for them (`kernels/README.md` has what each costs). Sums of
//! products are exact in an i32; softmax and what is added up over blocks of keys are f32. The softmax is online, as in
//! [`super::attention`].

use self::{
    panels::{SQUARE, STRIDE, Scale, Scratch, round_queries},
    softmax::{EXPONENT_STEPS, LARGEST_EXPONENT, add_bias, largest, weights},
};
use super::{
    attention::{Args, divide},
    math,
    simd::{Pairs, Simd},
    tile::by_rows,
};
use crate::PANEL;

mod panels;
mod softmax;

/// Keys whose weighted values are summed in integers: `8,192 · VALUE · KEY_BLOCK` is below 2³¹.
const KEY_BLOCK: usize = 256;
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

/// What there is of each query of a tile, to be read one by one.
#[repr(C, align(64))]
struct Lanes {
    /// What a step of a product of bytes is as an exponent of 2.
    factor: [f32; PANEL],
    /// What a step of a score is in steps of the exponent, and what is added so that the largest so far has the largest exponent. In f32
    /// both are as exact as scores in f32 would be.
    unit: [f32; PANEL],
    offset: [f32; PANEL],
    /// What the sums before the last block were multiplied with.
    shrink: [f32; PANEL],
    sum: [f32; PANEL],
}

/// All keys for `MR` query rows from `query` on. Returns whether the results are finite, and as near as [`MAX_ERROR`] says.
#[inline(always)]
unsafe fn query_rows<D: Pairs, const MR: usize>(
    args: &Args,
    query: usize,
    scratch: &Scratch,
    [key_scale, value_scale]: [Scale; 2],
) -> bool {
    const { assert!(MR <= D::Simd::LANES && D::Simd::LANES * D::Simd::LANES <= SQUARE) };
    let Args { keys, head_size, .. } = *args;
    // SAFETY: the caller's promise: `query + MR <= queries`; the scratch has the room that its fields say.
    unsafe {
        let (square, lanes) = (scratch.square, &mut *scratch.lanes);
        let step = round_queries::<D, MR>(args, query, scratch);
        let factor =
            D::Simd::mul(D::Simd::mul(step, D::Simd::splat(key_scale.step)), D::Simd::splat(args.scale));
        D::Simd::store(lanes.factor.as_mut_ptr(), factor);
        let is_near = lanes.factor[..MR].iter().all(|factor| factor * scratch.error <= MAX_ERROR);
        // What a step of a score is as an exponent of 2.
        let unit = if args.bias.is_some() { D::Simd::splat(1.0 / EXPONENT_STEPS) } else { factor };
        let steps = D::Simd::mul(unit, D::Simd::splat(EXPONENT_STEPS));
        D::Simd::store(lanes.unit.as_mut_ptr(), steps);
        let (mut max, mut sum) = (D::Simd::splat_i32(i32::MIN), D::Simd::splat(0.0));
        for first in (0..keys).step_by(KEY_BLOCK) {
            let count = KEY_BLOCK.min(keys - first);
            scores::<D, MR>((first, count), scratch);
            if let Some(bias) = &args.bias {
                for (i, &factor) in lanes.factor[..MR].iter().enumerate() {
                    let bias = bias.row(query + i, first);
                    add_bias::<D>(scratch.scores.add(i * KEY_BLOCK), count, factor, bias);
                }
            }
            for i in 0..MR {
                let largest = largest::<D>(scratch.scores.add(i * KEY_BLOCK), count);
                D::store(square.add(i * D::Simd::LANES), largest);
            }
            let before = D::Simd::to_f32(max);
            max = D::max(max, D::max_of_rows(square));
            let now = D::Simd::to_f32(max);
            let below = D::Simd::sub(D::Simd::splat(0.0), now);
            let offset = D::Simd::mul_add(below, steps, D::Simd::splat(LARGEST_EXPONENT));
            D::Simd::store(lanes.offset.as_mut_ptr(), offset);
            let shrink = D::Simd::mul(D::Simd::sub(before, now), unit);
            let shrink = math::exp2::<D::Simd>(shrink);
            D::Simd::store(lanes.shrink.as_mut_ptr(), shrink);
            for i in 0..MR {
                let scores = scratch.scores.add(i * KEY_BLOCK);
                let to = scratch.weights.add(i * KEY_BLOCK / 2);
                let block = weights::<D>(scores, count, (lanes.unit[i], lanes.offset[i]), to);
                D::store(square.add(i * D::Simd::LANES), block);
            }
            let block = D::Simd::to_f32(D::sum_of_rows(square));
            sum = if first == 0 { block } else { D::Simd::add(D::Simd::mul(sum, shrink), block) };
            add_values::<D, MR>(args, (first, count), scratch, (first > 0).then_some(&lanes.shrink));
        }
        D::Simd::store(lanes.sum.as_mut_ptr(), sum);
        let mut check = D::Simd::splat(0.0);
        for i in 0..MR {
            let out = args.out.add((query + i) * args.out_stride);
            let sums = scratch.sums.add(i * head_size.next_multiple_of(PANEL));
            // What is not finite reaches every number that it was read for.
            let scale = value_scale.step + lanes.factor[i] * 0.0;
            check = divide::<D::Simd>(sums, lanes.sum[i] / scale, head_size, out, check);
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

/// Adds one block's weighted values to the sums, which shrink as the largest score grew.
#[inline(always)]
unsafe fn add_values<D: Pairs, const MR: usize>(
    args: &Args,
    (first, count): (usize, usize),
    scratch: &Scratch,
    shrink: Option<&[f32; PANEL]>,
) {
    let (padded, lanes) = (args.head_size.next_multiple_of(PANEL), D::Simd::LANES);
    // SAFETY: the caller's promise; columns beyond head_size are never stored further than the sums.
    unsafe {
        for column in (0..args.head_size).step_by(2 * lanes) {
            let panel = scratch.values.add(column / PANEL * PANEL * args.keys.div_ceil(2));
            let rhs = panel.add(first / 2 * PANEL + column % PANEL);
            let acc = tile::<D, PAIRS, MR>(count.div_ceil(2), scratch.weights, KEY_BLOCK / 2, rhs);
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
    let scratch = Scratch::new(args.scratch, args.keys, args.head_size);
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
