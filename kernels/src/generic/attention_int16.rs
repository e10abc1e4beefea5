//! Attention of one head over one sequence in 16-bit integers, for processors whose instruction for the dot product of
//! pairs does twice what their f32 does.
//!
//! Keys and values are rounded with one scale for the head, each query with its own. Sums of products are exact in an
//! i32, so the only errors are those roundings: a key, a value or a query is off by at most 1/11,000, 1/4,094 or
//! 1/11,000 of the largest one (heads of 64), and a weight by 1/16,382 of the row's largest. Scores, softmax and what is
//! added up over blocks of keys are f32. The softmax is online, as in [`super::attention`].

use self::panels::{STRIDE, Scale, Scratch, operand, round_row};
use super::{
    attention::{Args, Attend, divide},
    math,
    simd::{Pairs, Simd},
    tile::by_rows,
};
use crate::PANEL;

mod panels;

/// Keys whose weighted values are summed in integers: `POWER · VALUE · KEY_BLOCK` is below 2³¹.
const KEY_BLOCK: usize = 128;
/// What the weight 1 becomes.
const POWER: f32 = 8_191.0;
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
            if let Some(bias) = &args.bias {
                for i in 0..MR {
                    let scores = scratch.scores.add(i * KEY_BLOCK).cast();
                    <D::Simd as Attend>::add_bias(scores, count, bias.row(query + i, first));
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
pub(crate) unsafe fn largest<S: Simd>(scores: *mut f32, count: usize, max: f32) -> f32 {
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
pub(crate) unsafe fn shrink<S: Simd, const MR: usize>(before: [f32; MR], max: [f32; MR]) -> [f32; MR] {
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
            by_rows!(rows, D::MR, query_rows::<D>(args, query, &scratch, scales));
            query += rows;
        }
    }
}
