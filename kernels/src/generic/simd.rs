//! What an instruction set must offer. Every algorithm of this crate is written once, over these two traits.
//!
//! To add an instruction set: implement [`Simd`] and [`Dot`] for a type of its own in `arch/`, name its tiers in
//! [`crate::Isa`] and give each a table.
//!
//! No closure that works on registers goes to a function of the standard library, such as `map` of an array: that function is
//! compiled without the instruction set, and where the compiler then inlines neither, each register passes through memory. In a
//! program without link-time optimization the int8 products took 1.6 times as long for it.
//!
//! All methods are `unsafe` for one reason: the processor must have the instructions. Pointers must be valid for the
//! lanes that are read or written; no alignment is needed.

/// A vector of f32 and one of i32 with as many lanes.
pub(crate) trait Simd: Copy + 'static {
    type F32: Copy;
    type I32: Copy;
    /// One value that multiplies all lanes, in the register from which that is fastest.
    type Scalar: Copy;
    /// Lanes of a register: a divisor of [`crate::PANEL`].
    const LANES: usize;
    /// Rows of the largest f32 register tile: as many by two registers of sums fit the register file.
    const MR: usize;
    /// Tiles of a panel in halves from which the first one leaves it in f32 for the others: fewer widen it each for itself, behind their
    /// arithmetic.
    const KEPT: usize = 5;
    /// Whether [`Simd::look_up`] is an instruction or two.
    const LOOKS_UP: bool = false;

    unsafe fn splat(x: f32) -> Self::F32;
    unsafe fn load(from: *const f32) -> Self::F32;
    unsafe fn store(to: *mut f32, v: Self::F32);
    /// Widens as many halves, given as their bits.
    unsafe fn load_half(from: *const u16) -> Self::F32;
    unsafe fn add(a: Self::F32, b: Self::F32) -> Self::F32;
    unsafe fn sub(a: Self::F32, b: Self::F32) -> Self::F32;
    unsafe fn mul(a: Self::F32, b: Self::F32) -> Self::F32;
    unsafe fn div(a: Self::F32, b: Self::F32) -> Self::F32;
    /// The larger one; `b` or NaN where either is NaN.
    unsafe fn max(a: Self::F32, b: Self::F32) -> Self::F32;
    /// The smaller one; `b` or NaN where either is NaN.
    unsafe fn min(a: Self::F32, b: Self::F32) -> Self::F32;
    unsafe fn abs(a: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once where the hardware can.
    unsafe fn mul_add(a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    unsafe fn scalar(from: *const f32) -> Self::Scalar;
    /// [`Simd::mul_add`] with the same `a` in every lane.
    unsafe fn mul_add_scalar(a: Self::Scalar, b: Self::F32, c: Self::F32) -> Self::F32;
    /// The sum of the lanes, in an order that is this type's own but always the same.
    unsafe fn sum(a: Self::F32) -> f32;
    /// The largest lane; anything if one is NaN.
    unsafe fn max_lane(a: Self::F32) -> f32;

    /// The nearest integers, ties to even; anything for NaN.
    unsafe fn round(a: Self::F32) -> Self::I32;
    unsafe fn to_f32(a: Self::I32) -> Self::F32;
    unsafe fn splat_i32(x: i32) -> Self::I32;
    /// Wraps.
    unsafe fn add_i32(a: Self::I32, b: Self::I32) -> Self::I32;
    /// Wraps.
    unsafe fn sum_i32(a: Self::I32) -> i32;
    /// 2 to the power of `n`, for -126 <= n <= 127.
    unsafe fn exp2(n: Self::I32) -> Self::F32;
    /// Lane by lane what `table` has at the last five bits of `at`.
    #[inline(always)]
    unsafe fn look_up(table: &[f32; 32], at: Self::F32) -> Self::F32 {
        let mut lanes = [0.0_f32; crate::PANEL];
        // SAFETY: the caller's promise; a register is at most a panel.
        unsafe { Self::store(lanes.as_mut_ptr(), at) };
        for lane in &mut lanes {
            *lane = table[(lane.to_bits() & 31) as usize];
        }
        // SAFETY: as above.
        unsafe { <Self as Simd>::load(lanes.as_ptr()) }
    }
    /// Transposes a block: `to` gets `columns` rows of [`Self::LANES`] values, `to_stride` apart, the columns of that
    /// many rows at `rows`; all of the pointers are valid for `columns` values.
    #[inline(always)]
    unsafe fn transpose(rows: &[*const f32], columns: usize, to: *mut f32, to_stride: usize) {
        for (lane, row) in rows.iter().enumerate() {
            for column in 0..columns {
                // SAFETY: the caller's promise.
                unsafe { *to.add(column * to_stride + lane) = *row.add(column) }
            }
        }
    }
    /// Stores the low byte of every lane.
    unsafe fn store_i8(to: *mut i8, v: Self::I32);
    /// [`Simd::store_i8`] of four registers, one after the other, whose lanes are bytes in value, too.
    #[inline(always)]
    unsafe fn store_four_i8(to: *mut i8, v: [Self::I32; 4]) {
        for (i, v) in v.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { Self::store_i8(to.add(i * Self::LANES), v) };
        }
    }
}

/// The int8 dot product in groups of four along k: exact, whatever the bytes are.
pub(crate) trait Dot: Copy + 'static {
    type Simd: Simd;
    /// Weights of as many columns as the type has lanes: [`Self::DEPTH`] groups of each.
    type Weights: Copy;
    /// Signed bytes of [`Self::ROWS`] rows: [`Self::DEPTH`] groups of each.
    type Activations: Copy;
    /// The sums of as many rows and columns.
    type Sums: Copy;
    /// Rows that are worked on together, 1 or 2: their bytes stand side by side, `DEPTH` groups of each in turn.
    const ROWS: usize = 1;
    /// Groups of four, 1 or 2, that one step takes.
    const DEPTH: usize = 1;
    /// What the weights are larger by than the numbers they stand for, when they are multiplied.
    const OFFSET: i32 = 128;
    /// [`Self::ROWS`] of the largest int8 register tile.
    const MR: usize;

    /// Of `DEPTH` rows of a panel.
    unsafe fn weights(from: *const u8) -> Self::Weights;
    /// Of the last row of a panel, where it has an odd number of them and `DEPTH` is 2.
    #[inline(always)]
    unsafe fn last_weights(from: *const u8) -> Self::Weights {
        // SAFETY: the caller's promise: with a depth of one every row is like the last.
        unsafe { Self::weights(from) }
    }
    unsafe fn activations(from: *const i8) -> Self::Activations;
    /// What sums begin as: one number for each row; the second is for a second row.
    unsafe fn start(row: [i32; 2]) -> Self::Sums;
    /// `acc + Σ w·a` for every row and column.
    unsafe fn dot(acc: Self::Sums, w: Self::Weights, a: Self::Activations) -> Self::Sums;
    /// Row by row; the second is there where there is a second row.
    unsafe fn sums(acc: Self::Sums) -> [<Self::Simd as Simd>::I32; 2];
}

/// The dot products of attention in integers, and what goes with them. A lane of 32 bits is a pair of 16-bit integers or four
/// bytes.
pub(crate) trait Pairs: Copy + 'static {
    type Simd: Simd;
    /// Rows of the largest register tile.
    const MR: usize;

    unsafe fn load(from: *const i32) -> <Self::Simd as Simd>::I32;
    unsafe fn store(to: *mut i32, v: <Self::Simd as Simd>::I32);
    /// Weights of a softmax in 16 bits: `8,192 · 2^x`, rounded, where lanes of `low`, then of `high`, are `4,096 · (x + 7)`, with x
    /// at most 0. Within 1.6e-4 of it, beside the rounding; 0 from x = -15 on, and where a number is too small for 16 bits.
    unsafe fn exp2_pairs(
        low: <Self::Simd as Simd>::I32,
        high: <Self::Simd as Simd>::I32,
    ) -> <Self::Simd as Simd>::I32;
    /// Stores four registers, one after the other, whose lanes are signed bytes in value: larger by 128, as unsigned bytes.
    unsafe fn store_four_u8(to: *mut u8, v: [<Self::Simd as Simd>::I32; 4]);
    /// The same bits.
    unsafe fn as_i32(a: <Self::Simd as Simd>::F32) -> <Self::Simd as Simd>::I32;
    unsafe fn as_f32(a: <Self::Simd as Simd>::I32) -> <Self::Simd as Simd>::F32;
    /// The low halves of two registers, lane by lane.
    unsafe fn pair(
        low: <Self::Simd as Simd>::I32,
        high: <Self::Simd as Simd>::I32,
    ) -> <Self::Simd as Simd>::I32;
    /// The larger one.
    unsafe fn max(a: <Self::Simd as Simd>::I32, b: <Self::Simd as Simd>::I32) -> <Self::Simd as Simd>::I32;
    /// The largest number of each of `LANES` rows of as many, the first row's in the first lane.
    unsafe fn max_of_rows(rows: *const i32) -> <Self::Simd as Simd>::I32;
    /// The sum of each, likewise; wraps.
    unsafe fn sum_of_rows(rows: *const i32) -> <Self::Simd as Simd>::I32;
    /// `acc + Σ₂ a·b` in every lane, of 16-bit integers; wraps.
    unsafe fn dot(
        acc: <Self::Simd as Simd>::I32,
        a: <Self::Simd as Simd>::I32,
        b: <Self::Simd as Simd>::I32,
    ) -> <Self::Simd as Simd>::I32;
    /// `acc + Σ₄ u·a` in every lane, of unsigned and signed bytes; wraps.
    unsafe fn dot_bytes(
        acc: <Self::Simd as Simd>::I32,
        u: <Self::Simd as Simd>::I32,
        a: <Self::Simd as Simd>::I32,
    ) -> <Self::Simd as Simd>::I32;
}
