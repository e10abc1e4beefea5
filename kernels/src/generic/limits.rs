//! What the processor can do at most: the inner loops of the products with nothing but arithmetic, and of the streams
//! with nothing but reading.

use super::{
    attention::Attend,
    prefetch::line,
    simd::{Dot, Pairs, Simd},
};

/// Rows of a tile that fits every register file. With two registers of columns it has chains enough to hide the
/// latency of one step.
const ROWS: usize = 6;

/// The largest part of [`ROWS`] that fits a register file for which tiles of `mr` rows were chosen.
const fn rows(mr: usize) -> usize {
    if mr < ROWS { mr } else { ROWS }
}

/// Bytes of columns, read again and again: they stay in the first-level cache.
const RING: usize = 4096;
/// Bytes of two of the widest registers.
const STEP: usize = 128;

/// `steps` steps of a tile of multiply-adds, whose rows never change. Returns the operations done.
///
/// # Safety
/// The processor has `A`.
#[inline(always)]
pub(crate) unsafe fn multiply_add<A: Attend>(steps: usize, one: A::Elem) -> usize {
    let ring = std::hint::black_box([0_u8; RING]);
    // SAFETY: the caller's promise; the ring is read in front of its end, and two registers are at most a step.
    unsafe {
        let (a, mut acc) = ([A::scalar(&one); ROWS], [[A::zero(); 2]; ROWS]);
        for step in 0..steps {
            let from = ring.as_ptr().add(step * STEP % RING).cast::<A::Elem>();
            let b = [A::load(from), A::load(from.add(A::LANES))];
            for (acc, a) in acc.iter_mut().zip(a).take(rows(A::ROWS)) {
                for (acc, b) in acc.iter_mut().zip(b) {
                    *acc = A::mul_add(a, b, *acc);
                }
            }
        }
        std::hint::black_box(acc);
        2 * steps * rows(A::ROWS) * 2 * A::LANES
    }
}

/// `steps` steps of a tile of dot products of four bytes a lane. Returns the operations done.
///
/// # Safety
/// The processor has `D`.
#[inline(always)]
pub(crate) unsafe fn dot<D: Dot>(steps: usize) -> usize {
    // A type may take two rows of a panel, or bytes of two rows and two groups, at once.
    let (ring, bytes) = std::hint::black_box(([0_u8; RING + STEP], [1_i8; 16 * ROWS]));
    // SAFETY: as above.
    unsafe {
        let a: [_; ROWS] = std::array::from_fn(|i| D::activations(bytes.as_ptr().add(16 * i)));
        let mut acc = [[D::start([0; 2]); 2]; ROWS];
        for step in 0..steps {
            let from = ring.as_ptr().add(step * STEP % RING);
            let w = [D::weights(from), D::weights(from.add(4 * D::Simd::LANES))];
            for (acc, a) in acc.iter_mut().zip(a).take(rows(D::MR)) {
                for (acc, w) in acc.iter_mut().zip(w) {
                    *acc = D::dot(*acc, w, a);
                }
            }
        }
        std::hint::black_box(acc);
        2 * 4 * D::DEPTH * steps * rows(D::MR) * D::ROWS * 2 * D::Simd::LANES
    }
}

/// `steps` steps of a tile of dot products of pairs. Returns the operations done.
///
/// # Safety
/// The processor has `D`.
#[inline(always)]
pub(crate) unsafe fn dot_pairs<D: Pairs>(steps: usize) -> usize {
    let (ring, pairs) = std::hint::black_box(([0_u8; RING], [1_i32; ROWS]));
    // SAFETY: as above.
    unsafe {
        let a = pairs.map(|pair| D::Simd::splat_i32(pair));
        let mut acc = [[D::Simd::splat_i32(0); 2]; ROWS];
        for step in 0..steps {
            let from = ring.as_ptr().add(step * STEP % RING).cast::<i32>();
            let b = [D::load(from), D::load(from.add(D::Simd::LANES))];
            for (acc, a) in acc.iter_mut().zip(a).take(rows(D::MR)) {
                for (acc, b) in acc.iter_mut().zip(b) {
                    *acc = D::dot(*acc, a, b);
                }
            }
        }
        std::hint::black_box(acc);
        2 * 2 * steps * rows(D::MR) * 2 * D::Simd::LANES
    }
}

/// As many operations on bytes as on pairs of 16 bits: attention whose scores are of bytes, and whose values are of pairs.
///
/// # Safety
/// The processor has `D`.
#[inline(always)]
pub(crate) unsafe fn dot_bytes_and_pairs<D: Dot + Pairs>(steps: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { dot::<D>(steps.div_ceil(2)) + dot_pairs::<D>(steps) }
}

/// Reads `lines` cache lines in four streams side by side, which keep more of the memory busy than one, and asks for
/// lines `ahead` bytes before they are read; 0: leaves that to the hardware. Returns something of all of them.
///
/// # Safety
/// The processor has the features of the function that this is inlined into; `from` is valid for `lines` times 64 bytes.
#[inline(always)]
pub(crate) unsafe fn read(from: *const u8, lines: usize, ahead: usize) -> u64 {
    const STREAMS: usize = 4;
    let (each, mut sum) = (lines / STREAMS, [0_u64; 8]);
    let mut add = |i: usize| {
        // SAFETY: the caller's promise; what is only asked for may be anywhere.
        let words = unsafe {
            let at = from.add(64 * i);
            if ahead > 0 {
                line(at.wrapping_add(ahead));
            }
            at.cast::<[u64; 8]>().read_unaligned()
        };
        for (sum, word) in sum.iter_mut().zip(words) {
            *sum ^= word;
        }
    };
    for i in 0..each {
        (0..STREAMS).for_each(|stream| add(stream * each + i));
    }
    (STREAMS * each..lines).for_each(add);
    sum.into_iter().fold(0, |all, sum| all ^ sum)
}

/// The loops do as many operations as they say: a type that computes nothing counts them.
#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "nothing here is unsafe but its signature")]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{arch::portable::Portable, generic::tile::Lanes};

    /// With tiles of `MR` rows.
    #[derive(Clone, Copy)]
    struct Counting<const MR: usize>;

    thread_local! {
        static OPERATIONS: Cell<usize> = const { Cell::new(0) };
    }

    /// Notes a multiply-add of so many pairs.
    fn note(pairs: usize) {
        OPERATIONS.set(OPERATIONS.get() + 2 * pairs);
    }

    impl<const MR: usize> Lanes for Counting<MR> {
        type Elem = f32;
        type Weight = f32;
        type V = ();
        type Scalar = ();
        const LANES: usize = 16;

        unsafe fn zero() {}
        unsafe fn scalar(_: *const f32) {}
        unsafe fn load(_: *const f32) {}
        unsafe fn store(_: *mut f32, (): ()) {}
        unsafe fn mul_add((): (), (): (), (): ()) {
            note(Self::LANES);
        }
    }

    impl<const MR: usize> Attend for Counting<MR> {
        type F32 = Portable;
        const ROWS: usize = MR;
        const KEY_BLOCK: usize = 32;

        unsafe fn convert(_: *const f32, _: usize, _: f32, _: *mut f32) {}
        unsafe fn transpose(_: &[*const f32], _: usize, _: *mut f32) {}
        unsafe fn widen(_: *mut f32, (): ()) {}
        unsafe fn add_bias(_: *mut f32, _: usize, _: *const f32) {}
        unsafe fn powers(_: *mut f32, _: usize, _: &mut f32) -> f32 {
            0.0
        }
    }

    type Sums = <Portable as Simd>::I32;
    const LANES: usize = <Portable as Simd>::LANES;

    impl<const MR: usize> Dot for Counting<MR> {
        type Simd = Portable;
        type Weights = ();
        type Activations = ();
        type Sums = Sums;
        const MR: usize = MR;

        unsafe fn weights(_: *const u8) {}
        unsafe fn activations(_: *const i8) {}
        unsafe fn start(_: [i32; 2]) -> Sums {
            Sums::splat(0)
        }
        unsafe fn dot(acc: Sums, (): (), (): ()) -> Sums {
            note(4 * LANES);
            acc
        }
        unsafe fn sums(acc: Sums) -> [Sums; 2] {
            [acc; 2]
        }
    }

    impl<const MR: usize> Pairs for Counting<MR> {
        type Simd = Portable;
        const MR: usize = MR;

        unsafe fn load(_: *const i32) -> Sums {
            Sums::splat(0)
        }
        unsafe fn store(_: *mut i32, _: Sums) {}
        unsafe fn exp2_pairs(low: Sums, _: Sums) -> Sums {
            low
        }
        unsafe fn store_four_u8(_: *mut u8, _: [Sums; 4]) {}
        unsafe fn as_i32(_: <Portable as Simd>::F32) -> Sums {
            Sums::splat(0)
        }
        unsafe fn as_f32(_: Sums) -> <Portable as Simd>::F32 {
            // SAFETY: the portable tier is everywhere.
            unsafe { Portable::splat(0.0) }
        }
        unsafe fn pair(low: Sums, _: Sums) -> Sums {
            low
        }
        unsafe fn max(a: Sums, _: Sums) -> Sums {
            a
        }
        unsafe fn max_of_rows(_: *const i32) -> Sums {
            Sums::splat(0)
        }
        unsafe fn sum_of_rows(_: *const i32) -> Sums {
            Sums::splat(0)
        }
        unsafe fn dot(acc: Sums, _: Sums, _: Sums) -> Sums {
            note(2 * LANES);
            acc
        }
        unsafe fn dot_bytes(acc: Sums, _: Sums, _: Sums) -> Sums {
            note(4 * LANES);
            acc
        }
    }

    #[track_caller]
    fn check(rows: usize, work: unsafe fn(usize) -> usize) {
        for steps in [0, 1, 7, 100] {
            OPERATIONS.set(0);
            let said = unsafe { work(steps) };
            assert_eq!(said, OPERATIONS.get(), "{steps} steps");
            assert_eq!(said % (2 * rows * 2).max(1), 0, "two registers for each of {rows} rows");
            assert_eq!(said > 0, steps > 0);
        }
    }

    #[test]
    fn operations_are_counted_right() {
        check(2, |steps| unsafe { multiply_add::<Counting<2>>(steps, 1.0) });
        check(ROWS, |steps| unsafe { multiply_add::<Counting<12>>(steps, 1.0) });
        check(2, |steps| unsafe { dot::<Counting<2>>(steps) });
        check(ROWS, |steps| unsafe { dot::<Counting<12>>(steps) });
        check(2, |steps| unsafe { dot_pairs::<Counting<2>>(steps) });
        check(ROWS, |steps| unsafe { dot_pairs::<Counting<12>>(steps) });
    }

    #[test]
    fn every_line_is_read() {
        let words: Vec<u64> = (0..8 * 13).map(|i| 1 << (i % 61)).collect();
        for lines in 0..=13 {
            let expected = words[..8 * lines].iter().fold(0, |all, word| all ^ word);
            for ahead in [0, 4096] {
                assert_eq!(unsafe { read(words.as_ptr().cast(), lines, ahead) }, expected, "{lines} lines");
            }
        }
    }
}
