//! The int8 product on tiles. Sums are the same integers as on the vectors' unit.

use core::arch::x86_64::{__m512i, _mm512_load_si512};

use super::{Config, ROW_BYTES, ROWS, Tiles, release, step_int8, store, zero};
use crate::{
    PANEL,
    arch::x86_64::avx512::{Avx512, Vnni},
    generic::{
        epilogue::{Epilogue, by_epilogue},
        math::activate_short,
        matmul_int8::{self, Args},
        prefetch::Ahead,
        simd::{Dot, Simd},
    },
};

/// Groups of four bytes in a row of a tile: steps of k, each a row of a tile of the right side.
const DEPTH: usize = ROW_BYTES / 4;
/// Rows from which a product is faster here than on the vectors' unit.
const LEAST_ROWS: usize = 12;

/// The sums of a block of up to two tiles of rows and a panel, and how far the epilogue has come with them.
#[repr(C, align(64))]
struct Block {
    sums: [[[i32; PANEL]; ROWS]; 2],
    /// First row of each tile.
    rows: [usize; 2],
    /// Rows of each tile.
    height: usize,
    panel: usize,
    /// Rows whose epilogue is done, of each tile.
    done: [usize; 2],
}

impl Block {
    const fn none() -> Self {
        Self { sums: [[[0; PANEL]; ROWS]; 2], rows: [0; 2], height: 0, panel: 0, done: [0; 2] }
    }

    /// Takes the sums of a pass out of the unit; with one tile of rows there is nothing to do for a second.
    ///
    /// # Safety
    /// The [`Config`] of `tiles` is loaded.
    #[inline(always)]
    unsafe fn take(&mut self, rows: [usize; 2], tiles: Tiles, panel: usize) {
        (self.rows, self.height, self.panel) = (rows, tiles.height, panel);
        self.done = [0, if tiles.each() == 1 { tiles.height } else { 0 }];
        let [first, second] = &mut self.sums;
        // SAFETY: the caller's promise; a tile has at most as many rows as its part of `sums`, each of 128 bytes.
        unsafe { store([first.as_mut_ptr(), second.as_mut_ptr()], 4 * PANEL) }
    }

    /// The epilogue of the next `rows` rows of each tile, if there are as many.
    ///
    /// # Safety
    /// The sums are of `args`.
    #[inline(always)]
    unsafe fn finish(&mut self, args: &Args, rows: usize) {
        // SAFETY: the caller's promise.
        unsafe { by_epilogue!(args, args.n - self.panel * PANEL, finish_rows(self, args, rows)) }
    }
}

/// [`Block::finish`] where `E` is known.
#[inline(always)]
unsafe fn finish_rows<E: Epilogue>(block: &mut Block, args: &Args, rows: usize) {
    for tile in 0..2 {
        let (start, end) = (block.done[tile], block.height.min(block.done[tile] + rows));
        block.done[tile] = end;
        for i in start..end {
            // SAFETY: the caller's promise: the block's rows and columns are in `args`.
            unsafe {
                let row = block.rows[tile] + i;
                let offset = Avx512::splat_i32((*args.lhs_sum.add(row)).wrapping_mul(-Vnni::OFFSET));
                let sums = block.sums[tile][i].as_ptr();
                let lower = Avx512::add_i32(_mm512_load_si512(sums.cast()), offset);
                let upper = Avx512::add_i32(_mm512_load_si512(sums.add(PANEL / 2).cast()), offset);
                finish_row::<E>(args, row, block.panel, [lower, upper]);
            }
        }
    }
}

/// Scales, bias, activation and store of one row's sums of a panel, in the steps of [`matmul_int8`]: apart from it, because what
/// is shared takes its tile a register too many.
///
/// # Safety
/// The processor has AVX-512; `args` is valid, `row` is below its m, and `panel` one of its panels, of which what `E` knows is so.
#[inline(always)]
unsafe fn finish_row<E: Epilogue>(args: &Args, row: usize, panel: usize, found: [__m512i; 2]) {
    let first = panel * PANEL;
    // SAFETY: the caller's promise: scales, sums and bias have whole panels, and only columns below n are stored.
    unsafe {
        let out = args.out.at(row, panel);
        let lhs_scale = Avx512::splat(*args.lhs_scale.add(row));
        let middle = Avx512::splat(*args.lhs_middle.add(row));
        for (at, found) in [0, Avx512::LANES].into_iter().zip(found) {
            let load = first + at;
            let scale = Avx512::mul(<Avx512 as Simd>::load(args.rhs_scale.add(load)), lhs_scale);
            let sums = <Avx512 as Simd>::load(args.rhs_sum.add(load));
            let bias = Avx512::mul_add(middle, sums, <Avx512 as Simd>::load(args.bias.add(load)));
            let x = Avx512::mul_add(Avx512::to_f32(found), scale, bias);
            let x = activate_short::<Avx512>(x, E::activation(args.activation));
            E::store::<Avx512>(out, at, args.n - first, x);
        }
    }
}

/// Computes one block of a product, as [`matmul_int8::run`] does.
///
/// # Safety
/// As there; [`super::is_permitted`].
#[inline(always)]
pub(in crate::arch) unsafe fn run(args: &Args) {
    let Args { m, k4, .. } = *args;
    if m < LEAST_ROWS || !k4.is_multiple_of(DEPTH) {
        // SAFETY: the caller's promise.
        return unsafe { matmul_int8::run::<Vnni, 2>(args) };
    }
    let args = &{ *args };
    let tiles = Tiles::new(m);
    let (passes, steps, stride, bytes) = (tiles.passes(), k4 / DEPTH, 4 * k4, k4 * PANEL * 4);
    let slice = tiles.height.div_ceil(steps);
    let mut block = Block::none();
    // SAFETY: the caller's promise; rows stay below m, panels below ⌈n/32⌉, and k4 is whole steps.
    unsafe {
        Config::new(tiles.height).load();
        for panel in 0..args.n.div_ceil(PANEL) {
            let rhs = args.rhs.add(panel * bytes);
            for pass in 0..passes {
                let rows = tiles.first_rows(pass);
                let lhs = rows.map(|row| args.lhs.add(row * stride).cast::<u8>());
                let ahead = Ahead::new(rhs, bytes, k4, 2 * tiles.height, (pass, passes));
                zero();
                for step in 0..steps {
                    (0..DEPTH).for_each(|i| ahead.prefetch::<12>(step * DEPTH + i));
                    let lhs = lhs.map(|lhs| lhs.add(step * ROW_BYTES));
                    step_int8(tiles.each(), lhs, stride, rhs.add(step * DEPTH * PANEL * 4));
                    block.finish(args, slice);
                }
                block.take(rows, tiles, panel);
            }
        }
        block.finish(args, ROWS);
        release();
    }
}
