//! AVX-512: 32 registers of 16 floats; the int8 dot product widened, or by VNNI.

use core::arch::x86_64::*;

use crate::generic::simd::{Dot, Simd};

mod pairs;

#[derive(Clone, Copy)]
pub(crate) struct Avx512;

// SAFETY (all blocks below): the trait's contract, the processor has AVX-512 F, BW, VL and DQ and pointers are valid.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx512 {
    type F32 = __m512;
    type I32 = __m512i;
    type Scalar = __m512;
    const LANES: usize = 16;
    const MR: usize = 12;
    const LOOKS_UP: bool = true;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: __m512) {
        unsafe { _mm512_storeu_ps(to, v) }
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn abs(a: __m512) -> __m512 {
        unsafe { _mm512_abs_ps(a) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn scalar(from: *const f32) -> __m512 {
        unsafe { Self::splat(*from) }
    }
    #[inline(always)]
    unsafe fn mul_add_scalar(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { Self::mul_add(a, b, c) }
    }
    #[inline(always)]
    unsafe fn sum(a: __m512) -> f32 {
        unsafe { _mm512_reduce_add_ps(a) }
    }
    #[inline(always)]
    unsafe fn max_lane(a: __m512) -> f32 {
        unsafe { _mm512_reduce_max_ps(a) }
    }
    #[inline(always)]
    unsafe fn round(a: __m512) -> __m512i {
        unsafe { _mm512_cvtps_epi32(a) }
    }
    #[inline(always)]
    unsafe fn to_f32(a: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(a) }
    }
    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    unsafe fn add_i32(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn sum_i32(a: __m512i) -> i32 {
        unsafe { _mm512_reduce_add_epi32(a) }
    }
    #[inline(always)]
    unsafe fn exp2(n: __m512i) -> __m512 {
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_add_epi32(n, _mm512_set1_epi32(127)))) }
    }
    #[inline(always)]
    unsafe fn look_up(table: &[f32; 32], at: __m512) -> __m512 {
        unsafe {
            let (low, high) = (_mm512_loadu_ps(table.as_ptr()), _mm512_loadu_ps(table.as_ptr().add(16)));
            _mm512_permutex2var_ps(low, _mm512_castps_si512(at), high)
        }
    }
    #[inline(always)]
    unsafe fn transpose(rows: &[*const f32], columns: usize, to: *mut f32, to_stride: usize) {
        unsafe {
            let mut column = 0;
            while column + 4 <= columns {
                // Four columns of all rows: four rows in each register, a 4 x 4 transposition in each quarter.
                let mut four = [_mm512_setzero_ps(); 4];
                for (i, four) in four.iter_mut().enumerate() {
                    let quarter = |q: usize| _mm_loadu_ps(rows[4 * q + i].add(column));
                    let low = _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(quarter(0)), quarter(1));
                    let high = _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(quarter(2)), quarter(3));
                    *four = _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high);
                }
                let [a, b, c, d] = four;
                let (ab, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
                let (cd, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
                let pd = |x: __m512, y: __m512| (_mm512_castps_pd(x), _mm512_castps_pd(y));
                let (x, y) = pd(ab, cd);
                let (z, w) = pd(ab_high, cd_high);
                let out = [
                    _mm512_unpacklo_pd(x, y),
                    _mm512_unpackhi_pd(x, y),
                    _mm512_unpacklo_pd(z, w),
                    _mm512_unpackhi_pd(z, w),
                ];
                for (i, out) in out.into_iter().enumerate() {
                    _mm512_storeu_ps(to.add((column + i) * to_stride), _mm512_castpd_ps(out));
                }
                column += 4;
            }
            for column in column..columns {
                for (lane, row) in rows.iter().enumerate() {
                    *to.add(column * to_stride + lane) = *row.add(column);
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn store_i8(to: *mut i8, v: __m512i) {
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(v)) }
    }
    #[inline(always)]
    unsafe fn store_four_i8(to: *mut i8, v: [__m512i; 4]) {
        unsafe { _mm512_storeu_si512(to.cast(), bytes(v)) }
    }
}

/// Lanes that are bytes in value, as bytes: those of the first register first.
#[inline(always)]
unsafe fn bytes([a, b, c, d]: [__m512i; 4]) -> __m512i {
    // SAFETY: the caller's promise: the processor has AVX-512 F and BW.
    unsafe {
        // Each quarter has four lanes of each register in turn.
        let mixed = _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm512_permutexvar_epi32(order, mixed)
    }
}

/// Bytes widened to 16 bits, even and odd ones apart: `vpmaddwd` can't overflow, `vpmaddubsw` would saturate.
// SAFETY (all blocks below): the trait's contract, as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Dot for Avx512 {
    type Simd = Self;
    type Weights = (__m512i, __m512i);
    type Activations = (__m512i, __m512i);
    type Sums = __m512i;
    const MR: usize = 8;

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> Self::Weights {
        unsafe {
            let w = _mm512_loadu_si512(from.cast());
            (_mm512_and_si512(w, _mm512_set1_epi16(0xff)), _mm512_srli_epi16::<8>(w))
        }
    }
    #[inline(always)]
    unsafe fn activations(from: *const i8) -> Self::Activations {
        unsafe {
            let a = _mm512_set1_epi32(from.cast::<i32>().read_unaligned());
            (_mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(a)), _mm512_srai_epi16::<8>(a))
        }
    }
    #[inline(always)]
    unsafe fn start([row, _]: [i32; 2]) -> __m512i {
        unsafe { <Self::Simd as Simd>::splat_i32(row) }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m512i, w: Self::Weights, a: Self::Activations) -> __m512i {
        unsafe {
            let even = _mm512_add_epi32(acc, _mm512_madd_epi16(w.0, a.0));
            _mm512_add_epi32(even, _mm512_madd_epi16(w.1, a.1))
        }
    }
    #[inline(always)]
    unsafe fn sums(acc: __m512i) -> [__m512i; 2] {
        [acc; 2]
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Vnni;

// SAFETY (all blocks below): the trait's contract; the processor has AVX-512 VNNI too.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Dot for Vnni {
    type Simd = Avx512;
    type Weights = __m512i;
    type Activations = __m512i;
    type Sums = __m512i;
    const MR: usize = 12;

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn activations(from: *const i8) -> __m512i {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn start([row, _]: [i32; 2]) -> __m512i {
        unsafe { <Self::Simd as Simd>::splat_i32(row) }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m512i, w: __m512i, a: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(acc, w, a) }
    }
    #[inline(always)]
    unsafe fn sums(acc: __m512i) -> [__m512i; 2] {
        [acc; 2]
    }
}
