//! AMX: a unit beside the vectors' that multiplies tiles, 16 rows of 64 bytes each, sixteen times as many bytes a cycle.
//!
//! A tile of the right side is 16 columns of 16 rows of a panel as it is; one of the left side is 64 bytes of 16 rows.
//! Sums are the same integers as anywhere else. The unit runs beside the vectors, so what they have to do with the sums of
//! one block they do while the unit is at the next one's.
//!
//! Intel, *Software Developer's Manual*, volume 1, chapter 18; the instructions are in assembly because this Rust has no
//! stable intrinsics of them. The compiler uses no tile register, so none is named as clobbered.

use core::arch::{asm, x86_64::_mm512_load_si512};
use std::sync::OnceLock;

use super::avx512::{Avx512, Vnni};
use crate::{
    PANEL,
    generic::{
        matmul_int8::{self, Args, Columns},
        prefetch::Ahead,
        simd::{Dot, Simd},
    },
};

/// Rows of a tile.
const ROWS: usize = 16;
/// Groups of four bytes in a row of a tile: steps of k, each a row of a tile of the right side.
const DEPTH: usize = 16;
/// Rows from which a product is faster here than on the vectors' unit.
const LEAST_ROWS: usize = 12;

/// Whether the processor multiplies tiles of bytes and the system gives this process the registers for it, which the first
/// call asks for.
pub(crate) fn is_permitted() -> bool {
    static PERMITTED: OnceLock<bool> = OnceLock::new();
    *PERMITTED.get_or_init(|| has_int8() && ask())
}

/// CPUID's word on AMX-TILE and AMX-INT8.
fn has_int8() -> bool {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    const TILE_AND_INT8: u32 = 1 << 24 | 1 << 25;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & TILE_AND_INT8 == TILE_AND_INT8
}

/// Asks Linux for the tiles' state, 8 KiB that a process has only on request (`Documentation/arch/x86/xstate.rst`).
/// All its threads have it then, and what is forked from it. Refused where a thread's stack for signals is too small.
#[cfg(target_os = "linux")]
fn ask() -> bool {
    const ARCH_PRCTL: u64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let result: i64;
    // SAFETY: the system call reads no memory; it overwrites rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn ask() -> bool {
    false
}

/// Tiles 0 to 3 are sums, two of rows by two of columns; 4 and 5 the left side's rows, 6 and 7 the right side's columns.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Config {
    /// With `height` rows in the tiles of the left side and of the sums.
    fn new(height: usize) -> Self {
        let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
        row_bytes[..8].fill(4 * DEPTH as u16);
        rows[..6].fill(height as u8);
        rows[6..8].fill(DEPTH as u8);
        Self { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows }
    }

    /// # Safety
    /// The processor has AMX and the process its state; height is 1 to 16.
    #[inline(always)]
    unsafe fn load(&self) {
        // SAFETY: the caller's promise; the instruction reads 64 bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) self, options(nostack, readonly, preserves_flags)) }
    }
}

/// Gives the tiles back, so that the system does not have to keep them.
///
/// # Safety
/// The processor has AMX.
#[inline(always)]
unsafe fn release() {
    // SAFETY: the caller's promise.
    unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) }
}

/// Begins the sums.
///
/// # Safety
/// A [`Config`] is loaded.
#[inline(always)]
unsafe fn zero() {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            options(nostack, nomem, preserves_flags)
        );
    }
}

/// One step of 64 values of k for two tiles of rows, `stride` bytes from row to row, and a panel.
///
/// # Safety
/// A [`Config`] is loaded; `lhs` are two times as many rows as it says, of 64 bytes, and `rhs` 16 rows of a panel.
#[inline(always)]
unsafe fn step_of_two(lhs: [*const i8; 2], stride: usize, rhs: *const u8) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "tileloadd tmm6, [{rhs} + {row} * 1]",
            "tileloadd tmm4, [{first} + {stride} * 1]",
            "tileloadd tmm7, [{rhs} + {row} * 1 + 64]",
            "tdpbsud tmm0, tmm4, tmm6",
            "tileloadd tmm5, [{second} + {stride} * 1]",
            "tdpbsud tmm1, tmm4, tmm7",
            "tdpbsud tmm2, tmm5, tmm6",
            "tdpbsud tmm3, tmm5, tmm7",
            rhs = in(reg) rhs,
            row = in(reg) 4 * PANEL,
            first = in(reg) lhs[0],
            second = in(reg) lhs[1],
            stride = in(reg) stride,
            options(nostack, readonly, preserves_flags),
        );
    }
}

/// [`step_of_two`] for one tile of rows.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn step_of_one(lhs: *const i8, stride: usize, rhs: *const u8) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "tileloadd tmm6, [{rhs} + {row} * 1]",
            "tileloadd tmm4, [{first} + {stride} * 1]",
            "tileloadd tmm7, [{rhs} + {row} * 1 + 64]",
            "tdpbsud tmm0, tmm4, tmm6",
            "tdpbsud tmm1, tmm4, tmm7",
            rhs = in(reg) rhs,
            row = in(reg) 4 * PANEL,
            first = in(reg) lhs,
            stride = in(reg) stride,
            options(nostack, readonly, preserves_flags),
        );
    }
}

/// The sums of a block of up to two tiles of rows and a panel, and how far the epilogue has come with them.
#[repr(C, align(64))]
struct Block {
    sums: [[[i32; PANEL]; ROWS]; 2],
    /// First row of each tile.
    rows: [usize; 2],
    /// Rows of each tile.
    height: usize,
    /// First column.
    column: usize,
    /// Rows whose epilogue is done, of each tile.
    done: [usize; 2],
}

impl Block {
    const fn none() -> Self {
        Self { sums: [[[0; PANEL]; ROWS]; 2], rows: [0; 2], height: 0, column: 0, done: [0; 2] }
    }

    /// Takes the sums out of the unit; with one tile of rows, there is no second.
    ///
    /// # Safety
    /// A [`Config`] with that height is loaded.
    #[inline(always)]
    unsafe fn take(&mut self, rows: [usize; 2], tiles: usize, height: usize, column: usize) {
        (self.rows, self.height, self.column) = (rows, height, column);
        self.done = [0, if tiles == 1 { height } else { 0 }];
        // SAFETY: the caller's promise; each tile is `height` rows of 64 bytes, half a row of `sums`.
        unsafe {
            asm!(
                "tilestored [{first} + {row} * 1], tmm0",
                "tilestored [{first} + {row} * 1 + 64], tmm1",
                "tilestored [{second} + {row} * 1], tmm2",
                "tilestored [{second} + {row} * 1 + 64], tmm3",
                first = in(reg) &mut self.sums[0],
                second = in(reg) &mut self.sums[1],
                row = in(reg) 4 * PANEL,
                options(nostack, preserves_flags),
            );
        }
    }

    /// The epilogue of the next `rows` rows of each tile, if there are as many.
    ///
    /// # Safety
    /// The sums are of `args`.
    #[inline(always)]
    unsafe fn finish(&mut self, args: &Args, rows: usize) {
        for tile in 0..2 {
            let (start, end) = (self.done[tile], self.height.min(self.done[tile] + rows));
            self.done[tile] = end;
            for i in start..end {
                // SAFETY: the caller's promise: the block's rows and columns are in `args`.
                unsafe {
                    let row = self.rows[tile] + i;
                    let offset = Avx512::splat_i32((*args.lhs_sum.add(row)).wrapping_mul(-Vnni::OFFSET));
                    let sums = self.sums[tile][i].as_ptr();
                    let found = [0, PANEL / 2]
                        .map(|at| Avx512::add_i32(_mm512_load_si512(sums.add(at).cast()), offset));
                    Columns::<Avx512, 2>::new(args, self.column).finish(args, row, found);
                }
            }
        }
    }
}

/// Computes one block of a product, as [`matmul_int8::run`] does.
///
/// # Safety
/// As there; [`is_permitted`].
#[inline(always)]
pub(crate) unsafe fn matmul_int8(args: &Args) {
    let Args { m, k4, .. } = *args;
    if m < LEAST_ROWS || !k4.is_multiple_of(DEPTH) {
        // SAFETY: the caller's promise.
        return unsafe { matmul_int8::run::<Vnni, 2>(args) };
    }
    let args = &{ *args };
    // Tiles of equal height, so that one configuration does. The last ones end with the rows: what they share with the ones
    // before is computed twice, to the same bits.
    let tiles = if m <= ROWS { 1 } else { m.div_ceil(2 * ROWS) * 2 };
    let height = m.div_ceil(tiles);
    let (passes, steps, stride, bytes) = (tiles.div_ceil(2), k4 / DEPTH, 4 * k4, k4 * PANEL * 4);
    let slice = height.div_ceil(steps);
    let mut block = Block::none();
    // SAFETY: the caller's promise; rows stay below m, panels below ⌈n/32⌉, and k4 is whole steps.
    unsafe {
        Config::new(height).load();
        for panel in 0..args.n.div_ceil(PANEL) {
            let rhs = args.rhs.add(panel * bytes);
            for pass in 0..passes {
                let rows = [2 * pass, 2 * pass + 1].map(|tile| (tile * height).min(m - height));
                let lhs = rows.map(|row| args.lhs.add(row * stride));
                let ahead = Ahead::new(rhs, bytes, k4, 2 * height, (pass, passes));
                zero();
                for step in 0..steps {
                    let (at, weights) = (step * 4 * DEPTH, rhs.add(step * DEPTH * PANEL * 4));
                    (0..DEPTH).for_each(|i| ahead.prefetch::<12>(step * DEPTH + i));
                    if tiles == 1 {
                        step_of_one(lhs[0].add(at), stride, weights);
                    } else {
                        step_of_two(lhs.map(|lhs| lhs.add(at)), stride, weights);
                    }
                    block.finish(args, slice);
                }
                block.take(rows, tiles.min(2), height, panel * PANEL);
            }
        }
        block.finish(args, ROWS);
        release();
    }
}

/// So many multiplications of tiles and nothing else; returns the operations done.
///
/// # Safety
/// [`is_permitted`].
pub(crate) unsafe fn limit(steps: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        Config::new(ROWS).load();
        zero();
        for _ in 0..steps {
            asm!(
                "tdpbsud tmm0, tmm4, tmm6",
                "tdpbsud tmm1, tmm4, tmm7",
                "tdpbsud tmm2, tmm5, tmm6",
                "tdpbsud tmm3, tmm5, tmm7",
                options(nostack, nomem, preserves_flags),
            );
        }
        release();
    }
    2 * steps * 4 * ROWS * ROWS * 4 * DEPTH
}
