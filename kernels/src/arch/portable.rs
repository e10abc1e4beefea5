//! Whatever the compiler's target offers, through the `wide` crate.

use wide::{f32x8, i32x8};

use crate::generic::simd::{Dot, Simd};

#[derive(Clone, Copy)]
pub(crate) struct Portable;

// SAFETY (all blocks below): pointers are valid for the lanes that are read or written; the trait asks for it.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Portable {
    type F32 = f32x8;
    type I32 = i32x8;
    type Scalar = f32x8;
    const LANES: usize = 8;
    const MR: usize = 2;
    const KEPT: usize = 2;

    #[inline(always)]
    unsafe fn splat(x: f32) -> f32x8 {
        f32x8::splat(x)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> f32x8 {
        f32x8::new(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: f32x8) {
        unsafe { to.cast::<[f32; 8]>().write_unaligned(v.to_array()) }
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> f32x8 {
        let bits = unsafe { from.cast::<[u16; 8]>().read_unaligned() };
        widen(i32x8::new(std::array::from_fn(|lane| i32::from(bits[lane]) << 16)))
    }
    #[inline(always)]
    unsafe fn add(a: f32x8, b: f32x8) -> f32x8 {
        a + b
    }
    #[inline(always)]
    unsafe fn sub(a: f32x8, b: f32x8) -> f32x8 {
        a - b
    }
    #[inline(always)]
    unsafe fn mul(a: f32x8, b: f32x8) -> f32x8 {
        a * b
    }
    #[inline(always)]
    unsafe fn div(a: f32x8, b: f32x8) -> f32x8 {
        a / b
    }
    #[inline(always)]
    unsafe fn max(a: f32x8, b: f32x8) -> f32x8 {
        a.simd_gt(b).select(a, b)
    }
    #[inline(always)]
    unsafe fn min(a: f32x8, b: f32x8) -> f32x8 {
        a.simd_lt(b).select(a, b)
    }
    #[inline(always)]
    unsafe fn abs(a: f32x8) -> f32x8 {
        a.abs()
    }
    #[inline(always)]
    unsafe fn mul_add(a: f32x8, b: f32x8, c: f32x8) -> f32x8 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    unsafe fn scalar(from: *const f32) -> f32x8 {
        unsafe { Self::splat(*from) }
    }
    #[inline(always)]
    unsafe fn mul_add_scalar(a: f32x8, b: f32x8, c: f32x8) -> f32x8 {
        unsafe { Self::mul_add(a, b, c) }
    }
    #[inline(always)]
    unsafe fn sum(a: f32x8) -> f32 {
        let [a, b, c, d, e, f, g, h] = a.to_array();
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
    #[inline(always)]
    unsafe fn max_lane(a: f32x8) -> f32 {
        a.to_array().into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
    #[inline(always)]
    unsafe fn round(a: f32x8) -> i32x8 {
        i32x8::new(a.to_array().map(|x| x.round_ties_even() as i32))
    }
    #[inline(always)]
    unsafe fn to_f32(a: i32x8) -> f32x8 {
        f32x8::new(a.to_array().map(|x| x as f32))
    }
    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> i32x8 {
        i32x8::splat(x)
    }
    #[inline(always)]
    unsafe fn add_i32(a: i32x8, b: i32x8) -> i32x8 {
        a + b
    }
    #[inline(always)]
    unsafe fn sum_i32(a: i32x8) -> i32 {
        a.to_array().into_iter().fold(0, i32::wrapping_add)
    }
    #[inline(always)]
    unsafe fn exp2(n: i32x8) -> f32x8 {
        f32x8::new(n.to_array().map(|n| f32::from_bits(((n + 127) as u32) << 23)))
    }
    #[inline(always)]
    unsafe fn store_i8(to: *mut i8, v: i32x8) {
        unsafe { to.cast::<[i8; 8]>().write_unaligned(v.to_array().map(|x| x as i8)) }
    }
}

/// The numbers whose bits in half precision are the upper halves of lanes: sign, exponent and fraction in the places that they have in
/// f32, and the exponent's bias corrected by a multiplication, which makes normal numbers of subnormal ones. What is infinite or no
/// number stays so.
#[inline(always)]
fn widen(half: i32x8) -> f32x8 {
    let of_bits = |bits: i32x8| f32x8::new(bits.to_array().map(|bits| f32::from_bits(bits.cast_unsigned())));
    let placed: i32x8 = (half >> 3) & i32x8::splat(0x8fff_e000_u32.cast_signed());
    let x = of_bits(placed) * f32x8::splat(f32::from_bits((127 + 112) << 23));
    x | (x.abs().simd_ge(f32x8::splat(65_536.0)) & f32x8::splat(f32::INFINITY))
}

// SAFETY (all blocks below): as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Dot for Portable {
    type Simd = Self;
    type Weights = [[u8; 4]; 8];
    type Activations = [i32; 4];
    type Sums = i32x8;
    const MR: usize = 2;

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> Self::Weights {
        unsafe { from.cast::<[[u8; 4]; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn activations(from: *const i8) -> Self::Activations {
        unsafe { from.cast::<[i8; 4]>().read_unaligned() }.map(i32::from)
    }
    #[inline(always)]
    unsafe fn start([row, _]: [i32; 2]) -> i32x8 {
        unsafe { <Self::Simd as Simd>::splat_i32(row) }
    }
    #[inline(always)]
    unsafe fn dot(acc: i32x8, w: Self::Weights, a: Self::Activations) -> i32x8 {
        acc + i32x8::new(w.map(|w| (0..4).map(|i| i32::from(w[i]) * a[i]).sum()))
    }
    #[inline(always)]
    unsafe fn sums(acc: i32x8) -> [i32x8; 2] {
        [acc; 2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_widened() {
        for first in (0..=u16::MAX).step_by(8) {
            let halves: [u16; 8] = std::array::from_fn(|i| first + i as u16);
            // SAFETY: there are eight.
            let widened = unsafe { Portable::load_half(halves.as_ptr()) };
            for (half, x) in halves.into_iter().zip(widened.to_array()) {
                let exact = half::f16::from_bits(half).to_f32();
                assert!(
                    x.to_bits() == exact.to_bits() || x.is_nan() && exact.is_nan(),
                    "{half:#x}: {x} is {exact}"
                );
            }
        }
    }
}
