//! NEON: 32 registers of 4 floats; the int8 dot product by multiplications into 16 bits.

use core::arch::{aarch64::*, asm};

use crate::generic::simd::{Dot, Simd};

#[derive(Clone, Copy)]
pub(crate) struct Neon;

// SAFETY (all blocks below): the trait's contract, the processor has NEON and pointers are valid.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Neon {
    type F32 = float32x4_t;
    type I32 = int32x4_t;
    type Scalar = f32;
    const LANES: usize = 4;
    const MR: usize = 12;
    /// A tile that widens takes a third more.
    const KEPT: usize = 2;

    #[inline(always)]
    unsafe fn splat(x: f32) -> float32x4_t {
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: float32x4_t) {
        unsafe { vst1q_f32(to, v) }
    }
    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> float32x4_t {
        unsafe { vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from))) }
    }
    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmaxq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vminq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn abs(a: float32x4_t) -> float32x4_t {
        unsafe { vabsq_f32(a) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn scalar(from: *const f32) -> f32 {
        unsafe { *from }
    }
    /// By the first lane: a load of one value takes no arithmetic pipe, one that fills a register does. The compiler prefers
    /// the latter where it may choose.
    #[inline(always)]
    unsafe fn mul_add_scalar(a: f32, b: float32x4_t, mut c: float32x4_t) -> float32x4_t {
        unsafe {
            asm!(
                "fmla {c:v}.4s, {b:v}.4s, {a:v}.s[0]",
                c = inout(vreg) c, b = in(vreg) b, a = in(vreg) a,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        c
    }
    #[inline(always)]
    unsafe fn sum(a: float32x4_t) -> f32 {
        unsafe { vaddvq_f32(a) }
    }
    #[inline(always)]
    unsafe fn max_lane(a: float32x4_t) -> f32 {
        unsafe { vmaxvq_f32(a) }
    }
    #[inline(always)]
    unsafe fn round(a: float32x4_t) -> int32x4_t {
        unsafe { vcvtnq_s32_f32(a) }
    }
    #[inline(always)]
    unsafe fn to_f32(a: int32x4_t) -> float32x4_t {
        unsafe { vcvtq_f32_s32(a) }
    }
    #[inline(always)]
    unsafe fn splat_i32(x: i32) -> int32x4_t {
        unsafe { vdupq_n_s32(x) }
    }
    #[inline(always)]
    unsafe fn add_i32(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        unsafe { vaddq_s32(a, b) }
    }
    #[inline(always)]
    unsafe fn sum_i32(a: int32x4_t) -> i32 {
        unsafe { vaddvq_s32(a) }
    }
    #[inline(always)]
    unsafe fn exp2(n: int32x4_t) -> float32x4_t {
        unsafe { vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127)))) }
    }
    #[inline(always)]
    unsafe fn transpose(rows: &[*const f32], columns: usize, to: *mut f32, to_stride: usize) {
        unsafe {
            let whole = columns / 4 * 4;
            for column in (0..whole).step_by(4) {
                let [a, b, c, d] = std::array::from_fn(|i| vld1q_f32(rows[i].add(column)));
                let (even, odd) = (vtrn1q_f32(a, b), vtrn2q_f32(a, b));
                let (even_high, odd_high) = (vtrn1q_f32(c, d), vtrn2q_f32(c, d));
                let pairs = |low, high| (vreinterpretq_f64_f32(low), vreinterpretq_f64_f32(high));
                let ((e, f), (g, h)) = (pairs(even, even_high), pairs(odd, odd_high));
                let out = [vtrn1q_f64(e, f), vtrn1q_f64(g, h), vtrn2q_f64(e, f), vtrn2q_f64(g, h)];
                for (i, out) in out.into_iter().enumerate() {
                    vst1q_f32(to.add((column + i) * to_stride), vreinterpretq_f32_f64(out));
                }
            }
            for column in whole..columns {
                for (lane, row) in rows.iter().enumerate() {
                    *to.add(column * to_stride + lane) = *row.add(column);
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn store_i8(to: *mut i8, v: int32x4_t) {
        unsafe {
            let halves = vmovn_s32(v);
            let bytes = vreinterpret_u32_s8(vmovn_s16(vcombine_s16(halves, halves)));
            to.cast::<u32>().write_unaligned(vget_lane_u32::<0>(bytes));
        }
    }
}

/// 16 weights, unsigned as they are stored, as signed bytes.
// SAFETY: the caller's promise: 16 bytes are there, and the processor has NEON.
#[inline(always)]
unsafe fn signed(from: *const u8) -> int8x16_t {
    unsafe { vreinterpretq_s8_u8(veorq_u8(vld1q_u8(from), vdupq_n_u8(0x80))) }
}

/// Products of 16 bits, added in pairs to sums of 32: a column's four products end in two neighbouring sums. Two products
/// of bytes could leave 16 bits when they are added there.
// SAFETY (all blocks below): the trait's contract, as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Dot for Neon {
    type Simd = Self;
    type Weights = int8x16_t;
    type Activations = int8x16_t;
    /// Of two columns each.
    type Sums = [int32x4_t; 2];
    const OFFSET: i32 = 0;
    /// With six rows the compiler moves sums to the stack.
    const MR: usize = 5;

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> int8x16_t {
        unsafe { signed(from) }
    }
    #[inline(always)]
    unsafe fn activations(from: *const i8) -> int8x16_t {
        unsafe { vreinterpretq_s8_s32(vdupq_n_s32(from.cast::<i32>().read_unaligned())) }
    }
    #[inline(always)]
    unsafe fn start(_: [i32; 2]) -> [int32x4_t; 2] {
        unsafe { [vdupq_n_s32(0); 2] }
    }
    #[inline(always)]
    unsafe fn dot([low, high]: [int32x4_t; 2], w: int8x16_t, a: int8x16_t) -> [int32x4_t; 2] {
        unsafe {
            let low = vpadalq_s16(low, vmull_s8(vget_low_s8(w), vget_low_s8(a)));
            [low, vpadalq_s16(high, vmull_high_s8(w, a))]
        }
    }
    #[inline(always)]
    unsafe fn sums([low, high]: [int32x4_t; 2]) -> [int32x4_t; 2] {
        unsafe { [vpaddq_s32(low, high); 2] }
    }
}

/// The dot product of signed bytes (`sdot`), which take the weights with their top bit flipped.
#[derive(Clone, Copy)]
pub(crate) struct DotProd;

// SAFETY (all blocks below): the trait's contract; the processor has the dot products too.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Dot for DotProd {
    type Simd = Neon;
    type Weights = int8x16_t;
    /// In the first lane, as [`Neon::mul_add_scalar`] has it.
    type Activations = f32;
    type Sums = int32x4_t;
    const OFFSET: i32 = 0;
    const MR: usize = 12;

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> int8x16_t {
        unsafe { signed(from) }
    }
    #[inline(always)]
    unsafe fn activations(from: *const i8) -> f32 {
        unsafe { from.cast::<f32>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn start(_: [i32; 2]) -> int32x4_t {
        unsafe { vdupq_n_s32(0) }
    }
    #[inline(always)]
    unsafe fn dot(mut acc: int32x4_t, w: int8x16_t, a: f32) -> int32x4_t {
        unsafe {
            // Its intrinsic is not stable.
            asm!(
                "sdot {acc:v}.4s, {w:v}.16b, {a:v}.4b[0]",
                acc = inout(vreg) acc, w = in(vreg) w, a = in(vreg) a,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        acc
    }
    #[inline(always)]
    unsafe fn sums(acc: int32x4_t) -> [int32x4_t; 2] {
        [acc; 2]
    }
}

/// Products of 2 × 8 by 8 × 2 bytes (`usmmla`): two columns of unsigned weights by two rows of signed activations.
#[derive(Clone, Copy)]
pub(crate) struct I8mm;

// SAFETY (all blocks below): the trait's contract; the processor has the products of matrices of bytes too.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Dot for I8mm {
    type Simd = Neon;
    /// Eight weights of each of two columns, and of the next two.
    type Weights = [uint8x16_t; 2];
    type Activations = int8x16_t;
    /// Column by column of two, both rows.
    type Sums = [int32x4_t; 2];
    const ROWS: usize = 2;
    const DEPTH: usize = 2;
    const MR: usize = 12;

    #[inline(always)]
    unsafe fn weights(from: *const u8) -> Self::Weights {
        unsafe { zip(vld1q_u8(from), vld1q_u8(from.add(4 * crate::PANEL))) }
    }
    #[inline(always)]
    unsafe fn last_weights(from: *const u8) -> Self::Weights {
        unsafe { zip(vld1q_u8(from), vdupq_n_u8(0)) }
    }
    #[inline(always)]
    unsafe fn activations(from: *const i8) -> int8x16_t {
        unsafe { vld1q_s8(from) }
    }
    #[inline(always)]
    unsafe fn start(row: [i32; 2]) -> Self::Sums {
        unsafe {
            let both = vset_lane_s32::<1>(row[1], vdup_n_s32(row[0]));
            [vcombine_s32(both, both); 2]
        }
    }
    #[inline(always)]
    unsafe fn dot(acc: Self::Sums, w: Self::Weights, a: int8x16_t) -> Self::Sums {
        unsafe { [usmmla(acc[0], w[0], a), usmmla(acc[1], w[1], a)] }
    }
    #[inline(always)]
    unsafe fn sums([low, high]: Self::Sums) -> [int32x4_t; 2] {
        unsafe { [vuzp1q_s32(low, high), vuzp2q_s32(low, high)] }
    }
}

/// Groups of four of four columns, and the groups after them, side by side for each column.
// SAFETY: the caller's promise: the processor has NEON.
#[inline(always)]
unsafe fn zip(four: uint8x16_t, next: uint8x16_t) -> [uint8x16_t; 2] {
    unsafe {
        let (four, next) = (vreinterpretq_u32_u8(four), vreinterpretq_u32_u8(next));
        [vreinterpretq_u8_u32(vzip1q_u32(four, next)), vreinterpretq_u8_u32(vzip2q_u32(four, next))]
    }
}

// SAFETY: the caller's promise: the processor has the instruction.
#[inline(always)]
unsafe fn usmmla(mut acc: int32x4_t, w: uint8x16_t, a: int8x16_t) -> int32x4_t {
    unsafe {
        // Its intrinsic is not stable.
        asm!(
            "usmmla {acc:v}.4s, {w:v}.16b, {a:v}.16b",
            acc = inout(vreg) acc, w = in(vreg) w, a = in(vreg) a,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}
