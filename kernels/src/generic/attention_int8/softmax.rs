//! From a row's scores to its weights: what is done between the two products.

use super::super::simd::{Pairs, Simd};
use crate::PANEL;

/// Steps of an exponent of 2, and what the largest becomes, as [`Pairs::exp2_pairs`] wants them. Scores have the same steps where a bias
/// is added to them.
pub(super) const EXPONENT_STEPS: f32 = 4_096.0;
pub(super) const LARGEST_EXPONENT: f32 = 7.0 * EXPONENT_STEPS;
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
/// The largest exponent of a score with its bias: differences of two stay in an i32.
const LARGEST: f32 = 131_072.0;

/// Makes scores, whose steps are `factor`, ones with steps of 1/[`EXPONENT_STEPS`], `bias` added. Scores beyond `count`, up to a whole
/// panel, become one that is not larger than all.
#[inline(always)]
pub(super) unsafe fn add_bias<D: Pairs>(scores: *mut i32, count: usize, factor: f32, bias: *const f32) {
    // SAFETY: the caller's promise: both rows have whole registers.
    unsafe {
        let (factor, fixed) = (D::Simd::splat(factor), D::Simd::splat(EXPONENT_STEPS));
        let (least, most) = (D::Simd::splat(-LARGEST), D::Simd::splat(LARGEST));
        for i in (0..count).step_by(D::Simd::LANES) {
            let score = D::Simd::to_f32(D::load(scores.add(i)));
            let sum = D::Simd::mul_add(score, factor, D::Simd::load(bias.add(i)));
            let sum = D::Simd::max(least, D::Simd::min(most, sum));
            D::store(scores.add(i), D::Simd::round(D::Simd::mul(sum, fixed)));
        }
        for i in count..count.next_multiple_of(PANEL) {
            *scores.add(i) = *scores;
        }
    }
}

/// The largest of a row's scores, in one of the lanes. Those beyond `count`, up to a whole panel, are not larger.
#[inline(always)]
pub(super) unsafe fn largest<D: Pairs>(scores: *mut i32, count: usize) -> <D::Simd as Simd>::I32 {
    const { assert!(2 * D::Simd::LANES == PANEL) };
    // SAFETY: the caller's promise: the row has whole panels.
    unsafe {
        let (mut even, mut odd) = (D::load(scores), D::load(scores.add(D::Simd::LANES)));
        for i in (PANEL..count).step_by(PANEL) {
            even = D::max(even, D::load(scores.add(i)));
            odd = D::max(odd, D::load(scores.add(i + D::Simd::LANES)));
        }
        D::max(even, odd)
    }
}

/// Weights of `count` scores: powers of two whose exponents, in their steps, are `unit · score + offset`, rounded, up to a whole panel.
/// Returns their sums lane by lane, without those beyond `count`, which meet values of zero.
#[inline(always)]
pub(super) unsafe fn weights<D: Pairs>(
    scores: *const i32,
    count: usize,
    (unit, offset): (f32, f32),
    to: *mut i32,
) -> <D::Simd as Simd>::I32 {
    const { assert!(2 * D::Simd::LANES == PANEL) };
    // SAFETY: the caller's promise: rows have whole panels.
    unsafe {
        let (unit, offset, mut sum) = (D::Simd::splat(unit), D::Simd::splat(offset), D::Simd::splat_i32(0));
        let ones = ONES.as_ptr().add(PANEL);
        for i in (0..count).step_by(PANEL) {
            let exponents = |at: usize| {
                let score = D::Simd::to_f32(D::load(scores.add(at)));
                D::Simd::round(D::Simd::mul_add(score, unit, offset))
            };
            let (low, high) = (exponents(i), exponents(i + D::Simd::LANES));
            let weights = D::exp2_pairs(low, high);
            D::store(to.add(i / 2), weights);
            sum = D::dot(sum, weights, D::load(ones.sub(PANEL.min(count - i)).cast()));
        }
        sum
    }
}
