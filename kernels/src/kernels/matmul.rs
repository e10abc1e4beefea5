//! Matrix products, cut into blocks for the threads of a team.

use std::ops::Range;

use super::{Activation, HalfScratch, Kernels, Output, QuantizedRows, Shared};
use crate::{
    Int8Panels, PANEL, Panels, Team,
    arch::Half,
    generic::{matmul_float, matmul_half, matmul_int8},
};

/// A product's output in blocks of rows. The units that a team shares are the panels of the blocks, block by block.
pub(super) struct Grid {
    m: usize,
    /// Rows of an owner: a thread that has them to itself, or the whole team.
    own: usize,
    /// Rows of a block, of which each owner has as many.
    rows: usize,
    panels: usize,
}

/// Rows and panels that are computed in one call.
struct Block {
    row: usize,
    rows: usize,
    panel: usize,
    panels: usize,
}

impl Grid {
    /// Bytes of left-hand rows that stay in a core's second-level cache while all panels stream past.
    const ROW_BLOCK_BYTES: usize = 1 << 20;
    /// With so many rows for each, threads have blocks of rows of their own: what one phase leaves in a core's cache the next finds
    /// there. All of them read all weights then, which so many rows' arithmetic hides. With fewer, threads share the panels.
    const OWN_ROWS: usize = 64;
    /// Rows of the highest tile of most instruction sets.
    const TILE: usize = 12;

    /// Blocks begin at a multiple of `group` rows, and are of whole tiles as far as they can be.
    pub(super) fn new(m: usize, n: usize, row_bytes: usize, group: usize, threads: usize) -> Self {
        let most = (Self::ROW_BLOCK_BYTES / row_bytes.max(1)).max(Self::TILE);
        let owners = (m / Self::OWN_ROWS).clamp(1, threads);
        let own = m.div_ceil(owners).next_multiple_of(group).max(1);
        let tile = (Self::TILE / group * group).max(group);
        let rows = own.div_ceil(own.div_ceil(most)).next_multiple_of(tile).min(own);
        Self { m, own, rows, panels: n.div_ceil(PANEL) }
    }

    pub(super) fn units(&self) -> usize {
        self.m.div_ceil(self.own) * self.own.div_ceil(self.rows) * self.panels
    }

    /// `units` by blocks of rows.
    fn blocks(&self, mut units: Range<usize>) -> impl Iterator<Item = Block> {
        let &Self { m, own, rows, panels } = self;
        let blocks = own.div_ceil(rows);
        let next = move || {
            let unit = units.next()?;
            let (block, panel) = (unit / panels, unit % panels);
            let more = (panels - panel - 1).min(units.len());
            units.start += more;
            let (first, row) = (block / blocks * own, block % blocks * rows);
            // The last owner can have less.
            let rows = rows.min(own - row).min(m.saturating_sub(first + row));
            Some(Block { row: first + row, rows, panel, panels: 1 + more })
        };
        std::iter::from_fn(next).filter(|block| block.rows > 0)
    }

    /// Calls `compute(worker, block)` for blocks that make up the output.
    fn run(&self, team: &Team, compute: impl Fn(usize, Block) + Sync) {
        team.run(self.units(), 1, |worker, units| {
            self.blocks(units).for_each(|block| compute(worker, block));
        });
    }
}

impl Kernels {
    /// `out = activation(lhs · rhsᵀ + bias)`: `lhs` is `[m, k]`, `rhs` n × k in panels, `out` takes m rows of
    /// n values; m is what `lhs` has. `bias` has whole panels ([`crate::pad_to_panels`]).
    ///
    /// # Panics
    /// When shapes don't fit.
    pub fn matmul_f32(
        &self,
        team: &Team,
        lhs: &[f32],
        rhs: Panels<'_, f32>,
        bias: &[f32],
        activation: Activation,
        out: Output<'_>,
    ) {
        let kernel = self.table.matmul_f32;
        self.matmul_float(team, lhs, rhs, bias, activation, out, |_, args, rhs| {
            // SAFETY: the tier is available (`new`); `matmul_float` has checked the shapes and gives each task a block of its own.
            unsafe { kernel(args, rhs) }
        });
    }

    /// [`Kernels::matmul_f32`] with weights in half precision, and something to work in. Where the machine has arithmetic for
    /// halves ([`crate::Isa::Avx512Fp16`]) the rows of `lhs` are made halves too; elsewhere products are those of the same
    /// weights in f32.
    ///
    /// # Panics
    /// When shapes don't fit.
    #[expect(
        clippy::too_many_arguments,
        reason = "a matrix product has two operands, an epilogue and a target"
    )]
    pub fn matmul_f16(
        &self,
        team: &Team,
        lhs: &[f32],
        scratch: &mut HalfScratch,
        rhs: Panels<'_, u16>,
        bias: &[f32],
        activation: Activation,
        out: Output<'_>,
    ) {
        if let Some(half) = self.table.half {
            self.halve_rows(team, lhs, rhs.k, half, scratch);
            return self.matmul_half(team, scratch, rhs, half, bias, activation, out);
        }
        let (k, kernel) = (rhs.k, self.table.matmul_f16);
        let room = Shared(scratch.panels(team.threads(), k * PANEL).as_mut_ptr());
        self.matmul_float(team, lhs, rhs, bias, activation, out, |worker, args, rhs| {
            // SAFETY: as above; each worker has room for a panel of its own.
            unsafe { kernel(args, rhs, room.at(worker * k * PANEL)) }
        });
    }

    /// Calls `kernel(worker, args, panels)` for blocks that make up the output.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn matmul_float<W: Copy + Sync>(
        &self,
        team: &Team,
        lhs: &[f32],
        rhs: Panels<'_, W>,
        bias: &[f32],
        activation: Activation,
        out: Output<'_>,
        kernel: impl Fn(usize, &matmul_float::Args, *const W) + Sync,
    ) {
        let Panels { n, k, .. } = rhs;
        assert!(k > 0 && lhs.len().is_multiple_of(k), "lhs of {} values has rows of {k}", lhs.len());
        let m = lhs.len() / k;
        assert!(bias.len() >= n.next_multiple_of(PANEL), "bias of {} values for {n} columns", bias.len());
        let grid = Grid::new(m, n, 4 * k, 1, team.threads());
        let out = out.of(m, n);
        grid.run(team, |worker, Block { row, rows, panel, panels }| {
            let (column, rhs) = (panel * PANEL, rhs.data[panel * k * PANEL..].as_ptr());
            let args = matmul_float::Args {
                m: rows,
                k,
                n: (panels * PANEL).min(n - column),
                lhs: lhs[row * k..].as_ptr(),
                lhs_stride: k,
                bias: bias[column..].as_ptr(),
                activation,
                out: out.part(row, panel),
                before: 0,
                stored: (rhs.cast(), k * PANEL * size_of::<W>()),
            };
            kernel(worker, &args, rhs);
        });
    }

    /// The rows of `x`, `[m, k]`, as halves.
    fn halve_rows(&self, team: &Team, x: &[f32], k: usize, half: Half, rows: &mut HalfScratch) {
        assert!(k > 0 && x.len().is_multiple_of(k), "{} values have rows of {k}", x.len());
        let m = x.len() / k;
        let tiles = m.div_ceil(half.rows).max(1);
        let height = m.div_ceil(tiles).max(1);
        let needed = tiles * height * k;
        rows.height = height;
        rows.bits.grow(needed);
        rows.scales.clear();
        rows.scales.resize(m, 0.0);
        let (bits, scales) = (Shared(rows.bits.as_mut_ptr()), Shared(rows.scales.as_mut_ptr()));
        self.over_rows(team, m, k, |row| {
            // SAFETY: the tier is available; row < m, and each row is written by one task.
            unsafe {
                let out = bits.at(row / height * height * k + row % height);
                *scales.at(row) = (half.halve)(k, x[row * k..].as_ptr(), out, height);
            }
        });
    }

    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn matmul_half(
        &self,
        team: &Team,
        lhs: &HalfScratch,
        rhs: Panels<'_, u16>,
        half: Half,
        bias: &[f32],
        activation: Activation,
        out: Output<'_>,
    ) {
        let Panels { n, k, .. } = rhs;
        let m = lhs.scales.len();
        assert!(bias.len() >= n.next_multiple_of(PANEL), "bias of {} values for {n} columns", bias.len());
        let grid = Grid::new(m, n, 2 * k, lhs.height, team.threads());
        let out = out.of(m, n);
        grid.run(team, |_, Block { row, rows, panel, panels }| {
            let column = panel * PANEL;
            let args = matmul_half::Args {
                m: rows,
                k,
                n: (panels * PANEL).min(n - column),
                lhs: lhs.bits[row * k..].as_ptr(),
                height: lhs.height,
                lhs_scale: lhs.scales[row..].as_ptr(),
                rhs: rhs.data[panel * k * PANEL..].as_ptr(),
                bias: bias[column..].as_ptr(),
                activation,
                out: out.part(row, panel),
            };
            // SAFETY: the tier is available (`new`); the shapes were checked above and `halve_rows` made m rows of k;
            // each task has a block of its own.
            unsafe { (half.matmul)(&args) }
        });
    }

    /// [`Kernels::matmul_f32`] with int8 operands: sums are exact in i32, and
    /// `out = activation(scale of the row · scale of the column · sum + middle of the row · Σ column + bias)`. [`Activation::Gelu`] is
    /// off by at most 3e-5 here, far below what the next rounding to eight bits leaves.
    ///
    /// # Panics
    /// When shapes don't fit.
    pub fn matmul_int8(
        &self,
        team: &Team,
        lhs: &QuantizedRows,
        Int8Panels { panels: rhs, scales, sums }: Int8Panels<'_>,
        bias: &[f32],
        activation: Activation,
        out: Output<'_>,
    ) {
        let Panels { n, k, .. } = rhs;
        assert_eq!(lhs.k, k, "inner dimensions");
        let (m, k4, order) = (lhs.rows(), k.div_ceil(4), self.table.int8_order);
        assert!(m == 0 || lhs.order == order, "rows quantized for another instruction set than {}", self.isa);
        let padded = n.next_multiple_of(PANEL);
        let shortest = bias.len().min(scales.len()).min(sums.len());
        assert!(shortest >= padded, "bias, scales and sums for {n} columns, not {shortest}");
        let grid = Grid::new(m, n, k, order.rows, team.threads());
        let out = out.of(m, n);
        grid.run(team, |_, Block { row, rows, panel, panels }| {
            let column = panel * PANEL;
            let args = matmul_int8::Args {
                m: rows,
                k4,
                n: (panels * PANEL).min(n - column),
                lhs: lhs.bytes[order.row(row, k)..].as_ptr(),
                lhs_scale: lhs.scales[row..].as_ptr(),
                lhs_middle: lhs.middles[row..].as_ptr(),
                lhs_sum: lhs.sums[row..].as_ptr(),
                rhs: rhs.data[panel * k4 * 4 * PANEL..].as_ptr(),
                rhs_scale: scales[column..].as_ptr(),
                rhs_sum: sums[column..].as_ptr(),
                bias: bias[column..].as_ptr(),
                activation,
                out: out.part(row, panel),
            };
            // SAFETY: the tier is available (`new`); the shapes were checked above; each task has a block of its own.
            unsafe { (self.table.matmul_int8)(&args) }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_whole_output_once_and_begin_with_a_group() {
        for (threads, group, row_bytes) in
            [(1, 1, 768), (2, 1, 12_288), (3, 2, 3072), (8, 10, 6144), (64, 16, 1 << 21)]
        {
            for m in [0, 1, 12, 63, 64, 127, 128, 129, 500, 1025] {
                let grid = Grid::new(m, 70, row_bytes, group, threads);
                // In two parts, as they may be claimed.
                let half = grid.units() / 2;
                let mut computed = vec![0; m * 3];
                for Block { row, rows, panel, panels } in
                    grid.blocks(0..half).chain(grid.blocks(half..grid.units()))
                {
                    assert!(row.is_multiple_of(group) && rows > 0 && panels > 0);
                    for row in row..row + rows {
                        computed[3 * row..][panel..panel + panels].iter_mut().for_each(|count| *count += 1);
                    }
                }
                assert!(computed.iter().all(|&count| count == 1), "{m} rows on {threads} threads");
            }
        }
    }

    #[test]
    fn threads_have_rows_of_their_own_where_there_are_enough() {
        let first_rows = |m, threads| {
            let grid = Grid::new(m, 768, 768, 1, threads);
            (0..threads)
                .map(|w| grid.blocks(grid.units() * w / threads..grid.units()).next().unwrap().row)
                .collect::<Vec<_>>()
        };
        assert_eq!(first_rows(512, 4), [0, 128, 256, 384]);
        assert_eq!(first_rows(128, 4), [0, 0, 64, 64]);
        assert_eq!(first_rows(127, 2), [0, 0]);
    }
}
