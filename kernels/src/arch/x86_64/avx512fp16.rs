//! AVX-512-FP16: 32 halves in a register, multiplied and added at twice f32's rate.

use core::arch::x86_64::*;

use super::avx512::Avx512;
use crate::{
    PANEL,
    generic::{attention::Attend, simd::Simd, tile::Lanes},
};

/// Half precision, as its 16 bits.
#[derive(Clone, Copy)]
pub(crate) struct Fp16;

/// The bits of a constant in half precision.
const fn bits(x: f32) -> i16 {
    half::f16::from_f32_const(x).to_bits().cast_signed()
}

// SAFETY (all blocks below): the trait's contract, the processor has AVX-512-FP16 and pointers are valid.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Fp16 {
    #[inline(always)]
    unsafe fn splat(bits: i16) -> __m512h {
        unsafe { _mm512_castsi512_ph(_mm512_set1_epi16(bits)) }
    }
    /// The halves of the lower (0) or upper (1) sixteen lanes, as floats.
    #[inline(always)]
    unsafe fn to_f32<const UPPER: i32>(v: __m512h) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm512_extracti64x4_epi64::<UPPER>(_mm512_castph_si512(v))) }
    }
    /// 2^x for x <= 0, to half precision's last bit or two: a cubic for the fraction, the exponent by scaling.
    #[inline(always)]
    unsafe fn exp2(x: __m512h) -> __m512h {
        unsafe {
            // Below 2^-25 a half is zero; the bound keeps minus infinity out of the subtraction. Where x is NaN, which
            // scores beyond a half's range end as, the second operand is the result: NaN.
            let x = _mm512_max_ph(Self::splat(bits(-26.0)), x);
            let n = _mm512_roundscale_ph::<0>(x);
            let f = _mm512_sub_ph(x, n);
            let p = _mm512_fmadd_ph(f, Self::splat(bits(0.055_01)), Self::splat(bits(0.242_2)));
            let p = _mm512_fmadd_ph(p, f, Self::splat(bits(0.693_3)));
            let p = _mm512_fmadd_ph(p, f, Self::splat(bits(1.0)));
            _mm512_scalef_ph(p, n)
        }
    }
}

// SAFETY (all blocks below): as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Lanes for Fp16 {
    type Elem = u16;
    type Weight = u16;
    type V = __m512h;
    type Scalar = __m512h;
    const LANES: usize = 32;

    #[inline(always)]
    unsafe fn zero() -> __m512h {
        unsafe { _mm512_setzero_ph() }
    }
    #[inline(always)]
    unsafe fn scalar(from: *const u16) -> __m512h {
        // Becomes the embedded broadcast of the multiply-add: apart, it would take the shuffle port.
        unsafe { Self::splat((*from).cast_signed()) }
    }
    #[inline(always)]
    unsafe fn load(from: *const u16) -> __m512h {
        unsafe { _mm512_castsi512_ph(_mm512_loadu_si512(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u16, v: __m512h) {
        unsafe { _mm512_storeu_si512(to.cast(), _mm512_castph_si512(v)) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m512h, b: __m512h, c: __m512h) -> __m512h {
        unsafe { _mm512_fmadd_ph(a, b, c) }
    }
}

/// Attention in half precision, for models whose weights are f16 or int8. Scores are sums of `head_size` products and
/// values of at most 256, each accumulated in halves: a rounding of 2⁻¹¹ a step, which is below what int8 operands
/// leave, and the sums of blocks of keys are added in f32. Queries, keys, values and scores beyond 65,504 become
/// infinite and their row's output infinite or NaN, never a plausible number; trained models are far below.
// SAFETY (all blocks below): as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Attend for Fp16 {
    type F32 = Avx512;
    const ROWS: usize = 12;
    const KEY_BLOCK: usize = 256;

    #[inline(always)]
    unsafe fn convert(from: *const f32, len: usize, scale: f32, to: *mut u16) {
        unsafe {
            let whole = len / 16 * 16;
            for i in (0..whole).step_by(16) {
                let v = _mm512_mul_ps(_mm512_loadu_ps(from.add(i)), _mm512_set1_ps(scale));
                _mm256_storeu_si256(to.add(i).cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v));
            }
            for i in whole..len {
                *to.add(i) = half::f16::from_f32(*from.add(i) * scale).to_bits();
            }
        }
    }

    #[inline(always)]
    unsafe fn transpose(rows: &[*const f32], columns: usize, to: *mut u16) {
        unsafe {
            const BLOCK: usize = 16;
            for first in (0..columns).step_by(BLOCK) {
                let count = BLOCK.min(columns - first);
                let mut block = [0.0_f32; BLOCK * PANEL];
                for (i, rows) in rows.chunks_exact(16).enumerate() {
                    let rows: [*const f32; 16] = std::array::from_fn(|r| rows[r].add(first));
                    <Avx512 as Simd>::transpose(&rows, count, block.as_mut_ptr().add(16 * i), PANEL);
                }
                <Self as Attend>::convert(block.as_ptr(), count * PANEL, 1.0, to.add(first * PANEL));
            }
        }
    }

    #[inline(always)]
    unsafe fn widen(to: *mut f32, v: __m512h) {
        unsafe {
            _mm512_storeu_ps(to, Self::to_f32::<0>(v));
            _mm512_storeu_ps(to.add(16), Self::to_f32::<1>(v));
        }
    }

    #[inline(always)]
    unsafe fn add_bias(scores: *mut u16, keys: usize, bias: *const f32) {
        unsafe {
            for i in (0..keys).step_by(32) {
                let [lower, upper] = [0, 16].map(|at| {
                    _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm512_loadu_ps(bias.add(i + at)))
                });
                let bias = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(lower), upper);
                let sum = _mm512_add_ph(<Self as Lanes>::load(scores.add(i)), _mm512_castsi512_ph(bias));
                <Self as Lanes>::store(scores.add(i), sum);
            }
        }
    }

    #[inline(always)]
    unsafe fn powers(scores: *mut u16, keys: usize, max: &mut f32) -> f32 {
        unsafe {
            let padded = keys.next_multiple_of(32);
            for i in keys..padded {
                *scores.add(i) = half::f16::NEG_INFINITY.to_bits();
            }
            let mut largest = <Self as Lanes>::load(scores);
            for i in (32..padded).step_by(32) {
                largest = _mm512_max_ph(largest, <Self as Lanes>::load(scores.add(i)));
            }
            let largest = _mm512_max_ps(Self::to_f32::<0>(largest), Self::to_f32::<1>(largest));
            *max = max.max(Avx512::max_lane(largest));
            let top = Self::splat(bits_of(*max));
            // Eight numbers of at most 1 a lane: halves hold their sum as well as they hold the numbers.
            let mut sum = _mm512_setzero_ph();
            for i in (0..padded).step_by(32) {
                let e = Self::exp2(_mm512_sub_ph(<Self as Lanes>::load(scores.add(i)), top));
                <Self as Lanes>::store(scores.add(i), e);
                sum = _mm512_add_ph(sum, e);
            }
            Avx512::sum(_mm512_add_ps(Self::to_f32::<0>(sum), Self::to_f32::<1>(sum)))
        }
    }
}

/// `max` is a half or minus infinity, so nothing is lost.
#[inline(always)]
fn bits_of(max: f32) -> i16 {
    half::f16::from_f32(max).to_bits().cast_signed()
}
