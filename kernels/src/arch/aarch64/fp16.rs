//! Half-precision arithmetic (FEAT_FP16): 8 halves in a register, multiplied and added at twice f32's rate.

use core::arch::{aarch64::*, asm};

use super::neon::Neon;
use crate::{
    PANEL,
    generic::{attention::Attend, simd::Simd, tile::Lanes},
};

/// Half precision, as its 16 bits.
#[derive(Clone, Copy)]
pub(crate) struct Fp16;

/// The bits of a constant in half precision.
const fn bits(x: f32) -> u16 {
    half::f16::from_f32_const(x).to_bits()
}

// SAFETY (all blocks below): the trait's contract, the processor has half-precision arithmetic and pointers are valid.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Fp16 {
    #[inline(always)]
    unsafe fn splat(bits: u16) -> float16x8_t {
        unsafe { vreinterpretq_f16_u16(vdupq_n_u16(bits)) }
    }
    /// The lower and the upper four lanes.
    #[inline(always)]
    unsafe fn to_f32(v: float16x8_t) -> [float32x4_t; 2] {
        unsafe { [vcvt_f32_f16(vget_low_f16(v)), vcvt_high_f32_f16(v)] }
    }
    #[inline(always)]
    unsafe fn from_f32(low: float32x4_t, high: float32x4_t) -> float16x8_t {
        unsafe { vcvt_high_f16_f32(vcvt_f16_f32(low), high) }
    }
    /// 2 to the power of `n`, for -14 <= n <= 15.
    #[inline(always)]
    unsafe fn power(n: int16x8_t) -> float16x8_t {
        unsafe { vreinterpretq_f16_s16(vshlq_n_s16::<10>(vaddq_s16(n, vdupq_n_s16(15)))) }
    }
    /// 2^x for x <= 0, to half precision's last bit or two: a cubic for the fraction, the exponent by scaling.
    #[inline(always)]
    unsafe fn exp2(x: float16x8_t) -> float16x8_t {
        unsafe {
            // Below 2^-25 a half is zero; the bound keeps minus infinity out of the subtraction. NaN stays NaN.
            let x = vmaxq_f16(Self::splat(bits(-26.0)), x);
            let n = vrndnq_f16(x);
            let f = vsubq_f16(x, n);
            let p = vfmaq_f16(Self::splat(bits(0.242_2)), f, Self::splat(bits(0.055_01)));
            let p = vfmaq_f16(Self::splat(bits(0.693_3)), p, f);
            let p = vfmaq_f16(Self::splat(bits(1.0)), p, f);
            // In two steps, so that neither power is subnormal: the first product is exact, the second rounds once.
            let n = vcvtq_s16_f16(n);
            let half = vmaxq_s16(n, vdupq_n_s16(-13));
            vmulq_f16(vmulq_f16(p, Self::power(half)), Self::power(vsubq_s16(n, half)))
        }
    }
}

// SAFETY (all blocks below): as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Lanes for Fp16 {
    type Elem = u16;
    type Weight = u16;
    type V = float16x8_t;
    type Scalar = u16;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> float16x8_t {
        unsafe { Self::splat(0) }
    }
    #[inline(always)]
    unsafe fn scalar(from: *const u16) -> u16 {
        unsafe { *from }
    }
    #[inline(always)]
    unsafe fn load(from: *const u16) -> float16x8_t {
        unsafe { vreinterpretq_f16_u16(vld1q_u16(from)) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u16, v: float16x8_t) {
        unsafe { vst1q_u16(to, vreinterpretq_u16_f16(v)) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: u16, b: float16x8_t, mut c: float16x8_t) -> float16x8_t {
        unsafe {
            // As in `Neon::mul_add_scalar`. A lane of halves can be of the first sixteen registers alone.
            asm!(
                "fmla {c:v}.8h, {b:v}.8h, {a:v}.h[0]",
                c = inout(vreg) c, b = in(vreg) b, a = in(vreg_low16) a,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        c
    }
}

/// Attention in half precision, for models whose weights are int8, and products of f16 models: with the errors that
/// AVX-512-FP16's have. Scores are sums of `head_size` products and values of at most 256, each accumulated in halves: a
/// rounding of 2⁻¹¹ a step, which is below what int8 operands leave, and the sums of blocks of keys are added in f32.
/// Queries, keys, values and scores beyond 65,504 become infinite and their row's output infinite or NaN, never a plausible
/// number; trained models are far below.
// SAFETY (all blocks below): as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Attend for Fp16 {
    type F32 = Neon;
    const ROWS: usize = 12;
    const KEY_BLOCK: usize = 256;

    #[inline(always)]
    unsafe fn convert(from: *const f32, len: usize, scale: f32, to: *mut u16) {
        unsafe {
            let (whole, factor) = (len / 8 * 8, vdupq_n_f32(scale));
            for i in (0..whole).step_by(8) {
                let [low, high] = [0, 4].map(|at| vmulq_f32(vld1q_f32(from.add(i + at)), factor));
                <Self as Lanes>::store(to.add(i), Self::from_f32(low, high));
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
                for (i, rows) in rows.chunks_exact(4).enumerate() {
                    let rows: [*const f32; 4] = std::array::from_fn(|r| rows[r].add(first));
                    <Neon as Simd>::transpose(&rows, count, block.as_mut_ptr().add(4 * i), PANEL);
                }
                <Self as Attend>::convert(block.as_ptr(), count * PANEL, 1.0, to.add(first * PANEL));
            }
        }
    }

    #[inline(always)]
    unsafe fn widen(to: *mut f32, v: float16x8_t) {
        unsafe {
            let [low, high] = Self::to_f32(v);
            vst1q_f32(to, low);
            vst1q_f32(to.add(4), high);
        }
    }

    #[inline(always)]
    unsafe fn add_bias(scores: *mut u16, keys: usize, bias: *const f32) {
        unsafe {
            for i in (0..keys).step_by(8) {
                let [low, high] = [0, 4].map(|at| vld1q_f32(bias.add(i + at)));
                let sum = vaddq_f16(<Self as Lanes>::load(scores.add(i)), Self::from_f32(low, high));
                <Self as Lanes>::store(scores.add(i), sum);
            }
        }
    }

    #[inline(always)]
    unsafe fn powers(scores: *mut u16, keys: usize, max: &mut f32) -> f32 {
        unsafe {
            let padded = keys.next_multiple_of(8);
            for i in keys..padded {
                *scores.add(i) = half::f16::NEG_INFINITY.to_bits();
            }
            let mut largest = <Self as Lanes>::load(scores);
            for i in (8..padded).step_by(8) {
                largest = vmaxq_f16(largest, <Self as Lanes>::load(scores.add(i)));
            }
            let [low, high] = Self::to_f32(largest);
            *max = max.max(vmaxvq_f32(vmaxq_f32(low, high)));
            // It is a half or minus infinity, so nothing is lost.
            let top = Self::splat(half::f16::from_f32(*max).to_bits());
            // In f32: a lane gets up to 32 numbers of at most 1.
            let mut sums = [vdupq_n_f32(0.0); 2];
            for i in (0..padded).step_by(8) {
                let e = Self::exp2(vsubq_f16(<Self as Lanes>::load(scores.add(i)), top));
                <Self as Lanes>::store(scores.add(i), e);
                let [low, high] = Self::to_f32(e);
                sums = [vaddq_f32(sums[0], low), vaddq_f32(sums[1], high)];
            }
            vaddvq_f32(vaddq_f32(sums[0], sums[1]))
        }
    }
}
