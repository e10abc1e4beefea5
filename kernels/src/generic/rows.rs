//! Functions of one row at a time: add & LayerNorm, quantization.
//!
//! A row's tail, shorter than a register, is done in plain f32: no real model has one.

use super::simd::Simd;

/// Sums and maxima run in this many chains, which hide the latency of one operation.
const CHAINS: usize = 4;

/// Folds `f` over a row's whole registers, register i into chain i mod [`CHAINS`], then the chains into one.
///
/// # Safety
/// The processor has `S`; `load` and `f` are sound for every offset below `whole`.
#[inline(always)]
unsafe fn fold<S: Simd>(
    whole: usize,
    load: impl Fn(usize) -> S::F32,
    f: impl Fn(S::F32, S::F32) -> S::F32,
    join: impl Fn(S::F32, S::F32) -> S::F32,
) -> S::F32 {
    // SAFETY: the caller's promise.
    let mut chains = [unsafe { S::splat(0.0) }; CHAINS];
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
        let sums = fold::<S>(whole, add, |sum, v| S::add(sum, v), |a, b| S::add(a, b));
        let mut sum = S::sum(sums);
        for i in whole..len {
            *out.add(i) = *x.add(i) + if residual.is_null() { 0.0 } else { *residual.add(i) };
            sum += *out.add(i);
        }
        let mean = sum / len as f32;

        let deviation = |i| S::sub(S::load(out.add(i)), S::splat(mean));
        let squares = fold::<S>(whole, deviation, |sum, d| S::mul_add(d, d, sum), |a, b| S::add(a, b));
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

/// The largest magnitude in a row; 0 for an empty one.
///
/// # Safety
/// The processor has `S`; `x` is valid for `len` values.
#[inline(always)]
pub(crate) unsafe fn largest<S: Simd>(len: usize, x: *const f32) -> f32 {
    let whole = len / S::LANES * S::LANES;
    // SAFETY: registers are read below `whole`, single values from there to `len`.
    unsafe {
        let magnitude = |i| S::abs(S::load(x.add(i)));
        let largest = fold::<S>(whole, magnitude, |largest, x| S::max(largest, x), |a, b| S::max(a, b));
        (whole..len).fold(S::max_lane(largest), |largest, i| largest.max((*x.add(i)).abs()))
    }
}

/// Quantizes one row to signed bytes, symmetric: `q = round(x / scale)`, `scale = max |x| / 127`. Returns the scale
/// and the sum of the bytes. The same on every instruction set: each step is a correctly rounded operation.
///
/// # Safety
/// The processor has `S`; `x` is valid for `len` values and `out` for `len` bytes.
#[inline(always)]
pub(crate) unsafe fn quantize<S: Simd>(len: usize, x: *const f32, out: *mut i8) -> (f32, i32) {
    let whole = len / S::LANES * S::LANES;
    // SAFETY: registers are read and written below `whole`, single values from there to `len`.
    unsafe {
        let largest = largest::<S>(len, x);
        // A row of zeros has scale 0 and bytes 0. 127 / largest may overflow for subnormal rows: they count as zeros.
        let inverse = 127.0 / largest;
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        let mut sums = S::splat_i32(0);
        for i in (0..whole).step_by(S::LANES) {
            let q = S::round(S::mul(S::load(x.add(i)), S::splat(inverse)));
            sums = S::add_i32(sums, q);
            S::store_i8(out.add(i), q);
        }
        let mut sum = S::sum_i32(sums);
        for i in whole..len {
            let q = (*x.add(i) * inverse).round_ties_even() as i32;
            sum += q;
            *out.add(i) = q as i8;
        }
        (largest / 127.0, sum)
    }
}
