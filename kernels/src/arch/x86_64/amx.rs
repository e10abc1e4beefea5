//! AMX: a unit beside the vectors' that multiplies tiles, 16 rows of 64 bytes each: bytes eight times as fast as the vectors' unit,
//! bfloat16 numbers sixteen times as fast as that does f32.
//!
//! A tile of the left side is 64 bytes of up to 16 rows; one of the right side is 16 rows of a panel as it is, of whose two
//! lines each is a tile. The unit runs beside the vectors, so that they can work on one block while it is at the next.
//!
//! Intel, *Software Developer's Manual*, volume 1, chapter 18; the instructions are in assembly because this Rust has no
//! stable intrinsics of them. They go on from one block of assembly to the next with what is in the tile registers, which
//! relies on the compiler's never using them: it has no type that it would keep there.

use core::arch::asm;
use std::sync::OnceLock;

use crate::PANEL;

pub(in crate::arch) mod attention;
pub(in crate::arch) mod matmul;

/// Rows of a tile.
const ROWS: usize = 16;
/// Bytes of a row of a tile.
const ROW_BYTES: usize = 64;

/// Whether the processor multiplies tiles of bytes and of bfloat16 numbers, and the system gives this process the registers
/// for it, which the first call asks for.
pub(crate) fn is_permitted() -> bool {
    static PERMITTED: OnceLock<bool> = OnceLock::new();
    *PERMITTED.get_or_init(|| has_tiles() && ask())
}

/// CPUID's word on AMX-BF16, AMX-TILE and AMX-INT8.
fn has_tiles() -> bool {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    const ALL: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & ALL == ALL
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
        row_bytes[..8].fill(ROW_BYTES as u16);
        rows[..6].fill(height as u8);
        rows[6..8].fill(ROWS as u8);
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

/// The rows of a left side, cut into tiles of equal height, so that one [`Config`] serves all of them. The last tiles end with
/// the rows: what they share with the ones before is computed twice, to the same bits.
#[derive(Clone, Copy)]
struct Tiles {
    rows: usize,
    height: usize,
    tiles: usize,
}

impl Tiles {
    fn new(rows: usize) -> Self {
        let tiles = if rows <= ROWS { 1 } else { 2 * rows.div_ceil(2 * ROWS) };
        Self { rows, height: rows.div_ceil(tiles), tiles }
    }

    /// Two tiles at a time.
    fn passes(self) -> usize {
        self.tiles.div_ceil(2)
    }

    /// Tiles of each pass.
    fn each(self) -> usize {
        self.tiles.min(2)
    }

    /// The first row of each tile of a pass; with one tile they are the same.
    fn first_rows(self, pass: usize) -> [usize; 2] {
        [2 * pass, 2 * pass + 1].map(|tile| (tile * self.height).min(self.rows - self.height))
    }
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
            options(nostack, nomem, preserves_flags),
        );
    }
}

/// Writes the sums of two tiles of rows, each of whose rows has 128 bytes; from one row to the next are `stride` bytes.
///
/// # Safety
/// A [`Config`] is loaded, and there is room for as many rows as it says.
#[inline(always)]
unsafe fn store<T>(to: [*mut T; 2], stride: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "tilestored [{first} + {stride} * 1], tmm0",
            "tilestored [{first} + {stride} * 1 + 64], tmm1",
            "tilestored [{second} + {stride} * 1], tmm2",
            "tilestored [{second} + {stride} * 1 + 64], tmm3",
            first = in(reg) to[0],
            second = in(reg) to[1],
            stride = in(reg) stride,
            options(nostack, preserves_flags),
        );
    }
}

/// The product of a number type: `$step` adds the products of one or two tiles of rows, at `lhs` and `stride` bytes from row
/// to row, and two tiles of columns, the 16 rows of a panel at `rhs`, to the sums. `$limit` does nothing else.
macro_rules! product {
    ($dot:literal, $step:ident, $limit:ident, $in_a_row:expr) => {
        /// # Safety
        /// A [`Config`] is loaded; each of `tiles` left sides has as many rows as it says.
        #[inline(always)]
        unsafe fn $step(tiles: usize, lhs: [*const u8; 2], stride: usize, rhs: *const u8) {
            // SAFETY: the caller's promise.
            unsafe {
                if tiles == 1 {
                    asm!(
                        "tileloadd tmm6, [{rhs} + {row} * 1]",
                        "tileloadd tmm4, [{first} + {stride} * 1]",
                        "tileloadd tmm7, [{rhs} + {row} * 1 + 64]",
                        concat!($dot, " tmm0, tmm4, tmm6"),
                        concat!($dot, " tmm1, tmm4, tmm7"),
                        rhs = in(reg) rhs,
                        row = in(reg) 4 * PANEL,
                        first = in(reg) lhs[0],
                        stride = in(reg) stride,
                        options(nostack, readonly, preserves_flags),
                    );
                } else {
                    asm!(
                        "tileloadd tmm6, [{rhs} + {row} * 1]",
                        "tileloadd tmm4, [{first} + {stride} * 1]",
                        "tileloadd tmm7, [{rhs} + {row} * 1 + 64]",
                        concat!($dot, " tmm0, tmm4, tmm6"),
                        "tileloadd tmm5, [{second} + {stride} * 1]",
                        concat!($dot, " tmm1, tmm4, tmm7"),
                        concat!($dot, " tmm2, tmm5, tmm6"),
                        concat!($dot, " tmm3, tmm5, tmm7"),
                        rhs = in(reg) rhs,
                        row = in(reg) 4 * PANEL,
                        first = in(reg) lhs[0],
                        second = in(reg) lhs[1],
                        stride = in(reg) stride,
                        options(nostack, readonly, preserves_flags),
                    );
                }
            }
        }

        /// Four multiplications of tiles a step; returns the operations done.
        ///
        /// # Safety
        /// [`is_permitted`].
        pub(in crate::arch) unsafe fn $limit(steps: usize) -> usize {
            // SAFETY: the caller's promise.
            unsafe {
                Config::new(ROWS).load();
                for _ in 0..steps {
                    asm!(
                        concat!($dot, " tmm0, tmm4, tmm6"),
                        concat!($dot, " tmm1, tmm4, tmm7"),
                        concat!($dot, " tmm2, tmm5, tmm6"),
                        concat!($dot, " tmm3, tmm5, tmm7"),
                        options(nostack, nomem, preserves_flags),
                    );
                }
                release();
            }
            2 * steps * 4 * ROWS * ROWS * $in_a_row
        }
    };
}
// Signed bytes of the left side by unsigned ones of the right side, in i32.
product!("tdpbsud", step_int8, limit_int8, ROW_BYTES);
// In f32.
product!("tdpbf16ps", step_bf16, limit_bf16, ROW_BYTES / 2);
