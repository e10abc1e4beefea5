//! Matrix products, cut into blocks for the threads of a team.

use super::{Activation, HalfRows, Kernels, Output, QuantizedRows, Shared};
use crate::{
    Int8Panels, PANEL, Panels, Team,
    arch::Half,
    generic::{matmul_float, matmul_half, matmul_int8},
};

/// A product's output cut into blocks: `row_blocks` × `panel_groups` of them.
struct Grid {
    m: usize,
    rows: usize,
    panels: usize,
    group: usize,
}

impl Grid {
    /// Bytes of left-hand rows that stay in a core's second-level cache while all panels stream past.
    const ROW_BLOCK_BYTES: usize = 1 << 20;

    fn new(m: usize, n: usize, row_bytes: usize, height: usize, threads: usize) -> Self {
        let panels = n.div_ceil(PANEL);
        let most = (Self::ROW_BLOCK_BYTES / row_bytes.max(1)).max(height);
        // Equal blocks of whole tiles.
        let rows = m.div_ceil(m.div_ceil(most).max(1)).next_multiple_of(height);
        let blocks = m.div_ceil(rows.max(1)).max(1);
        let groups = if threads == 1 { 1 } else { (2 * threads).div_ceil(blocks) };
        let group = panels.div_ceil(groups).max(1);
        Self { m, rows, panels, group }
    }

    fn tasks(&self) -> usize {
        self.m.div_ceil(self.rows.max(1)) * self.panels.div_ceil(self.group)
    }

    /// First row, number of rows, first panel and number of panels of a task.
    fn block(&self, task: usize) -> (usize, usize, usize, usize) {
        let groups = self.panels.div_ceil(self.group);
        let (row, panel) = (task / groups * self.rows, task % groups * self.group);
        (row, self.rows.min(self.m - row), panel, self.group.min(self.panels - panel))
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
        self.matmul_float(team, lhs, rhs, self.table.matmul_f32, bias, activation, out);
    }

    /// [`Kernels::matmul_f32`] with weights in half precision. Where the machine has arithmetic for halves
    /// ([`crate::Isa::Avx512Fp16`]) the rows of `lhs` are made halves too, in `halves`; elsewhere products are in f32.
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
        halves: &mut HalfRows,
        rhs: Panels<'_, u16>,
        bias: &[f32],
        activation: Activation,
        out: Output<'_>,
    ) {
        match self.table.half {
            None => {
                self.matmul_float(team, lhs, rhs, self.table.matmul_f16, bias, activation, out);
            }
            Some(half) => {
                self.halve_rows(team, lhs, rhs.k, half, halves);
                self.matmul_half(team, halves, rhs, half, bias, activation, out);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn matmul_float<W: Copy + Sync>(
        &self,
        team: &Team,
        lhs: &[f32],
        rhs: Panels<'_, W>,
        kernel: unsafe fn(&matmul_float::Args<W>),
        bias: &[f32],
        activation: Activation,
        out: Output<'_>,
    ) {
        let Panels { n, k, .. } = rhs;
        assert!(k > 0 && lhs.len().is_multiple_of(k), "lhs of {} values has rows of {k}", lhs.len());
        let m = lhs.len() / k;
        assert!(bias.len() >= n.next_multiple_of(PANEL), "bias of {} values for {n} columns", bias.len());
        let grid = Grid::new(m, n, 4 * k, 12, team.threads());
        let out = out.of(m, n);
        team.run(grid.tasks(), |_, task| {
            let (row, rows, panel, panels) = grid.block(task);
            let column = panel * PANEL;
            let args = matmul_float::Args {
                m: rows,
                k,
                n: (panels * PANEL).min(n - column),
                lhs: lhs[row * k..].as_ptr(),
                lhs_stride: k,
                rhs: rhs.data[panel * k * PANEL..].as_ptr(),
                bias: bias[column..].as_ptr(),
                activation,
                out: out.part(row, panel),
            };
            // SAFETY: the tier is available (`new`); the shapes were checked above; each task has a block of its own.
            unsafe { kernel(&args) }
        });
    }

    /// The rows of `x`, `[m, k]`, as halves.
    fn halve_rows(&self, team: &Team, x: &[f32], k: usize, half: Half, rows: &mut HalfRows) {
        assert!(k > 0 && x.len().is_multiple_of(k), "{} values have rows of {k}", x.len());
        let m = x.len() / k;
        let tiles = m.div_ceil(half.rows).max(1);
        let height = m.div_ceil(tiles).max(1);
        let needed = tiles * height * k;
        rows.height = height;
        rows.bits.resize(rows.bits.len().max(needed), 0);
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
        lhs: &HalfRows,
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
        team.run(grid.tasks(), |_, task| {
            let (row, rows, panel, panels) = grid.block(task);
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
        // A block begins with a whole group of rows, in every order.
        let grid = Grid::new(m, n, k, 12, team.threads());
        let out = out.of(m, n);
        team.run(grid.tasks(), |_, task| {
            let (row, rows, panel, panels) = grid.block(task);
            let column = panel * PANEL;
            let args = matmul_int8::Args {
                m: rows,
                k4,
                n: (panels * PANEL).min(n - column),
                lhs: lhs.bytes()[order.row(row, k)..].as_ptr(),
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
