//! Attention of one head over one sequence in bfloat16, whose products the unit sums in f32.
//!
//! A query and a key are each two bfloat16 numbers, what eight bits of mantissa hold and what is left, of whose four products the
//! smallest is left out: scores are off by 2⁻¹⁶ of Σ|q·k| at most, so that their size does not matter. Values and weights are
//! rounded to one, a relative error of 2⁻⁹ each; softmax and sums are f32. The unit takes subnormal numbers for zero. The softmax
//! is online, as in [`crate::generic::attention`].

use core::arch::x86_64::*;

use super::{Config, ROW_BYTES, ROWS, Tiles, release, step_bf16, store, zero};
use crate::{
    PANEL,
    arch::x86_64::{avx512::Avx512, avx512fp16::Fp16},
    generic::{
        attention::{self, Args, Attend, MAX_TILE_ROWS, divide, exp2_rows, next_head},
        math::short_exp2,
        simd::Simd,
    },
};

/// Keys whose scores are held at a time: 32 rows of them are 32 KiB.
const KEY_BLOCK: usize = 256;
/// Keys from which tiles are faster than f16 on the vectors' unit: below, making and leaving them takes longer than the rest. A
/// sequence's keys decide, so its bits are still its own.
const LEAST_KEYS: usize = 32;
/// Pairs in a row of a tile.
const PAIRS: usize = ROW_BYTES / 4;

/// Where the parts of the scratch are; a pair is two bfloat16 numbers.
struct Scratch {
    /// `[⌈keys/32⌉][2][pairs][32]`: pairs of a key's numbers, then of what is left of them.
    keys: *mut i32,
    /// `[⌈head_size/32⌉][keys↑32 / 2][32]`: the numbers of two keys.
    values: *mut i32,
    /// `[32][2][pairs]`, scaled, in the same two parts.
    queries: *mut i32,
    /// `[32][KEY_BLOCK]`: scores, then weights in the first half of each row.
    scores: *mut f32,
    /// `[32][head_size↑32]`: weighted values so far.
    sums: *mut f32,
    /// Pairs of a row: whole tiles.
    pairs: usize,
    /// Pairs of keys: whole tiles.
    key_pairs: usize,
}

impl Scratch {
    /// There is room for it ([`crate::generic::attention::scratch_len`]), also where it begins on a cache line.
    fn new(args: &Args) -> Self {
        let padded = args.head_size.next_multiple_of(PANEL);
        let (pairs, key_pairs) = (padded / 2, args.keys.next_multiple_of(PANEL) / 2);
        let start = args.scratch.wrapping_add(args.scratch.align_offset(ROW_BYTES)).cast::<i32>();
        let values = start.wrapping_add(2 * key_pairs * 2 * pairs);
        let queries = values.wrapping_add(padded * key_pairs);
        let scores = queries.wrapping_add(MAX_TILE_ROWS * 2 * pairs).cast::<f32>();
        let sums = scores.wrapping_add(MAX_TILE_ROWS * KEY_BLOCK);
        Self { keys: start, values, queries, scores, sums, pairs, key_pairs }
    }

    /// The two parts of a query.
    fn query(&self, row: usize) -> *mut i32 {
        self.queries.wrapping_add(row * 2 * self.pairs)
    }

    /// The panel of 32 keys from `key` on.
    fn key_panel(&self, key: usize) -> *mut i32 {
        self.keys.wrapping_add(key * 2 * self.pairs)
    }

    /// Keys and values in panels; beyond the last they are zero.
    ///
    /// # Safety
    /// The processor has AVX-512 BF16; the scratch is of `args`.
    #[inline(always)]
    unsafe fn pack(&self, args: &Args) {
        let Args { keys, head_size, kv_stride, k, v, .. } = *args;
        // SAFETY: `k` and `v` have `keys` rows; the place of the queries holds a panel's rows.
        unsafe {
            for first in (0..keys).step_by(PANEL) {
                for row in 0..PANEL {
                    let to = self.query(row);
                    if first + row < keys {
                        let from = k.add((first + row) * kv_stride);
                        split_row(from, head_size, 1.0, to, self.pairs);
                        next_head(from, args.kv_head, head_size);
                    } else {
                        to.write_bytes(0, 2 * self.pairs);
                    }
                }
                let rows: [*const f32; PANEL] =
                    std::array::from_fn(|row| self.query(row).cast_const().cast());
                let panel = self.key_panel(first).cast::<f32>();
                for (i, rows) in rows.chunks_exact(Avx512::LANES).enumerate() {
                    <Avx512 as Simd>::transpose(rows, 2 * self.pairs, panel.add(i * Avx512::LANES), PANEL);
                }
            }
            for pair in 0..self.key_pairs {
                let rows = [2 * pair, 2 * pair + 1];
                let given = rows.map(|key| if key < keys { head_size } else { 0 });
                let from = rows.map(|key| v.wrapping_add(key * kv_stride));
                if given[1] > 0 {
                    from.iter().for_each(|row| next_head(*row, args.kv_head, head_size));
                }
                for column in (0..2 * self.pairs).step_by(Avx512::LANES) {
                    let even = widened(load_below(from[0], column, given[0]));
                    let odd = widened(load_below(from[1], column, given[1]));
                    let panel = self.values.add(column / PANEL * PANEL * self.key_pairs);
                    let to = panel.add(pair * PANEL + column % PANEL);
                    _mm512_storeu_si512(to.cast(), _mm512_or_si512(even, _mm512_slli_epi32::<16>(odd)));
                }
            }
        }
    }
}

/// A register's numbers in bfloat16, each in the low half of a lane.
#[inline(always)]
unsafe fn widened(x: __m512) -> __m512i {
    // SAFETY: the processor has AVX-512 BF16, as the caller promises; both types are 256 bits.
    unsafe { _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x))) }
}

/// A register at `column` of a row of `n` numbers; zeros at `n` and beyond.
#[inline(always)]
unsafe fn load_below(row: *const f32, column: usize, n: usize) -> __m512 {
    let lanes = n.saturating_sub(column).min(Avx512::LANES);
    let mask = ((1_u32 << lanes) - 1) as u16;
    // SAFETY: the caller's promise: the row has `n` numbers, and only these are read.
    unsafe { _mm512_maskz_loadu_ps(mask, row.wrapping_add(column)) }
}

/// Multiplies `len` numbers and rounds them, `pairs` pairs, then what is left of them, as many; zeros beyond the last.
#[inline(always)]
unsafe fn split_row(x: *const f32, len: usize, scale: f32, to: *mut i32, pairs: usize) {
    // SAFETY: the caller's promise: `x` has `len` numbers, and `to` room for twice the pairs, which are whole registers.
    unsafe {
        for pair in (0..pairs).step_by(PAIRS) {
            let x = [0, Avx512::LANES]
                .map(|at| Avx512::mul(load_below(x, 2 * pair + at, len), Avx512::splat(scale)));
            // A bfloat16 number is the upper half of an f32.
            let rounded = x.map(|x| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(widened(x))));
            let rest = [0, 1].map(|i| Avx512::sub(x[i], rounded[i]));
            for (part, [low, high]) in [rounded, rest].into_iter().enumerate() {
                let both = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
                _mm512_storeu_si512(to.add(part * pairs + pair).cast(), both);
            }
        }
    }
}

/// All keys for the queries of one pass. Returns whether the results are finite.
///
/// # Safety
/// [`super::is_permitted`], and the processor has AVX-512 BF16; the [`Config`] of `tiles` is loaded, and the scratch packed.
#[inline(always)]
unsafe fn query_rows(args: &Args, tiles: Tiles, pass: usize, scratch: &Scratch) -> bool {
    let (queries, pairs) = (tiles.first_rows(pass), scratch.pairs);
    let rows = || {
        let of_tile = move |tile| (0..tiles.height).map(move |i| (tile * ROWS + i, queries[tile] + i));
        (0..tiles.each()).flat_map(of_tile)
    };
    let (mut max, mut sum) = ([f32::NEG_INFINITY; MAX_TILE_ROWS], [0.0; MAX_TILE_ROWS]);
    // SAFETY: the caller's promise: queries are below `args.queries`; the scratch has the room that its fields say.
    unsafe {
        for (row, query) in rows() {
            let from = args.q.add(query * args.q_stride);
            split_row(from, args.head_size, args.scale, scratch.query(row), pairs);
            next_head(from, args.q_head, args.head_size);
        }
        for first in (0..args.keys).step_by(KEY_BLOCK) {
            let count = KEY_BLOCK.min(args.keys - first);
            scores(scratch, tiles, (first, count));
            let before = max;
            for (row, query) in rows() {
                let scores = scratch.scores.add(row * KEY_BLOCK);
                if let Some(bias) = &args.bias {
                    <Avx512 as Attend>::add_bias(scores, count, bias.row(query, first));
                }
                for i in count..count.next_multiple_of(PANEL) {
                    *scores.add(i) = f32::NEG_INFINITY;
                }
                max[row] = largest(scores, count, max[row]);
            }
            let shrink = exp2_rows::<Avx512, MAX_TILE_ROWS>(|row| before[row] - max[row]);
            for (row, _) in rows() {
                let powers = powers(scratch.scores.add(row * KEY_BLOCK), count, max[row]);
                sum[row] = sum[row] * shrink[row] + powers;
            }
            add_values(scratch, tiles, (first, count), (first > 0).then_some(&shrink));
        }
        let mut check = Avx512::splat(0.0);
        for (row, query) in rows() {
            let out = args.out.add(query * args.out_stride);
            let sums = scratch.sums.add(row * 2 * pairs);
            check = divide::<Avx512>(sums, sum[row], args.head_size, out, check);
        }
        <Avx512 as Simd>::sum(check) == 0.0
    }
}

/// The scores of a block of keys.
///
/// # Safety
/// As for [`query_rows`]; the queries are rounded.
#[inline(always)]
unsafe fn scores(scratch: &Scratch, tiles: Tiles, (first, count): (usize, usize)) {
    let (pairs, stride) = (scratch.pairs, scratch.pairs * 8);
    // The largest products last, so that less of the small ones is lost.
    let parts = [(1, 0), (0, 1), (0, 0)];
    // SAFETY: the caller's promise; panels are whole, and rows of scores hold KEY_BLOCK.
    unsafe {
        for at in (0..count).step_by(PANEL) {
            let panel = scratch.key_panel(first + at);
            zero();
            for (of_query, of_key) in parts {
                for pair in (0..pairs).step_by(PAIRS) {
                    let lhs = [0, ROWS]
                        .map(|row| scratch.query(row).add(of_query * pairs + pair).cast_const().cast());
                    let rhs = panel.add((of_key * pairs + pair) * PANEL).cast_const().cast();
                    step_bf16(tiles.each(), lhs, stride, rhs);
                }
            }
            store([0, ROWS].map(|row| scratch.scores.add(row * KEY_BLOCK + at)), 4 * KEY_BLOCK);
        }
    }
}

/// Turns scores, which are whole panels, into powers of two relative to `max`, in bfloat16 from the row's beginning on.
/// Returns the sum of what they were rounded to.
///
/// # Safety
/// The processor has AVX-512 BF16; the row has whole panels for `count` scores.
#[inline(always)]
unsafe fn powers(scores: *mut f32, count: usize, max: f32) -> f32 {
    // SAFETY: the caller's promise. What is written lies in front of what is yet to be read.
    unsafe {
        let max = Avx512::splat(max);
        let ones = std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi16(0x3f80));
        let mut sum = Avx512::splat(0.0);
        for i in (0..count).step_by(PANEL) {
            let [low, high] = [0, 16]
                .map(|at| short_exp2::<Avx512>(Avx512::sub(<Avx512 as Simd>::load(scores.add(i + at)), max)));
            let both = _mm512_cvtne2ps_pbh(high, low);
            sum = _mm512_dpbf16_ps(sum, both, ones);
            let both = std::mem::transmute::<__m512bh, __m512i>(both);
            _mm512_storeu_si512(scores.add(i / 2).cast(), both);
        }
        <Avx512 as Simd>::sum(sum)
    }
}

/// The largest of a row's scores and `max`. Scores beyond `count`, up to a whole register, are minus infinity.
#[inline(always)]
unsafe fn largest(scores: *const f32, count: usize, max: f32) -> f32 {
    // SAFETY: the caller's promise: the row has whole registers.
    unsafe {
        let mut largest = Avx512::splat(max);
        for i in (0..count).step_by(Avx512::LANES) {
            largest = <Avx512 as Simd>::max(largest, <Avx512 as Simd>::load(scores.add(i)));
        }
        Avx512::max_lane(largest)
    }
}

/// Adds a block's weighted values to the sums, which shrink as the largest score grew.
///
/// # Safety
/// As for [`query_rows`]; the scores are weights.
#[inline(always)]
unsafe fn add_values(
    scratch: &Scratch,
    tiles: Tiles,
    (first, count): (usize, usize),
    shrink: Option<&[f32; MAX_TILE_ROWS]>,
) {
    let padded = 2 * scratch.pairs;
    // SAFETY: the caller's promise; panels are whole.
    unsafe {
        for column in (0..padded).step_by(PANEL) {
            let panel = scratch.values.add(column * scratch.key_pairs + first / 2 * PANEL);
            zero();
            for key in (0..count).step_by(2 * PAIRS) {
                let lhs = [0, ROWS]
                    .map(|row| scratch.scores.add(row * KEY_BLOCK).cast::<u8>().add(2 * key).cast_const());
                let rhs = panel.add(key / 2 * PANEL).cast_const().cast();
                step_bf16(tiles.each(), lhs, 4 * KEY_BLOCK, rhs);
            }
            let sums = scratch.sums.add(column);
            match shrink {
                None => store([0, ROWS].map(|row| sums.add(row * padded)), 4 * padded),
                Some(shrink) => add_block(sums, padded, shrink),
            }
        }
    }
}

/// Multiplies a panel's sums, rows of which are `stride` apart, by what they shrink by, and adds what is in the unit.
///
/// # Safety
/// As for [`query_rows`]; `sums` are rows of all tiles.
#[inline(always)]
unsafe fn add_block(sums: *mut f32, stride: usize, shrink: &[f32; MAX_TILE_ROWS]) {
    let mut block = Lines([[0.0; PANEL]; MAX_TILE_ROWS]);
    // SAFETY: the caller's promise; `block` has room for both tiles.
    unsafe {
        let rows = block.0.as_mut_ptr();
        store([rows, rows.add(ROWS)], 4 * PANEL);
        // Rows that no tile has are computed, too, and never read.
        for (row, shrink) in shrink.iter().enumerate() {
            for at in [0, Avx512::LANES] {
                let sums = sums.add(row * stride + at);
                let block = <Avx512 as Simd>::load(block.0[row].as_ptr().add(at));
                let before = <Avx512 as Simd>::load(sums);
                <Avx512 as Simd>::store(sums, Avx512::mul_add(before, Avx512::splat(*shrink), block));
            }
        }
    }
}

/// Sums of a pass and a panel, each row two cache lines.
#[repr(align(64))]
struct Lines([[f32; PANEL]; MAX_TILE_ROWS]);

/// Computes one head of one sequence. Returns whether the results are finite.
///
/// # Safety
/// The processor has AVX-512 BF16 and FP16, and [`super::is_permitted`]; pointers are valid for the shapes that [`Args`]
/// gives, and nobody else writes `out` and `scratch`.
#[inline(always)]
pub(in crate::arch) unsafe fn run(args: &Args) -> bool {
    if args.keys < LEAST_KEYS {
        // SAFETY: the caller's promise.
        return unsafe { attention::run::<Fp16, 1>(args) };
    }
    let (scratch, tiles) = (Scratch::new(args), Tiles::new(args.queries));
    // SAFETY: the caller's promise.
    unsafe {
        scratch.pack(args);
        Config::new(tiles.height).load();
        let mut is_finite = true;
        for pass in 0..tiles.passes() {
            is_finite &= query_rows(args, tiles, pass, &scratch);
        }
        release();
        is_finite
    }
}
