//! The register tile of the float products: the loop in which an f32 or f16 forward spends its time.

use std::marker::PhantomData;

use super::{prefetch::Ahead, simd::Simd};
use crate::PANEL;

/// A block for each of 0 to `$rows - 1`, at most 12. Where it holds assembly it is written out: sums are in registers only
/// where their indices are constants, and compilers don't unroll loops with much of that.
#[cfg(target_arch = "aarch64")]
macro_rules! each_row {
    ($rows:expr, $i:ident => $body:block) => {
        each_row!(@ $rows, $i, $body, 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    (@ $rows:expr, $i:ident, $body:block, $($row:literal)+) => {
        $(if $row < $rows {
            let $i: usize = $row;
            $body
        })+
    };
}
#[cfg(not(target_arch = "aarch64"))]
macro_rules! each_row {
    ($rows:expr, $i:ident => $body:block) => {
        #[allow(clippy::needless_range_loop, reason = "the same block as where it is written out")]
        for $i in 0..$rows $body
    };
}
pub(crate) use each_row;

/// A number type in registers, as far as a product needs it.
pub(crate) trait Lanes: Copy + 'static {
    /// Of the left-hand side.
    type Elem: Copy;
    /// Of the right-hand side.
    type Weight: Copy;
    type V: Copy;
    /// A value of the left-hand side, as it multiplies all lanes.
    type Scalar: Copy;
    const LANES: usize;

    unsafe fn zero() -> Self::V;
    unsafe fn scalar(from: *const Self::Elem) -> Self::Scalar;
    unsafe fn load(from: *const Self::Weight) -> Self::V;
    unsafe fn store(to: *mut Self::Elem, v: Self::V);
    /// `a * b + c`
    unsafe fn mul_add(a: Self::Scalar, b: Self::V, c: Self::V) -> Self::V;
    /// [`Lanes::load`], which may leave what it read at `keep`, too.
    #[inline(always)]
    unsafe fn load_and_keep(from: *const Self::Weight, _keep: *mut Self::Elem) -> Self::V {
        // SAFETY: the caller's promise.
        unsafe { Self::load(from) }
    }
}

// SAFETY (all blocks below): the same contract.
#[allow(clippy::undocumented_unsafe_blocks)]
impl<S: Simd> Lanes for S {
    type Elem = f32;
    type Weight = f32;
    type V = S::F32;
    type Scalar = S::Scalar;
    const LANES: usize = S::LANES;

    #[inline(always)]
    unsafe fn zero() -> S::F32 {
        unsafe { S::splat(0.0) }
    }
    #[inline(always)]
    unsafe fn scalar(from: *const f32) -> S::Scalar {
        unsafe { <S as Simd>::scalar(from) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> S::F32 {
        unsafe { <S as Simd>::load(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: S::F32) {
        unsafe { <S as Simd>::store(to, v) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: S::Scalar, b: S::F32, c: S::F32) -> S::F32 {
        unsafe { S::mul_add_scalar(a, b, c) }
    }
}

/// f32 with weights that are stored in half precision and widened as they are loaded; with `KEEP` they are kept so for other tiles.
#[derive(Clone, Copy)]
pub(crate) struct Widened<S, const KEEP: bool>(PhantomData<S>);

// SAFETY (all blocks below): the same contract.
#[allow(clippy::undocumented_unsafe_blocks)]
impl<S: Simd, const KEEP: bool> Lanes for Widened<S, KEEP> {
    type Elem = f32;
    type Weight = u16;
    type V = S::F32;
    type Scalar = S::Scalar;
    const LANES: usize = S::LANES;

    #[inline(always)]
    unsafe fn zero() -> S::F32 {
        unsafe { S::splat(0.0) }
    }
    #[inline(always)]
    unsafe fn scalar(from: *const f32) -> S::Scalar {
        unsafe { <S as Simd>::scalar(from) }
    }
    #[inline(always)]
    unsafe fn load(from: *const u16) -> S::F32 {
        unsafe { S::load_half(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: S::F32) {
        unsafe { <S as Simd>::store(to, v) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: S::Scalar, b: S::F32, c: S::F32) -> S::F32 {
        unsafe { S::mul_add_scalar(a, b, c) }
    }
    #[inline(always)]
    unsafe fn load_and_keep(from: *const u16, keep: *mut f32) -> S::F32 {
        unsafe {
            let v = S::load_half(from);
            if KEEP {
                <S as Simd>::store(keep, v);
            }
            v
        }
    }
}

/// The sums of `MR` rows and `NR` registers of columns, each one chain of multiply-adds from k = 0 up.
///
/// `lhs` is walked by `from_row` from row to row and `from_k` from k to k, `rhs` by [`PANEL`] from k to k.
///
/// # Safety
/// The processor has `L`; `lhs` has `MR` rows of `k` values and `rhs` `k` rows of `NR` registers.
#[inline(always)]
pub(crate) unsafe fn tile<L: Lanes, const MR: usize, const NR: usize>(
    k: usize,
    lhs: *const L::Elem,
    steps: (usize, usize),
    rhs: *const L::Weight,
    ahead: Ahead,
) -> [[L::V; NR]; MR] {
    // SAFETY: the caller's promise.
    unsafe { tile_and_keep::<L, MR, NR>(k, lhs, steps, (rhs, std::ptr::null_mut()), ahead) }
}

/// [`tile`], which leaves the right side at `keep`, where `L` does so.
///
/// # Safety
/// As there; `keep` has room as `rhs` then.
#[inline(always)]
pub(crate) unsafe fn tile_and_keep<L: Lanes, const MR: usize, const NR: usize>(
    k: usize,
    lhs: *const L::Elem,
    (from_row, from_k): (usize, usize),
    (rhs, keep): (*const L::Weight, *mut L::Elem),
    ahead: Ahead,
) -> [[L::V; NR]; MR] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc = [[L::zero(); NR]; MR];
        for p in 0..k {
            ahead.prefetch::<MR>(p);
            let mut b = [L::zero(); NR];
            for (j, b) in b.iter_mut().enumerate() {
                let at = p * PANEL + j * L::LANES;
                *b = L::load_and_keep(rhs.add(at), keep.wrapping_add(at));
            }
            each_row!(MR, i => {
                let a = L::scalar(lhs.add(i * from_row + p * from_k));
                for (acc, b) in acc[i].iter_mut().zip(b) {
                    *acc = L::mul_add(a, b, *acc);
                }
            });
        }
        acc
    }
}

/// Calls a function with the number of rows, 1 to 12, as a constant: `by_rows!(rows, S::MR, tile::<S>(…))` is
/// `tile::<S, rows>(…)`. Where the tallest tile is lower than that nothing is compiled for what lies above it, nor for what lies below
/// the lowest one: `by_rows!(rows, 7 => S::MR, …)`.
macro_rules! by_rows {
    ($rows:expr, $most:expr, $f:ident::<$($t:tt),+>($($arg:expr),*)) => {
        by_rows!($rows, 1 => $most, $f::<$($t),+>($($arg),*))
    };
    ($rows:expr, $least:expr => $most:expr, $f:ident::<$($t:tt),+>($($arg:expr),*)) => {
        match $rows {
            1 if $least <= 1 && $most >= 1 => $f::<$($t,)+ 1>($($arg),*),
            2 if $least <= 2 && $most >= 2 => $f::<$($t,)+ 2>($($arg),*),
            3 if $least <= 3 && $most >= 3 => $f::<$($t,)+ 3>($($arg),*),
            4 if $least <= 4 && $most >= 4 => $f::<$($t,)+ 4>($($arg),*),
            5 if $least <= 5 && $most >= 5 => $f::<$($t,)+ 5>($($arg),*),
            6 if $least <= 6 && $most >= 6 => $f::<$($t,)+ 6>($($arg),*),
            7 if $least <= 7 && $most >= 7 => $f::<$($t,)+ 7>($($arg),*),
            8 if $least <= 8 && $most >= 8 => $f::<$($t,)+ 8>($($arg),*),
            9 if $least <= 9 && $most >= 9 => $f::<$($t,)+ 9>($($arg),*),
            10 if $least <= 10 && $most >= 10 => $f::<$($t,)+ 10>($($arg),*),
            11 if $least <= 11 && $most >= 11 => $f::<$($t,)+ 11>($($arg),*),
            12 if $least <= 12 && $most >= 12 => $f::<$($t,)+ 12>($($arg),*),
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}
pub(crate) use by_rows;
