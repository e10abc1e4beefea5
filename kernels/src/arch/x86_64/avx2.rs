//! AVX2 with FMA and F16C: 16 registers of 8 floats; the int8 dot product widened, or by AVX-VNNI.

use core::arch::x86_64::*;

use crate::generic::simd::{Dot, Simd};

#[derive(Clone, Copy)]
pub(crate) struct Avx2;

// SAFETY (all blocks below): the trait's contract, the processor has AVX2 and FMA and pointers are valid.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx2 {
    type F32 = __m256;
    type I32 = __m256i;
    type Scalar = __m256;
    const LANES: usize = 8;
    const MR: usize = 6;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: __m256) {
        unsafe { _mm256_storeu_ps(to, v) }
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> __m256 {
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn abs(a: __m256) -> __m256 {
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn scalar(from: *const f32) -> __m256 {
        unsafe { Self::splat(*from) }
    }
    #[inline(always)]
    unsafe fn mul_add_scalar(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { Self::mul_add(a, b, c) }
    }
    #[inline(always)]
    unsafe fn sum(a: __m256) -> f32 {
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    unsafe fn max_lane(a: __m256) -> f32 {
        unsafe {
            let four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    unsafe fn round(a: __m256) -> __m256i {
        unsafe { _mm256_cvtps_epi32(a) }
    }
    #[inline(always)]
    unsafe fn to_f32(a: __m256i) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(a) }
    }
    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> __m256i {
        unsafe { _mm256_set1_epi32(x) }
    }
    #[inline(always)]
    unsafe fn add_i32(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn sum_i32(a: __m256i) -> i32 {
        unsafe {
            let four = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256::<1>(a));
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
            _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
        }
    }
    #[inline(always)]
    unsafe fn exp2(n: __m256i) -> __m256 {
        unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(n, _mm256_set1_epi32(127)))) }
    }
    #[inline(always)]
    unsafe fn store_i8(to: *mut i8, v: __m256i) {
        unsafe {
            // The low byte of every lane to the low four bytes of each half, then the halves together.
            let low = _mm256_shuffle_epi8(v, _mm256_set1_epi64x(0x0c08_0400));
            let both = _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256::<1>(low));
            _mm_storel_epi64(to.cast(), both);
        }
    }
    #[inline(always)]
    unsafe fn store_four_i8(to: *mut i8, [a, b, c, d]: [__m256i; 4]) {
        unsafe {
            // Each half has four lanes of each register in turn.
            let mixed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            _mm256_storeu_si256(to.cast(), _mm256_permutevar8x32_epi32(mixed, order));
        }
    }
}

/// Bytes widened to 16 bits, even and odd ones apart: `vpmaddwd` can't overflow, `vpmaddubsw` would saturate.
// SAFETY (all blocks below): the trait's contract, as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Dot for Avx2 {
    type Simd = Self;
    type Weights = (__m256i, __m256i);
    type Activations = (__m256i, __m256i);
    type Sums = __m256i;
    const MR: usize = 3;

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> Self::Weights {
        unsafe {
            let w = _mm256_loadu_si256(from.cast());
            (_mm256_and_si256(w, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(w))
        }
    }
    #[inline(always)]
    unsafe fn activations(from: *const i8) -> Self::Activations {
        unsafe {
            let a = _mm256_set1_epi32(from.cast::<i32>().read_unaligned());
            (_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(a)), _mm256_srai_epi16::<8>(a))
        }
    }
    #[inline(always)]
    unsafe fn start([row, _]: [i32; 2]) -> __m256i {
        unsafe { <Self::Simd as Simd>::splat_i32(row) }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m256i, w: Self::Weights, a: Self::Activations) -> __m256i {
        unsafe {
            let even = _mm256_add_epi32(acc, _mm256_madd_epi16(w.0, a.0));
            _mm256_add_epi32(even, _mm256_madd_epi16(w.1, a.1))
        }
    }
    #[inline(always)]
    unsafe fn sums(acc: __m256i) -> [__m256i; 2] {
        [acc; 2]
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Vnni;

// SAFETY (all blocks below): the trait's contract; the processor has AVX-VNNI too.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Dot for Vnni {
    type Simd = Avx2;
    type Weights = __m256i;
    type Activations = __m256i;
    type Sums = __m256i;
    const MR: usize = 6;

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> __m256i {
        unsafe { _mm256_loadu_si256(from.cast()) }
    }
    #[inline(always)]
    unsafe fn activations(from: *const i8) -> __m256i {
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn start([row, _]: [i32; 2]) -> __m256i {
        unsafe { <Self::Simd as Simd>::splat_i32(row) }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m256i, w: __m256i, a: __m256i) -> __m256i {
        unsafe { _mm256_dpbusd_avx_epi32(acc, w, a) }
    }
    #[inline(always)]
    unsafe fn sums(acc: __m256i) -> [__m256i; 2] {
        [acc; 2]
    }
}
