//! Elementary functions on registers, each with the error that its test holds it to.
//!
//! What is not a number stays so: bounds are the first operand of [`Simd::max`] and [`Simd::min`], x the second.

use super::simd::Simd;
use crate::Activation;

/// e^x for x <= 88, relative error below 2 ulp; what e^-87.3 is, 1.2e-38, for everything below.
///
/// x = n·ln 2 + r with |r| <= ln 2 / 2; e^r by its series to r⁷, which leaves less than 1e-8.
///
/// # Safety
/// As for every function of [`Simd`].
#[inline(always)]
unsafe fn exp<S: Simd>(x: S::F32) -> S::F32 {
    const TERMS: [f32; 6] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0];
    // SAFETY: the caller's promise.
    unsafe {
        let x = S::max(S::splat(-87.3), x);
        let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
        let n_f32 = S::to_f32(n);
        // ln 2 in two parts: the first has few enough bits that its product with n is exact.
        let r = S::mul_add(n_f32, S::splat(-0.693_359_4), x);
        let r = S::mul_add(n_f32, S::splat(2.121_944_4e-4), r);
        let mut p = S::splat(1.0 / 5040.0);
        for term in TERMS {
            p = S::mul_add(p, r, S::splat(term));
        }
        p = S::mul_add(p, r, S::splat(1.0));
        S::mul(p, S::exp2(n))
    }
}

/// 2^x for x <= 127, relative error below 2 ulp; 2^-126 for everything below -126.
///
/// 2^x = 2^n · 2^r with |r| <= 1/2, whose series to r⁷ leaves less than 1e-8.
///
/// # Safety
/// As for every function of [`Simd`].
#[inline(always)]
pub(crate) unsafe fn exp2<S: Simd>(x: S::F32) -> S::F32 {
    /// (ln 2)^i / i!, for i from 6 down to 1.
    const TERMS: [f32; 6] =
        [1.540_353e-4, 1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, std::f32::consts::LN_2];
    // SAFETY: the caller's promise.
    unsafe {
        let x = S::max(S::splat(-126.0), x);
        let n = S::round(x);
        let r = S::sub(x, S::to_f32(n));
        let mut p = S::splat(1.525_273_4e-5);
        for term in TERMS {
            p = S::mul_add(p, r, S::splat(term));
        }
        p = S::mul_add(p, r, S::splat(1.0));
        S::mul(p, S::exp2(n))
    }
}

/// 2^x for x <= 127 for what is rounded to bfloat16 next: relative error below 8e-5, a twenty-fifth of that rounding's; 2^-125 for
/// everything below -125.
///
/// # Safety
/// As for every function of [`Simd`].
#[inline(always)]
pub(crate) unsafe fn short_exp2<S: Simd>(x: S::F32) -> S::F32 {
    /// Of 2^r over |r| <= 1/2, from the third power down; minimax of the relative error.
    const TERMS: [f32; 4] = [0.055_171_67, 0.242_611_13, 0.693_260_97, 0.999_928_06];
    // SAFETY: the caller's promise.
    unsafe {
        // Below that the polynomial, which is a little less than 1 at 0, would give a subnormal number, which takes long.
        let x = S::max(S::splat(-125.0), x);
        let n = S::round(x);
        let r = S::sub(x, S::to_f32(n));
        let mut p = S::splat(TERMS[0]);
        for term in &TERMS[1..] {
            p = S::mul_add(p, r, S::splat(*term));
        }
        S::mul(p, S::exp2(n))
    }
}

/// tanh x = 1 - 2 / (e^2x + 1), absolute error below 2e-7.
#[inline(always)]
unsafe fn tanh<S: Simd>(x: S::F32) -> S::F32 {
    // SAFETY: the caller's promise.
    unsafe {
        let one = S::splat(1.0);
        // Beyond ±9 the answer is ±1 in f32; the clamp keeps e^2x finite.
        let x = S::max(S::splat(-9.5), S::min(S::splat(9.5), x));
        let e = exp::<S>(S::add(x, x));
        S::sub(one, S::div(S::splat(2.0), S::add(e, one)))
    }
}

/// x·Φ(x), the GELU that BERT was trained with, absolute error below 7e-7.
#[inline(always)]
unsafe fn gelu<S: Simd>(x: S::F32) -> S::F32 {
    const COEFFICIENTS: [f32; 15] = [
        0.000_330_579_58,
        -0.001_060_397_6,
        0.001_416_720_7,
        -0.002_137_736_2,
        0.005_084_802_4,
        -0.009_941_304,
        0.016_149_495,
        -0.024_804_765,
        0.036_233_32,
        -0.049_503_13,
        0.063_928_83,
        -0.079_853_214,
        0.100_052_044,
        -0.135_487_54,
        0.271_899_97,
    ];
    // SAFETY: the caller's promise.
    unsafe { gelu_by::<S, 15>(x, 5.2, COEFFICIENTS) }
}

/// [`gelu`] with an absolute error below 3e-5, for values that are rounded to eight bits next: a thousandth of a step in a
/// row that reaches 8.
#[inline(always)]
unsafe fn short_gelu<S: Simd>(x: S::F32) -> S::F32 {
    const COEFFICIENTS: [f32; 9] = [
        0.005_510_939,
        -0.015_771_56,
        0.021_973_176,
        -0.031_950_3,
        0.053_604_804,
        -0.080_179_594,
        0.110_501_096,
        -0.157_224_55,
        0.320_808_83,
    ];
    // SAFETY: the caller's promise.
    unsafe { if S::LOOKS_UP { gelu_by_table::<S>(x) } else { gelu_by::<S, 9>(x, 4.4, COEFFICIENTS) } }
}

/// x·Φ(x) = x/2 + h(|x|), absolute error below 2e-5: h by a square of its own (minimax) in each of 31 pieces, as wide as 1/6.625,
/// the first half as wide. Beyond them, from 4.6 on, h is |x|/2.
#[inline(always)]
unsafe fn gelu_by_table<S: Simd>(x: S::F32) -> S::F32 {
    /// By the power of |x|.
    #[rustfmt::skip]
    static H: [[f32; 32]; 3] = [
        [
            0.0, -8.669_988e-5, -0.001_520_682, -0.007_427_496, -0.021_834_62, -0.048_277_71, -0.088_490_01, -0.141_549_2,
            -0.203_730_8, -0.269_072_3, -0.330_489_1, -0.381_123_2, -0.415_572_6, -0.430_767_9, -0.426_173_9, -0.403_809,
            -0.367_396_8, -0.321_667, -0.271_5, -0.221_245_7, -0.174_291, -0.132_877_8, -0.098_131_44, -0.070_253_48,
            -0.048_801_85, -0.032_821_92, -0.021_563_08, -0.013_722_61, -0.008_467_162, -0.005_092_851, -0.002_980_1, 0.0,
        ],
        [
            0.0, 0.001_777_933, 0.013_957_45, 0.044_861_68, 0.099_114_01, 0.176_810_9, 0.273_645_3, 0.381_87,
            0.491_870_2, 0.593_921_7, 0.679_797_4, 0.743_901_8, 0.783_776_8, 0.800_029_8, 0.795_625_7, 0.775_255_4,
            0.744_162_2, 0.707_447_6, 0.669_454_3, 0.633_441_7, 0.601_512_5, 0.574_721_2, 0.553_285_8, 0.536_850_5,
            0.524_740_9, 0.516_088_3, 0.510_231, 0.506_305_3, 0.503_769_1, 0.502_198_6, 0.501_248_5, 0.5,
        ],
        [
            0.398_629_8, 0.389_481_4, 0.363_421_2, 0.322_871_4, 0.271_712_4, 0.214_580_8, 0.156_244_5, 0.101_031,
            0.052_365_16, 0.012_507_35, -0.017_518_13, -0.037_811_32, -0.049_351_77, -0.053_698_03, -0.052_643_07, -0.048_004_28,
            -0.041_365_9, -0.033_996_16, -0.026_802_27, -0.020_350_13, -0.014_921_9, -0.010_588_69, -0.007_282_616, -0.004_860_166,
            -0.003_151_114, -0.001_979_803, -0.001_217_992, -7.265_765e-4, -4.205_855e-4, -2.378_428e-4, -1.310_437e-4, 0.0,
        ],
    ];
    /// The sum with a number below 2^22 is rounded to an integer, whose last bits are the sum's.
    const INTEGERS: f32 = 1.5 * (1 << 23) as f32;
    // SAFETY: the caller's promise.
    unsafe {
        let y = S::abs(x);
        let piece = S::mul_add(y, S::splat(6.625), S::splat(INTEGERS));
        let piece = S::min(S::splat(INTEGERS + 31.0), piece);
        let [constant, slope, square] = &H;
        let h = S::mul_add(S::look_up(square, piece), y, S::look_up(slope, piece));
        let h = S::mul_add(h, y, S::look_up(constant, piece));
        S::mul_add(x, S::splat(0.5), h)
    }
}

/// erf(x/√2)/x is even, so it is a polynomial in t = x², fitted (weighted minimax) over |x| <= `end` in the variable
/// u = 2t/end² - 1, in which the coefficients, from the highest, stay small. Beyond `end`, where erf is all but 1, the
/// product with x exceeds 1 and is cut there.
#[inline(always)]
unsafe fn gelu_by<S: Simd, const N: usize>(x: S::F32, end: f32, coefficients: [f32; N]) -> S::F32 {
    // SAFETY: the caller's promise.
    unsafe {
        let one = S::splat(1.0);
        let t = S::min(S::mul(x, x), S::splat(end * end));
        let u = S::mul_add(t, S::splat(2.0 / (end * end)), S::splat(-1.0));
        let mut p = S::splat(coefficients[0]);
        for c in &coefficients[1..] {
            p = S::mul_add(p, u, S::splat(*c));
        }
        let erf = S::max(S::min(S::mul(x, p), one), S::splat(-1.0));
        let half = S::mul(x, S::splat(0.5));
        S::mul_add(half, erf, half)
    }
}

/// GELU by tanh, as GPT-2 computes it: Hugging Face's `gelu_new` and `gelu_pytorch_tanh`.
#[inline(always)]
unsafe fn gelu_tanh<S: Simd>(x: S::F32) -> S::F32 {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    // SAFETY: the caller's promise.
    unsafe {
        let cube = S::mul(S::mul(x, x), x);
        let inner = S::mul(S::splat(SQRT_2_OVER_PI), S::mul_add(S::splat(0.044_715), cube, x));
        let half = S::mul(x, S::splat(0.5));
        S::mul_add(half, tanh::<S>(inner), half)
    }
}

/// Applies `activation` to one register.
///
/// # Safety
/// As for every function of [`Simd`].
#[inline(always)]
pub(crate) unsafe fn activate<S: Simd>(x: S::F32, activation: Activation) -> S::F32 {
    // SAFETY: the caller's promise.
    unsafe {
        match activation {
            Activation::Identity => x,
            Activation::Gelu => gelu::<S>(x),
            Activation::GeluTanh => gelu_tanh::<S>(x),
            Activation::Relu => S::max(S::splat(0.0), x),
            Activation::Tanh => tanh::<S>(x),
        }
    }
}

/// [`activate`] for values that are rounded to eight bits next: GELU is [`short_gelu`].
///
/// # Safety
/// As for every function of [`Simd`].
#[inline(always)]
pub(crate) unsafe fn activate_short<S: Simd>(x: S::F32, activation: Activation) -> S::F32 {
    // SAFETY: the caller's promise.
    unsafe {
        match activation {
            Activation::Gelu => short_gelu::<S>(x),
            other => activate::<S>(x, other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::portable::Portable;

    /// Where it bends, and far beyond: there nothing is left but roundings.
    #[test]
    fn short_gelus_are_within_their_bounds() {
        /// The registers' first lane.
        fn each(x: f32) -> [f32; 2] {
            let mut lanes = [[0.0; crate::PANEL]; 2];
            // SAFETY: the portable tier is everywhere, and a register is at most a panel.
            unsafe {
                let x = Portable::splat(x);
                Portable::store(lanes[0].as_mut_ptr(), short_gelu::<Portable>(x));
                Portable::store(lanes[1].as_mut_ptr(), gelu_by_table::<Portable>(x));
            }
            [lanes[0][0], lanes[1][0]]
        }
        let near = (-100_000..100_000).map(|i| 1e-4 * i as f32);
        for x in near.chain((-1000..1000).map(|i| 97.3 * i as f32)) {
            let exact = crate::reference::activate(f64::from(x), Activation::Gelu);
            for (got, bound) in each(x).into_iter().zip([3e-5, 2e-5]) {
                let error = (f64::from(got) - exact).abs();
                assert!(error < f64::from(x).abs().mul_add(f64::from(f32::EPSILON), bound), "{x}: {error:e}");
            }
        }
        assert!(each(f32::NAN).into_iter().all(f32::is_nan));
        assert_eq!(each(0.0), [0.0; 2]);
        assert_eq!(each(f32::MAX), [f32::MAX; 2]);
    }

    /// Over all exponents of two that scores can be, in steps that hit no multiple.
    #[test]
    fn a_short_power_of_two_is_within_its_bound() {
        let mut worst = 0.0_f64;
        for i in 0..126_000 {
            let x = -0.001_000_3 * i as f32;
            let mut lanes = [0.0; crate::PANEL];
            // SAFETY: the portable tier is everywhere, and a register is at most a panel.
            unsafe { Portable::store(lanes.as_mut_ptr(), short_exp2::<Portable>(Portable::splat(x))) };
            worst = worst.max((f64::from(lanes[0]) / f64::from(x.max(-125.0)).exp2() - 1.0).abs());
        }
        assert!(worst < 8e-5, "{worst:e}");
    }
}
