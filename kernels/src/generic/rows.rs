//! Functions of one row at a time: add & LayerNorm, quantization.
//!
//! A row's tail, shorter than a register, is done in plain f32: no real model has one.

use std::ops::Range;

use super::{
    matmul_int8::Order,
    prefetch,
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

/// Rows that are worked on together: while one waits for a sum over its lanes, a division or a root, the others go on.
pub(crate) const GROUP: usize = 2;

/// Values of a cache line.
const LINE: usize = 16;

/// Calls `$f::<.., GROUP>` for a whole group of rows, and for fewer `$f::<.., 1>` for each.
macro_rules! by_groups {
    ($rows:expr, |$row:ident, $count:ident| $call:expr) => {
        if $rows.len() == GROUP {
            const $count: usize = GROUP;
            let $row = $rows.start;
            $call
        } else {
            for $row in $rows {
                const $count: usize = 1;
                $call
            }
        }
    };
}

/// Rows to be normalized where they are, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerNormArgs {
    /// Values of a row.
    pub(crate) len: usize,
    /// How many rows further on are those to ask for; 0 where none follow.
    pub(crate) ahead: usize,
    pub(crate) x: *mut f32,
    /// Rows to add first; null where there are none.
    pub(crate) residual: *const f32,
    pub(crate) gamma: *const f32,
    pub(crate) beta: *const f32,
    pub(crate) epsilon: f32,
}

/// `x = LayerNorm(x + residual)` over each of at most [`GROUP`] rows, the mean and the variance in two passes.
///
/// # Safety
/// The processor has `S`; `args` has the rows.
#[inline(always)]
pub(crate) unsafe fn add_layer_norm<S: Simd>(args: &LayerNormArgs, rows: Range<usize>) {
    // SAFETY: the caller's promise.
    by_groups!(rows, |row, ROWS| unsafe { normalize::<S, ROWS>(args, row) });
}

/// [`add_layer_norm`] of `ROWS` rows from `row` on.
#[inline(always)]
unsafe fn normalize<S: Simd, const ROWS: usize>(args: &LayerNormArgs, row: usize) {
    let LayerNormArgs { len, gamma, beta, epsilon, .. } = *args;
    let whole = len / S::LANES * S::LANES;
    // SAFETY: the caller's promise; registers are read and written below `whole`, single values from there to `len`.
    unsafe {
        let (x, zero) = (args.x.add(row * len), S::splat(0.0));
        let residual = if args.residual.is_null() { args.residual } else { args.residual.add(row * len) };
        let mut lanes = [zero; ROWS];
        for (r, lanes) in lanes.iter_mut().enumerate() {
            let x = x.add(r * len);
            let residual = residual.wrapping_add(r * len);
            *lanes = if args.residual.is_null() {
                let load = |i| S::load(x.add(i));
                fold::<S, _>(whole, zero, load, |sum, v| S::add(sum, v), |a, b| S::add(a, b))
            } else {
                let add = |i| {
                    let v = S::add(S::load(x.add(i)), S::load(residual.add(i)));
                    S::store(x.add(i), v);
                    v
                };
                fold::<S, _>(whole, zero, add, |sum, v| S::add(sum, v), |a, b| S::add(a, b))
            };
        }
        let mut mean = [0.0; ROWS];
        for (r, mean) in mean.iter_mut().enumerate() {
            let mut sum = S::sum(lanes[r]);
            for i in whole..len {
                let x = x.add(r * len + i);
                *x += if residual.is_null() { 0.0 } else { *residual.add(r * len + i) };
                sum += *x;
            }
            *mean = sum / len as f32;
        }

        for (r, lanes) in lanes.iter_mut().enumerate() {
            let deviation = |i| S::sub(S::load(x.add(r * len + i)), S::splat(mean[r]));
            *lanes =
                fold::<S, _>(whole, zero, deviation, |sum, d| S::mul_add(d, d, sum), |a, b| S::add(a, b));
        }
        let mut inverse = [0.0; ROWS];
        for (r, inverse) in inverse.iter_mut().enumerate() {
            let mut square = S::sum(lanes[r]);
            for i in whole..len {
                let deviation = *x.add(r * len + i) - mean[r];
                square += deviation * deviation;
            }
            *inverse = 1.0 / (square / len as f32 + epsilon).sqrt();
        }

        for (r, (mean, inverse)) in mean.into_iter().zip(inverse).enumerate() {
            let x = x.add(r * len);
            for i in (0..whole).step_by(S::LANES) {
                let scaled = S::mul(S::sub(S::load(x.add(i)), S::splat(mean)), S::splat(inverse));
                if i.is_multiple_of(LINE) {
                    prefetch::line(x.wrapping_add(args.ahead * len + i).cast());
                    prefetch::line(residual.wrapping_add((args.ahead + r) * len + i).cast());
                }
                S::store(x.add(i), S::mul_add(scaled, S::load(gamma.add(i)), S::load(beta.add(i))));
            }
            for i in whole..len {
                *x.add(i) = (*x.add(i) - mean) * inverse * *gamma.add(i) + *beta.add(i);
            }
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

/// The smallest and the largest value of a row, and a zero that is NaN when some value is not finite: lane by lane.
///
/// # Safety
/// The processor has `S`; `x` is valid for `whole` values, whole registers, and for one.
#[inline(always)]
unsafe fn range<S: Simd>(whole: usize, x: *const f32) -> (S::F32, S::F32, S::F32) {
    // SAFETY: the caller's promise.
    unsafe {
        let (first, zero) = (S::splat(*x), S::splat(0.0));
        fold::<S, _>(
            whole,
            (first, first, zero),
            |i| S::load(x.add(i)),
            |(low, high, check), x| (S::min(low, x), S::max(high, x), S::mul_add(x, zero, check)),
            |a, b| (S::min(a.0, b.0), S::max(a.1, b.1), S::add(a.2, b.2)),
        )
    }
}

/// Rows to be quantized, and where what their bytes stand for goes: value `i` of a row is `middle + scale * byte`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuantizeArgs {
    /// Values of a row.
    pub(crate) len: usize,
    /// How many rows further on are those to ask for; 0 where none follow.
    pub(crate) ahead: usize,
    /// One row after the other.
    pub(crate) x: *const f32,
    /// In the order of the product.
    pub(crate) bytes: *mut i8,
    pub(crate) scales: *mut f32,
    pub(crate) middles: *mut f32,
    /// Of each row's bytes.
    pub(crate) sums: *mut i32,
}

/// Quantizes each of at most [`GROUP`] rows to signed bytes over its own range, in the [`Order`] of `D`: `q = round((x - middle) /
/// scale)`, where ±127 steps from the middle reach the largest and the smallest value. The same on every instruction set: each step is a
/// correctly rounded operation. A row with a number that is not finite has a scale of NaN, which the product passes on.
///
/// # Safety
/// The processor has `D`; `args` has the rows, and `len > 0`.
#[inline(always)]
pub(crate) unsafe fn quantize<D: Dot>(args: &QuantizeArgs, rows: Range<usize>) {
    // SAFETY: the caller's promise.
    by_groups!(rows, |row, ROWS| unsafe { round::<D, ROWS>(args, row) });
}

/// [`quantize`] for `ROWS` rows from `row` on.
#[inline(always)]
unsafe fn round<D: Dot, const ROWS: usize>(args: &QuantizeArgs, row: usize) {
    let QuantizeArgs { len, x, bytes, scales, middles, sums, .. } = *args;
    let (lanes, order) = (D::Simd::LANES, const { Order::of::<D>() });
    let whole = len / lanes * lanes;
    // SAFETY: the caller's promise; registers are read and written below `whole`, single values from there to `len`.
    unsafe {
        let x = x.add(row * len);
        let zero = D::Simd::splat(0.0);
        let mut ranges = [(zero, zero, zero); ROWS];
        for (r, of_row) in ranges.iter_mut().enumerate() {
            *of_row = range::<D::Simd>(whole, x.add(r * len));
        }
        let (mut middle, mut inverse) = ([0.0; ROWS], [0.0; ROWS]);
        for (r, (low, high, check)) in ranges.into_iter().enumerate() {
            // There is no smallest lane: it is minus the largest of the negative ones.
            let mut low = -D::Simd::max_lane(D::Simd::sub(zero, low));
            let (mut high, mut check) = (D::Simd::max_lane(high), D::Simd::sum(check));
            for i in whole..len {
                let x = *x.add(r * len + i);
                (low, high, check) = (low.min(x), high.max(x), check + x * 0.0);
            }
            // Halved before they are added: the sum of the ends could overflow.
            middle[r] = 0.5 * high + 0.5 * low;
            let half = (high - middle[r]).max(middle[r] - low);
            // Equal values, and subnormal ranges, whose inverse overflows, are all the middle.
            inverse[r] = 127.0 / half;
            inverse[r] = if inverse[r].is_finite() { inverse[r] } else { 0.0 };
            *scales.add(row + r) = half / 127.0 + check;
            *middles.add(row + r) = middle[r];
        }
        for (r, (middle, inverse)) in middle.into_iter().zip(inverse).enumerate() {
            let (x, to) = (x.add(r * len), bytes.add(order.row(row + r, len)));
            let (from, factor) = (D::Simd::splat(middle), D::Simd::splat(inverse));
            let q = |i| D::Simd::round(D::Simd::mul(D::Simd::sub(D::Simd::load(x.add(i)), from), factor));
            let mut sum = D::Simd::splat_i32(0);
            let blocks = if order.rows == 1 { whole / (4 * lanes) * 4 * lanes } else { 0 };
            for i in (0..blocks).step_by(4 * lanes) {
                let q = [q(i), q(i + lanes), q(i + 2 * lanes), q(i + 3 * lanes)];
                let [ab, cd] = [D::Simd::add_i32(q[0], q[1]), D::Simd::add_i32(q[2], q[3])];
                sum = D::Simd::add_i32(sum, D::Simd::add_i32(ab, cd));
                D::Simd::store_four_i8(to.add(i), q);
                for at in (i..i + 4 * lanes).step_by(LINE) {
                    prefetch::line(x.wrapping_add(args.ahead * len + at).cast());
                }
            }
            for i in (blocks..whole).step_by(lanes) {
                let q = q(i);
                sum = D::Simd::add_i32(sum, q);
                D::Simd::store_i8(to.add(order.byte(i)), q);
            }
            let mut sum = D::Simd::sum_i32(sum);
            for i in whole..len {
                let q = ((*x.add(i) - middle) * inverse).round_ties_even() as i32;
                sum = sum.wrapping_add(q);
                *to.add(order.byte(i)) = q as i8;
            }
            *sums.add(row + r) = sum;
        }
    }
}
