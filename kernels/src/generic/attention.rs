//! Attention of one head over one sequence, fused: scores live in a scratch of a few rows, never as a matrix.
//!
//! Queries, keys and values are copied once per head into the order, and the number type, in which the products read
//! them; both products are then the tile of the matmul. The softmax is online (Milakov and Gimelshein, 2018): blocks of
//! [`Attend::KEY_BLOCK`] keys, counted from the sequence's first, so that the bits depend on the sequence alone.

use super::{
    prefetch::Ahead,
    simd::Simd,
    tile::{Lanes, by_rows, tile},
};
use crate::PANEL;

/// Rows of queries that are worked on together on the vectors' unit, at most.
pub(super) const MAX_ROWS: usize = 12;
/// The same of a unit for matrices.
pub(crate) const MAX_TILE_ROWS: usize = 32;

/// The number type that attention is computed in. What leaves it is f32.
pub(crate) trait Attend: Lanes<Weight = <Self as Lanes>::Elem> {
    /// The same processor's f32.
    type F32: Simd;
    /// Rows of the largest register tile.
    const ROWS: usize;
    /// Keys whose scores are held, and whose values are summed in this type, at a time.
    const KEY_BLOCK: usize;

    /// `to[i] = from[i] * scale`
    unsafe fn convert(from: *const f32, len: usize, scale: f32, to: *mut Self::Elem);
    /// Fills up to [`PANEL`] lanes of `columns` panel rows with the columns of `rows`; other lanes are left or get
    /// anything finite.
    unsafe fn transpose(rows: &[*const f32], columns: usize, to: *mut Self::Elem);
    /// Stores a register as f32.
    unsafe fn widen(to: *mut f32, v: Self::V);
    /// `scores[i] += bias[i]`, for whole registers of which the last may reach beyond `keys`.
    unsafe fn add_bias(scores: *mut Self::Elem, keys: usize, bias: *const f32);
    /// Turns the scores of `keys` keys into powers of two relative to the largest so far, `max`, which is updated. The
    /// row has room for whole panels; what is beyond `keys` is arbitrary. Returns the sum of the powers.
    unsafe fn powers(scores: *mut Self::Elem, keys: usize, max: &mut f32) -> f32;
}

/// One head of one sequence.
#[derive(Clone, Copy)]
pub(crate) struct Args {
    /// Rows of `q` and `out`.
    pub(crate) queries: usize,
    /// Rows of `k` and `v`.
    pub(crate) keys: usize,
    pub(crate) head_size: usize,
    pub(crate) q: *const f32,
    pub(crate) q_stride: usize,
    /// From a head of `q` to the next, which will be read next.
    pub(crate) q_head: usize,
    pub(crate) k: *const f32,
    pub(crate) v: *const f32,
    /// From one row of `k` (and of `v`) to the next.
    pub(crate) kv_stride: usize,
    /// From a head of `k` (and of `v`) to the next.
    pub(crate) kv_head: usize,
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
    /// 1/√head_size · log₂ e: scores are exponents of 2.
    pub(crate) scale: f32,
    pub(crate) bias: Option<Bias>,
    /// [`scratch_len`] values.
    pub(crate) scratch: *mut f32,
}

/// What a head adds to scores by the distance from query to key, as an exponent of 2.
#[derive(Clone, Copy)]
pub(crate) struct Bias {
    /// That of distance 0: those of all distances that there are lie around it, and a panel's more after them.
    pub(crate) zero: *const f32,
    /// Of which key row each query is, if not of the same as its own; the sequence's first key is row `first`.
    pub(crate) positions: Option<*const u32>,
    pub(crate) first: usize,
}

impl Bias {
    /// What is added to the scores of query `query`, from the one of key `key` on.
    ///
    /// # Safety
    /// There are such a query and such a key.
    #[inline(always)]
    pub(crate) unsafe fn row(&self, query: usize, key: usize) -> *const f32 {
        // SAFETY: the caller's promise: positions are those of keys, and distances between them are there.
        unsafe {
            let position =
                self.positions.map_or(query, |positions| *positions.add(query) as usize - self.first);
            self.zero.offset(key.cast_signed() - position.cast_signed())
        }
    }
}

/// f32 values of scratch that a head over `keys` keys needs, whatever the number type: the panels, the queries of a
/// tile, their scores and their sums.
pub(crate) const fn scratch_len(keys: usize, head_size: usize) -> usize {
    let (keys, padded) = (keys.next_multiple_of(PANEL), head_size.next_multiple_of(PANEL));
    2 * keys * padded + MAX_TILE_ROWS * (query_stride(head_size) + 256 + padded) + 4 * 64
}

/// From one query row of the scratch to the next, where heads are not larger: a constant, which the tile's addresses
/// have in their instructions.
const QUERY_STRIDE: usize = 128;

const fn query_stride(head_size: usize) -> usize {
    if head_size <= QUERY_STRIDE { QUERY_STRIDE } else { head_size }
}

/// Where the parts of the scratch are.
struct Scratch<A: Attend> {
    /// `[⌈keys/32⌉][head_size][32]`
    keys: *mut A::Elem,
    /// `[⌈head_size/32⌉][keys][32]`
    values: *mut A::Elem,
    /// `[12][query_stride]`, scaled.
    queries: *mut A::Elem,
    /// `[12][KEY_BLOCK]`: scores, then powers.
    scores: *mut A::Elem,
    /// `[12][head_size↑32]`: weighted values so far.
    sums: *mut f32,
}

impl<A: Attend> Scratch<A> {
    fn new(args: &Args) -> Self {
        let Args { keys, head_size, scratch, .. } = *args;
        let keys_at = scratch.cast::<A::Elem>();
        let values = keys_at.wrapping_add(keys.next_multiple_of(PANEL) * head_size);
        let queries = values.wrapping_add(head_size.next_multiple_of(PANEL) * keys);
        let scores = queries.wrapping_add((MAX_ROWS * query_stride(head_size)).next_multiple_of(PANEL));
        // Elements are at most as large as f32 and the offset is a multiple of a cache line: sums are aligned.
        let sums = scores.wrapping_add(MAX_ROWS * A::KEY_BLOCK).cast();
        Self { keys: keys_at, values, queries, scores, sums }
    }

    /// Copies keys, transposed, and values into panels.
    #[inline(always)]
    unsafe fn pack(&self, args: &Args) {
        let Args { keys, head_size, kv_stride, .. } = *args;
        // SAFETY: rows of `k` and `v` have head_size values, panels have room for whole panels of keys and columns.
        unsafe {
            for first in (0..keys).step_by(PANEL) {
                // Lanes beyond the last key repeat it.
                let rows: [*const f32; PANEL] =
                    std::array::from_fn(|lane| args.k.add((first + lane).min(keys - 1) * kv_stride));
                A::transpose(&rows, head_size, self.keys.add(first * head_size));
                rows.iter().for_each(|row| next_head(*row, args.kv_head, head_size));
            }
            for first in (0..head_size).step_by(PANEL) {
                let panel = self.values.add(first * keys);
                let lanes = PANEL.min(head_size - first);
                for key in 0..keys {
                    let row = panel.add(key * PANEL);
                    let from = args.v.add(key * kv_stride + first);
                    next_head(
                        args.v.add(key * kv_stride),
                        args.kv_head,
                        if first == 0 { head_size } else { 0 },
                    );
                    if lanes == PANEL {
                        A::convert(from, PANEL, 1.0, row);
                    } else {
                        row.write_bytes(0, PANEL);
                        A::convert(from, lanes, 1.0, row);
                    }
                }
            }
        }
    }
}

/// Asks for what the next head, `head` values further, will read of a row: heads are worked on in their order, and the hardware
/// cannot see it.
#[inline(always)]
pub(crate) fn next_head(row: *const f32, head: usize, head_size: usize) {
    for at in (0..head_size).step_by(16) {
        super::prefetch::line(row.wrapping_add(head + at).cast());
    }
}

/// All keys for `MR` query rows from `query` on. Returns whether the results are finite.
#[inline(always)]
unsafe fn query_rows<A: Attend, const NR: usize, const MR: usize>(
    args: &Args,
    query: usize,
    scratch: &Scratch<A>,
) -> bool {
    let head_size = args.head_size;
    let (stride, mut max, mut sum) = (query_stride(head_size), [f32::NEG_INFINITY; MR], [0.0; MR]);
    // SAFETY: the caller's promise: `query + MR <= queries`; the scratch has the room that its fields say.
    unsafe {
        for i in 0..MR {
            let row = args.q.add((query + i) * args.q_stride);
            A::convert(row, head_size, args.scale, scratch.queries.add(i * stride));
            next_head(row, args.q_head, head_size);
        }
        for key in (0..args.keys).step_by(A::KEY_BLOCK) {
            let keys = A::KEY_BLOCK.min(args.keys - key);
            for first in (0..keys).step_by(PANEL) {
                let panel = scratch.keys.add((key + first) * head_size);
                for column in (0..PANEL).step_by(NR * A::LANES) {
                    let (q, k) = (scratch.queries, panel.add(column));
                    let acc = if stride == QUERY_STRIDE {
                        tile::<A, MR, NR>(head_size, q, (QUERY_STRIDE, 1), k, Ahead::NONE)
                    } else {
                        tile::<A, MR, NR>(head_size, q, (stride, 1), k, Ahead::NONE)
                    };
                    for (i, acc) in acc.iter().enumerate() {
                        let to = scratch.scores.add(i * A::KEY_BLOCK + first + column);
                        for (j, &acc) in acc.iter().enumerate() {
                            A::store(to.add(j * A::LANES), acc);
                        }
                    }
                }
            }
            let mut shrink = [0.0; MR];
            for i in 0..MR {
                if let Some(bias) = &args.bias {
                    A::add_bias(scratch.scores.add(i * A::KEY_BLOCK), keys, bias.row(query + i, key));
                }
                let before = max[i];
                let block = A::powers(scratch.scores.add(i * A::KEY_BLOCK), keys, &mut max[i]);
                if key > 0 {
                    [shrink[i]] = exp2_rows::<A::F32, 1>(|_| before - max[i]);
                }
                sum[i] = sum[i] * shrink[i] + block;
            }
            add_values::<A, NR, MR>(args, (key, keys), scratch, (key > 0).then_some(&shrink));
        }
        let mut check = A::F32::splat(0.0);
        for (i, sum) in sum.into_iter().enumerate() {
            let out = args.out.add((query + i) * args.out_stride);
            let sums = scratch.sums.add(i * head_size.next_multiple_of(PANEL));
            check = divide::<A::F32>(sums, sum, head_size, out, check);
        }
        A::F32::sum(check) == 0.0
    }
}

/// Adds one block's weighted values to the sums, which shrink as the largest score grew.
#[inline(always)]
unsafe fn add_values<A: Attend, const NR: usize, const MR: usize>(
    args: &Args,
    (key, keys): (usize, usize),
    scratch: &Scratch<A>,
    shrink: Option<&[f32; MR]>,
) {
    let padded = args.head_size.next_multiple_of(PANEL);
    // SAFETY: the caller's promise; columns beyond head_size are sums of the panel's zeros.
    unsafe {
        for first in (0..args.head_size).step_by(PANEL) {
            let panel = scratch.values.add(first * args.keys + key * PANEL);
            for column in (0..PANEL).step_by(NR * A::LANES) {
                let acc = tile::<A, MR, NR>(
                    keys,
                    scratch.scores,
                    (A::KEY_BLOCK, 1),
                    panel.add(column),
                    Ahead::NONE,
                );
                for (i, acc) in acc.iter().enumerate() {
                    let sums = scratch.sums.add(i * padded + first + column);
                    let mut block = [0.0; PANEL];
                    for (j, &acc) in acc.iter().enumerate() {
                        A::widen(block.as_mut_ptr().add(j * A::LANES), acc);
                    }
                    for lane in (0..NR * A::LANES).step_by(<A::F32 as Simd>::LANES) {
                        let mut v = <A::F32 as Simd>::load(block.as_ptr().add(lane));
                        if let Some(shrink) = shrink {
                            let before = <A::F32 as Simd>::load(sums.add(lane));
                            v = <A::F32 as Simd>::mul_add(before, A::F32::splat(shrink[i]), v);
                        }
                        <A::F32 as Simd>::store(sums.add(lane), v);
                    }
                }
            }
        }
    }
}

/// `out = sums / sum`. Returns `check`, in which lanes of zeros stay so where all results are finite.
#[inline(always)]
pub(crate) unsafe fn divide<S: Simd>(
    sums: *const f32,
    sum: f32,
    len: usize,
    out: *mut f32,
    mut check: S::F32,
) -> S::F32 {
    let inverse = 1.0 / sum;
    // SAFETY: the caller's promise; `sums` has whole panels, `out` `len` values.
    unsafe {
        for at in (0..len).step_by(S::LANES) {
            let v = S::mul(<S as Simd>::load(sums.add(at)), S::splat(inverse));
            super::epilogue::store_below::<S>(out, at, len, v);
            check = S::mul_add(v, S::splat(0.0), check);
        }
        check
    }
}

/// 2 to the power of a number for each row.
#[inline(always)]
pub(crate) unsafe fn exp2_rows<S: Simd, const MR: usize>(of_row: impl Fn(usize) -> f32) -> [f32; MR] {
    let mut lanes: [f32; PANEL] = std::array::from_fn(|i| if i < MR { of_row(i) } else { 0.0 });
    // SAFETY: the caller's promise; registers are inside the array.
    unsafe {
        for i in (0..MR).step_by(S::LANES) {
            let power = super::math::exp2::<S>(<S as Simd>::load(lanes.as_ptr().add(i)));
            <S as Simd>::store(lanes.as_mut_ptr().add(i), power);
        }
    }
    std::array::from_fn(|i| lanes[i])
}

// SAFETY (all blocks below): the trait's contract.
#[allow(clippy::undocumented_unsafe_blocks)]
impl<S: Simd> Attend for S {
    type F32 = S;
    const ROWS: usize = S::MR;
    /// 12 rows of scores are 12 KiB, which leaves L1 room for the panels' stream.
    const KEY_BLOCK: usize = 256;

    #[inline(always)]
    unsafe fn convert(from: *const f32, len: usize, scale: f32, to: *mut f32) {
        let whole = len / S::LANES * S::LANES;
        unsafe {
            for i in (0..whole).step_by(S::LANES) {
                <S as Simd>::store(to.add(i), S::mul(<S as Simd>::load(from.add(i)), S::splat(scale)));
            }
            for i in whole..len {
                *to.add(i) = *from.add(i) * scale;
            }
        }
    }

    #[inline(always)]
    unsafe fn transpose(rows: &[*const f32], columns: usize, to: *mut f32) {
        for (i, rows) in rows.chunks_exact(S::LANES).enumerate() {
            unsafe { <S as Simd>::transpose(rows, columns, to.add(i * S::LANES), PANEL) }
        }
    }

    #[inline(always)]
    unsafe fn widen(to: *mut f32, v: S::F32) {
        unsafe { <S as Simd>::store(to, v) }
    }

    #[inline(always)]
    unsafe fn add_bias(scores: *mut f32, keys: usize, bias: *const f32) {
        for i in (0..keys).step_by(S::LANES) {
            unsafe {
                let sum = S::add(<S as Simd>::load(scores.add(i)), <S as Simd>::load(bias.add(i)));
                <S as Simd>::store(scores.add(i), sum);
            }
        }
    }

    #[inline(always)]
    unsafe fn powers(scores: *mut f32, keys: usize, max: &mut f32) -> f32 {
        unsafe {
            let padded = keys.next_multiple_of(S::LANES);
            // Lanes beyond the last key: far enough below any score to have no weight.
            for i in keys..padded {
                *scores.add(i) = f32::NEG_INFINITY;
            }
            let mut largest = S::splat(*max);
            for i in (0..padded).step_by(S::LANES) {
                largest = S::max(largest, <S as Simd>::load(scores.add(i)));
            }
            *max = S::max_lane(largest);
            let (largest, mut sum) = (S::splat(*max), S::splat(0.0));
            for i in (0..padded).step_by(S::LANES) {
                let e = super::math::exp2::<S>(S::sub(<S as Simd>::load(scores.add(i)), largest));
                <S as Simd>::store(scores.add(i), e);
                sum = S::add(sum, e);
            }
            S::sum(sum)
        }
    }
}

/// Computes one head of one sequence with tiles of `NR` registers of columns. Returns whether the results are finite.
///
/// # Safety
/// The processor has `A`; pointers are valid for the shapes that [`Args`] gives, and nobody else writes `out` and
/// `scratch`.
#[inline(always)]
pub(crate) unsafe fn run<A: Attend, const NR: usize>(args: &Args) -> bool {
    let scratch = Scratch::<A>::new(args);
    // SAFETY: the caller's promise; the loop stays below `queries`.
    unsafe {
        scratch.pack(args);
        let (mut query, tiles, mut is_finite) = (0, args.queries.div_ceil(A::ROWS), true);
        for tile in 0..tiles {
            let rows = (args.queries - query).div_ceil(tiles - tile);
            is_finite &= by_rows!(rows, A::ROWS, query_rows::<A, NR>(args, query, &scratch));
            query += rows;
        }
        is_finite
    }
}
