//! `out = activation(lhs · rhsᵀ + bias)` with int8 operands: exact sums in i32, everything else in the epilogue.
//!
//! Panels hold w + 128 as unsigned bytes, so that the hardware's unsigned × signed product applies with the
//! activations as the signed side: Σ w·a = Σ (w + 128)·a - 128·Σ a. |sums| stay below 255·127·k, which an i32 holds up
//! to k = 66,000. An activation is `middle + scale·a`, so the middle's share of a product, `middle · Σ w`, joins the bias.

use super::{
    epilogue::{Epilogue, by_epilogue},
    math::activate_short,
    output::Out,
    prefetch::{Ahead, Target},
    simd::{Dot, Simd},
    tile::{by_rows, each_row},
};
use crate::{Activation, PANEL};

/// One block of rows and panels of a product.
#[derive(Clone, Copy)]
pub(crate) struct Args {
    /// Rows of `lhs` and `out`.
    pub(crate) m: usize,
    /// ⌈k/4⌉.
    pub(crate) k4: usize,
    /// Columns of `out`.
    pub(crate) n: usize,
    /// In the type's [`Order`]: `[m][k4][4]`, or `[⌈m/ROWS⌉][⌈k4/DEPTH⌉][ROWS][DEPTH][4]`; the tail zero.
    pub(crate) lhs: *const i8,
    /// The value of one step of a row of `lhs`.
    pub(crate) lhs_scale: *const f32,
    /// What a byte of zero stands for in a row of `lhs`.
    pub(crate) lhs_middle: *const f32,
    /// The sum of a row's bytes.
    pub(crate) lhs_sum: *const i32,
    /// ⌈n/32⌉ panels of `[k4][32][4]`.
    pub(crate) rhs: *const u8,
    /// The value of one step of a column; whole panels.
    pub(crate) rhs_scale: *const f32,
    /// The sum of a column's weights, as values; whole panels.
    pub(crate) rhs_sum: *const f32,
    /// Whole panels.
    pub(crate) bias: *const f32,
    pub(crate) activation: Activation,
    pub(crate) out: Out,
}

/// How rows of bytes stand in memory: groups of `rows` rows, of which each has `unit` bytes in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) rows: usize,
    pub(crate) unit: usize,
}

impl Order {
    /// That in which a type reads them.
    pub(crate) const fn of<D: Dot>() -> Self {
        Self { rows: D::ROWS, unit: 4 * D::DEPTH }
    }

    /// Bytes of a row of k.
    pub(crate) fn padded(self, k: usize) -> usize {
        k.next_multiple_of(self.unit)
    }

    /// Bytes of all rows.
    pub(crate) fn len(self, rows: usize, k: usize) -> usize {
        rows.next_multiple_of(self.rows) * self.padded(k)
    }

    /// Where a row begins.
    pub(crate) fn row(self, row: usize, k: usize) -> usize {
        row / self.rows * self.rows * self.padded(k) + row % self.rows * self.unit
    }

    /// How far from there byte `p` is.
    #[inline(always)]
    pub(crate) const fn byte(self, p: usize) -> usize {
        if self.rows == 1 { p } else { p / self.unit * self.unit * self.rows + p % self.unit }
    }
}

/// Steps of the inner loop from one line of the output that is asked for to the next: k of bert-base has enough of them
/// for all lines of the highest tile.
const TARGET_STEPS: usize = 8;

/// The sums of `MR` groups of rows and `NR` registers of columns: the loop in which an int8 forward spends its time. They
/// begin as what the offset in each byte of weights adds too much.
///
/// # Safety
/// The processor has `D`; `lhs` has `MR` groups of rows of `k4` groups of four, `lhs_sum` as many sums as there are rows,
/// all of them at most `rows`, and `rhs` `NR` registers in each of `k4` rows of a panel.
#[inline(always)]
unsafe fn tile<D: Dot, const NR: usize, const MR: usize>(
    k4: usize,
    lhs: *const i8,
    (lhs_sum, rows): (*const i32, usize),
    rhs: *const u8,
    ahead: Ahead,
    target: Target,
) -> [[D::Sums; NR]; MR] {
    let (whole, steps) = (k4 / D::DEPTH, k4.div_ceil(D::DEPTH));
    let step_bytes = 4 * D::DEPTH * D::ROWS;
    // SAFETY: the caller's promise; a prefetch may point anywhere.
    unsafe {
        let mut acc = [[D::start([0; 2]); NR]; MR];
        // Of a group that is not whole the last row counts twice; its sums are not stored.
        let of_row = |row: usize| (*lhs_sum.add(row.min(rows - 1))).wrapping_mul(-D::OFFSET);
        each_row!(MR, i => {
            acc[i] = [D::start([of_row(D::ROWS * i), of_row(D::ROWS * i + D::ROWS - 1)]); NR];
        });
        for (block, first) in (0..whole).step_by(TARGET_STEPS).enumerate() {
            target.prefetch(block);
            for p in first..whole.min(first + TARGET_STEPS) {
                let row = rhs.add(p * D::DEPTH * PANEL * 4);
                (0..D::DEPTH).for_each(|i| ahead.prefetch::<MR>(p * D::DEPTH + i));
                let mut w = [D::weights(row); NR];
                for (j, w) in w.iter_mut().enumerate().skip(1) {
                    *w = D::weights(row.add(j * D::Simd::LANES * 4));
                }
                each_row!(MR, i => {
                    let a = D::activations(lhs.add((i * steps + p) * step_bytes));
                    for (acc, w) in acc[i].iter_mut().zip(w) {
                        *acc = D::dot(*acc, w, a);
                    }
                });
            }
        }
        if whole < steps {
            let row = rhs.add(whole * D::DEPTH * PANEL * 4);
            each_row!(MR, i => {
                let a = D::activations(lhs.add((i * steps + whole) * step_bytes));
                for (j, acc) in acc[i].iter_mut().enumerate() {
                    *acc = D::dot(*acc, D::last_weights(row.add(j * D::Simd::LANES * 4)), a);
                }
            });
        }
        acc
    }
}

/// Scales, bias, activation and store of a tile whose first row is `row` and first column `column` of a panel.
///
/// # Safety
/// The processor has `D`; `args` is valid, row `row + D::ROWS * (MR - 1)` is below `args.m`, the panel is one of its own, and what
/// `E` knows is so.
#[inline(always)]
unsafe fn finish<E: Epilogue, D: Dot, const NR: usize, const MR: usize>(
    args: &Args,
    row: usize,
    (panel, column): (usize, usize),
    acc: [[D::Sums; NR]; MR],
) {
    // Copied: what is stored to `out` could be `args` itself, for all that the compiler knows.
    let Args { m, n, activation, out: Out { stride, .. }, lhs_scale, lhs_middle, .. } = *args;
    let (out, first) = (args.out.at(row, panel), panel * PANEL);
    // SAFETY: the caller's promise: rows are inside `out`, scales, sums and bias have whole panels, and only columns
    // below n and rows below m are stored.
    unsafe {
        let [mut scales, mut sums, mut biases] = [[D::Simd::splat(0.0); NR]; 3];
        for j in 0..NR {
            let at = first + column + j * D::Simd::LANES;
            scales[j] = D::Simd::load(args.rhs_scale.add(at));
            sums[j] = D::Simd::load(args.rhs_sum.add(at));
            biases[j] = D::Simd::load(args.bias.add(at));
        }
        for (i, acc) in acc.into_iter().enumerate() {
            for r in 0..D::ROWS {
                let row = row + D::ROWS * i + r;
                if D::ROWS > 1 && row >= m {
                    break;
                }
                let out = out.add((D::ROWS * i + r) * stride);
                let lhs_scale = D::Simd::splat(*lhs_scale.add(row));
                let middle = D::Simd::splat(*lhs_middle.add(row));
                for j in 0..NR {
                    let scale = D::Simd::mul(scales[j], lhs_scale);
                    let bias = D::Simd::mul_add(middle, sums[j], biases[j]);
                    let x = D::Simd::mul_add(D::Simd::to_f32(D::sums(acc[j])[r]), scale, bias);
                    let x = activate_short::<D::Simd>(x, E::activation(activation));
                    E::store::<D::Simd>(out, column + j * D::Simd::LANES, n - first, x);
                }
            }
        }
    }
}

/// `MR` groups of rows of one panel, `NR` registers of columns at a time.
#[inline(always)]
unsafe fn rows_of_panel<D: Dot, const NR: usize, const MR: usize>(
    args: &Args,
    row: usize,
    panel: usize,
    ahead: Ahead,
    tiles: usize,
) {
    let k4 = args.k4;
    // A group of several rows may have fewer.
    let rows = if D::ROWS == 1 { MR } else { (D::ROWS * MR).min(args.m - row) };
    // SAFETY: the caller's promise: `row` is the first of a group below m, of `MR`, and `panel` is one of ⌈n/32⌉.
    unsafe {
        let lhs = args.lhs.add(row * k4.next_multiple_of(D::DEPTH) * 4);
        let rhs = args.rhs.add(panel * k4 * PANEL * 4);
        let target = Target::new(args.out.at(row, panel), args.out.stride, rows, tiles);
        for column in (0..PANEL).step_by(NR * D::Simd::LANES) {
            let sums = (args.lhs_sum.add(row), rows);
            let acc = tile::<D, NR, MR>(k4, lhs, sums, rhs.add(column * 4), ahead, target);
            let n = args.n - panel * PANEL;
            by_epilogue!(args, n, finish::<D, NR, MR>(args, row, (panel, column), acc));
        }
    }
}

/// Computes one block.
///
/// # Safety
/// The processor has `D`; pointers are valid for the shapes that [`Args`] gives, and nobody else writes the block.
#[inline(always)]
pub(crate) unsafe fn run<D: Dot, const NR: usize>(args: &Args) {
    let groups = args.m.div_ceil(D::ROWS);
    // SAFETY: the caller's promise; the loops stay below m and n.
    unsafe {
        for panel in 0..args.n.div_ceil(PANEL) {
            let (mut group, tiles) = (0, groups.div_ceil(D::MR));
            for tile in 0..tiles {
                // Tiles of equal height: a low one would wait for its sums' latency.
                let height = (groups - group).div_ceil(tiles - tile);
                let bytes = args.k4 * PANEL * 4;
                let ahead = Ahead::new(
                    args.rhs.wrapping_add(panel * bytes).cast(),
                    bytes,
                    args.k4,
                    height,
                    (tile, tiles),
                );
                let row = group * D::ROWS;
                by_rows!(height, D::MR, rows_of_panel::<D, NR>(args, row, panel, ahead, tiles));
                group += height;
            }
        }
    }
}
