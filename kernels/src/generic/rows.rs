//! Functions of one row at a time: add & LayerNorm, quantization.
//!
//! A row's tail, shorter than a register, is done in plain f32: no real model has one.

use super::{
    matmul_int8::Order,
    simd::{Dot, Simd},
};

/// Sums and maxima run in this many chains, which hide the latency of one operation.
const CHAINS: usize = 4;

/// Folds `f` over a row's whole registers, register i into chain i mod [`CHAINS`], then the chains into one. Each chain
/// begins as `start`.
///
/// # Safety
/// The processor has `S`; `load` and `f` are sound for every offset below `whole`.
#[inline(always)]
unsafe fn fold<S: Simd, T: Copy>(
    whole: usize,
    start: T,
    load: impl Fn(usize) -> S::F32,
    f: impl Fn(T, S::F32) -> T,
    join: impl Fn(T, T) -> T,
) -> T {
    let mut chains = [start; CHAINS];
    let step = CHAINS * S::LANES;
    let blocks = whole / step * step;
    for i in (0..blocks).step_by(step) {
        for (c, chain) in chains.iter_mut().enumerate() {
            *chain = f(*chain, load(i + c * S::LANES));
        }
    }
    for i in (blocks..whole).step_by(S::LANES) {
        chains[0] = f(chains[0], load(i));
    }
    join(join(chains[0], chains[1]), join(chains[2], chains[3]))
}

/// `out = LayerNorm(x + residual)` over one row, the mean and the variance in two passes.
///
/// `out` may be `x` or `residual`.
///
/// # Safety
/// The processor has `S`; all pointers are valid for `len` values (`residual` may be null: nothing is added).
#[inline(always)]
pub(crate) unsafe fn add_layer_norm<S: Simd>(
    len: usize,
    x: *const f32,
    residual: *const f32,
    gamma: *const f32,
    beta: *const f32,
    epsilon: f32,
    out: *mut f32,
) {
    let whole = len / S::LANES * S::LANES;
    // SAFETY: registers are read and written below `whole`, single values from there to `len`.
    unsafe {
        let add = |i| {
            let mut v = S::load(x.add(i));
            if !residual.is_null() {
                v = S::add(v, S::load(residual.add(i)));
            }
            S::store(out.add(i), v);
            v
        };
        let zero = S::splat(0.0);
        let sums = fold::<S, _>(whole, zero, add, |sum, v| S::add(sum, v), |a, b| S::add(a, b));
        let mut sum = S::sum(sums);
        for i in whole..len {
            *out.add(i) = *x.add(i) + if residual.is_null() { 0.0 } else { *residual.add(i) };
            sum += *out.add(i);
        }
        let mean = sum / len as f32;

        let deviation = |i| S::sub(S::load(out.add(i)), S::splat(mean));
        let squares =
            fold::<S, _>(whole, zero, deviation, |sum, d| S::mul_add(d, d, sum), |a, b| S::add(a, b));
        let mut square = S::sum(squares);
        for i in whole..len {
            square += (*out.add(i) - mean) * (*out.add(i) - mean);
        }
        let inverse = 1.0 / (square / len as f32 + epsilon).sqrt();

        for i in (0..whole).step_by(S::LANES) {
            let scaled = S::mul(deviation(i), S::splat(inverse));
            S::store(out.add(i), S::mul_add(scaled, S::load(gamma.add(i)), S::load(beta.add(i))));
        }
        for i in whole..len {
            *out.add(i) = (*out.add(i) - mean) * inverse * *gamma.add(i) + *beta.add(i);
        }
    }
}

/// The largest magnitude in a row; 0 for an empty one. A number that is not finite may be passed over.
///
/// # Safety
/// The processor has `S`; `x` is valid for `len` values.
#[inline(always)]
pub(crate) unsafe fn largest<S: Simd>(len: usize, x: *const f32) -> f32 {
    let whole = len / S::LANES * S::LANES;
    // SAFETY: registers are read below `whole`, single values from there to `len`.
    unsafe {
        let magnitude = |i| S::abs(S::load(x.add(i)));
        let start = S::splat(0.0);
        let largest = fold::<S, _>(whole, start, magnitude, |a, x| S::max(a, x), |a, b| S::max(a, b));
        (whole..len).fold(S::max_lane(largest), |largest, i| largest.max((*x.add(i)).abs()))
    }
}

/// The smallest and the largest value of a row, and a zero that is NaN when some value is not finite.
///
/// # Safety
/// As [`largest`]; `len > 0`.
#[inline(always)]
unsafe fn range<S: Simd>(len: usize, x: *const f32) -> (f32, f32, f32) {
    let whole = len / S::LANES * S::LANES;
    // SAFETY: registers are read below `whole`, single values from there to `len`.
    unsafe {
        let (first, zero) = (S::splat(*x), S::splat(0.0));
        let (low, high, check) = fold::<S, _>(
            whole,
            (first, first, zero),
            |i| S::load(x.add(i)),
            |(low, high, check), x| (S::min(low, x), S::max(high, x), S::mul_add(x, zero, check)),
            |a, b| (S::min(a.0, b.0), S::max(a.1, b.1), S::add(a.2, b.2)),
        );
        // There is no smallest lane: it is minus the largest of the negative ones.
        let low = -S::max_lane(S::sub(zero, low));
        let start = (low, S::max_lane(high), S::sum(check));
        (whole..len)
            .map(|i| *x.add(i))
            .fold(start, |(low, high, check), x| (low.min(x), high.max(x), check + x * 0.0))
    }
}

/// What a quantized row's bytes stand for: the i-th value is `middle + scale * byte`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quantized {
    pub(crate) scale: f32,
    pub(crate) middle: f32,
    /// Of the bytes.
    pub(crate) sum: i32,
}

/// Quantizes one row to signed bytes over its own range, in the [`Order`] of `D`: `q = round((x - middle) / scale)`, where ±127 steps from the
/// middle reach the largest and the smallest value. The same on every instruction set: each step is a correctly
/// rounded operation. A row with a number that is not finite has a scale of NaN, which the product passes on.
///
/// # Safety
/// The processor has `D`; `x` is valid for `len` values, `len > 0`, and `out` for the places of `len` bytes.
#[inline(always)]
pub(crate) unsafe fn quantize<D: Dot>(len: usize, x: *const f32, out: *mut i8) -> Quantized {
    let (whole, order) = (len / D::Simd::LANES * D::Simd::LANES, const { Order::of::<D>() });
    // SAFETY: registers are read and written below `whole`, single values from there to `len`.
    unsafe {
        let (low, high, check) = range::<D::Simd>(len, x);
        // Halved before they are added: the sum of the ends could overflow.
        let middle = 0.5 * high + 0.5 * low;
        let half = (high - middle).max(middle - low);
        // Equal values, and subnormal ranges, whose inverse overflows, are all the middle.
        let inverse = 127.0 / half;
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        let (from, factor) = (D::Simd::splat(middle), D::Simd::splat(inverse));
        let mut sums = D::Simd::splat_i32(0);
        for i in (0..whole).step_by(D::Simd::LANES) {
            let q = D::Simd::round(D::Simd::mul(D::Simd::sub(D::Simd::load(x.add(i)), from), factor));
            sums = D::Simd::add_i32(sums, q);
            D::Simd::store_i8(out.add(order.byte(i)), q);
        }
        let mut sum = D::Simd::sum_i32(sums);
        for i in whole..len {
            let q = ((*x.add(i) - middle) * inverse).round_ties_even() as i32;
            sum = sum.wrapping_add(q);
            *out.add(order.byte(i)) = q as i8;
        }
        Quantized { scale: half / 127.0 + check, middle, sum }
    }
}
