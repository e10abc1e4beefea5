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
        let (a, mut acc) = ([A::broadcast(&one); ROWS], [[A::zero(); 2]; ROWS]);
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
    let (ring, bytes) = std::hint::black_box(([0_u8; RING], [1_i8; 4 * ROWS]));
    // SAFETY: as above.
    unsafe {
        let a: [_; ROWS] = std::array::from_fn(|i| D::activations(bytes.as_ptr().add(4 * i)));
        let mut acc = [[D::Simd::splat_i32(0); 2]; ROWS];
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
        2 * 4 * steps * rows(D::MR) * 2 * D::Simd::LANES
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
