//! VNNI for attention in integers.

use core::arch::x86_64::*;

use super::{Avx512, Vnni, bytes};
use crate::generic::simd::Pairs;

// SAFETY (all blocks below): the trait's contract; the processor has AVX-512 VNNI too.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Pairs for Vnni {
    type Simd = Avx512;
    const MR: usize = 12;

    #[inline(always)]
    unsafe fn load(from: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut i32, v: __m512i) {
        unsafe { _mm512_storeu_si512(to.cast(), v) }
    }
    #[inline(always)]
    unsafe fn exp2_pairs(low: __m512i, high: __m512i) -> __m512i {
        /// Of 2^(r/2 - 1) over |r| <= 1, from the third power down, in parts of 2^15: the best for these roundings.
        const TERMS: [i16; 4] = [112, 994, 5_680, 16_383];
        /// 2^(n - 7), halved, in parts of 2^15; n above 7 stands for n - 16.
        const SCALES: [i16; 32] = {
            let mut scales = [0; 32];
            let mut n = 0;
            while n < 16 {
                let shift = if n < 8 { 7 - n } else { 23 - n };
                scales[n] = (1 << 14) >> shift;
                n += 1;
            }
            scales
        };
        unsafe {
            // Which works on each quarter of both alone.
            let mixed = _mm512_packs_epi32(low, high);
            let x = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), mixed);
            let n = _mm512_srli_epi16::<12>(_mm512_add_epi16(x, _mm512_set1_epi16(1 << 11)));
            let r = _mm512_slli_epi16::<4>(x);
            let mut power = _mm512_set1_epi16(TERMS[0]);
            for term in &TERMS[1..] {
                power = _mm512_add_epi16(_mm512_mulhrs_epi16(power, r), _mm512_set1_epi16(*term));
            }
            let scale = _mm512_permutexvar_epi16(n, _mm512_loadu_si512(SCALES.as_ptr().cast()));
            _mm512_mulhrs_epi16(power, scale)
        }
    }
    #[inline(always)]
    unsafe fn store_four_u8(to: *mut u8, v: [__m512i; 4]) {
        unsafe { Self::store(to.cast(), _mm512_xor_si512(bytes(v), _mm512_set1_epi8(-128))) }
    }
    #[inline(always)]
    unsafe fn as_i32(a: __m512) -> __m512i {
        unsafe { _mm512_castps_si512(a) }
    }
    #[inline(always)]
    unsafe fn as_f32(a: __m512i) -> __m512 {
        unsafe { _mm512_castsi512_ps(a) }
    }
    #[inline(always)]
    unsafe fn pair(low: __m512i, high: __m512i) -> __m512i {
        unsafe { _mm512_mask_blend_epi16(0xaaaa_aaaa, low, _mm512_slli_epi32::<16>(high)) }
    }
    #[inline(always)]
    unsafe fn max(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_max_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn max_of_rows(rows: *const i32) -> __m512i {
        unsafe { across_rows::<true>(rows) }
    }
    #[inline(always)]
    unsafe fn sum_of_rows(rows: *const i32) -> __m512i {
        unsafe { across_rows::<false>(rows) }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_dpwssd_epi32(acc, a, b) }
    }
    #[inline(always)]
    unsafe fn dot_bytes(acc: __m512i, u: __m512i, a: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(acc, u, a) }
    }
}

/// The largest number, or the sum, of each of 16 rows of 16. Rows are put together before they become shorter, so that each step
/// works on whole registers.
#[inline(always)]
unsafe fn across_rows<const MAX: bool>(rows: *const i32) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        let [a, b] = [four_rows::<MAX>(rows), four_rows::<MAX>(rows.add(4 * 16))];
        let [c, d] = [four_rows::<MAX>(rows.add(8 * 16)), four_rows::<MAX>(rows.add(12 * 16))];
        let [ab, cd] = [quarters::<MAX>(a, b), quarters::<MAX>(c, d)];
        quarters::<MAX>(ab, cd)
    }
}

/// In each quarter of the register one number for each row: what its numbers there come to.
#[inline(always)]
unsafe fn four_rows<const MAX: bool>(rows: *const i32) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        let [a, b] = [Vnni::load(rows), Vnni::load(rows.add(16))];
        let [c, d] = [Vnni::load(rows.add(2 * 16)), Vnni::load(rows.add(3 * 16))];
        let ab = both::<MAX>(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let cd = both::<MAX>(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        both::<MAX>(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd))
    }
}

/// Quarters of `a`, then of `b`, two by two.
#[inline(always)]
unsafe fn quarters<const MAX: bool>(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { both::<MAX>(_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0xdd>(a, b)) }
}

/// The larger one, or the sum.
#[inline(always)]
unsafe fn both<const MAX: bool>(a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { if MAX { _mm512_max_epi32(a, b) } else { _mm512_add_epi32(a, b) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    unsafe fn weights(exponents: [i32; 32]) -> [i16; 32] {
        let mut weights = [0; 32];
        // SAFETY: the arrays are two registers and one.
        unsafe {
            let of = |at: usize| Vnni::load(exponents.as_ptr().add(at));
            Vnni::store(weights.as_mut_ptr().cast(), Vnni::exp2_pairs(of(0), of(16)));
        }
        weights
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    unsafe fn largest_and_sums(rows: &[[i32; 16]; 16]) -> [[i32; 16]; 2] {
        let mut found = [[0; 16]; 2];
        // SAFETY: the arrays are 16 registers and one each.
        unsafe {
            Vnni::store(found[0].as_mut_ptr(), Vnni::max_of_rows(rows.as_ptr().cast()));
            Vnni::store(found[1].as_mut_ptr(), Vnni::sum_of_rows(rows.as_ptr().cast()));
        }
        found
    }

    #[test]
    fn rows_are_told_apart() {
        if !Isa::Avx512Vnni.is_available() {
            return;
        }
        let rows: [[i32; 16]; 16] = std::array::from_fn(|i| {
            std::array::from_fn(|j| (i * 7919 + j * 104_729) as i32 % 10_007 - 5_000)
        });
        // SAFETY: the processor has it.
        let found = unsafe { largest_and_sums(&rows) };
        assert_eq!(found[0], rows.map(|row| row.into_iter().max().unwrap()));
        assert_eq!(found[1], rows.map(|row| row.into_iter().sum::<i32>()));
    }

    /// All exponents that there are, and some that 16 bits do not hold.
    #[test]
    fn weights_are_within_their_bound() {
        if !Isa::Avx512Vnni.is_available() {
            return;
        }
        let (mut worst, mut out_of) = (0.0_f64, 0);
        for first in (-70_000..=28_640).step_by(32) {
            let exponents: [i32; 32] = std::array::from_fn(|i| first + i as i32 + 1);
            // SAFETY: the processor has it.
            for (x, weight) in exponents.into_iter().zip(unsafe { weights(exponents) }) {
                let exact = 8_192.0 * (f64::from(x) / 4_096.0 - 7.0).exp2();
                worst = worst.max(((f64::from(weight) - exact).abs() - 0.5) / exact);
                out_of += i32::from(!(0..=8_192).contains(&weight));
            }
        }
        assert_eq!(out_of, 0);
        assert!(worst < 1.6e-4, "{worst:e}");
        for (exponent, weight) in [(i32::MIN, 0), (28_672, 8_192)] {
            // SAFETY: as above.
            assert_eq!(unsafe { weights([exponent; 32]) }, [weight; 32]);
        }
    }
}
