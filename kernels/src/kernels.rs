//! The safe interface: shapes are asserted here, and work is cut into blocks for the threads of a [`Team`].

use crate::{
    Int8Panels, Isa, PANEL, Panels, Team,
    arch::{self, Half, Table},
    generic::{attention, matmul_float, matmul_half, matmul_int8, rows::Quantized},
};

/// What is applied to each value of a product after its bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// x·Φ(x), by erf.
    Gelu,
    /// GELU's approximation by tanh.
    GeluTanh,
    /// max(x, 0).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
}

/// Rows quantized to signed bytes, each over its own range, as the left side of an int8 product: a byte q stands for
/// `middle + scale * q`.
#[derive(Debug, Default)]
pub struct QuantizedRows {
    /// `[m][⌈k/4⌉][4]`, the tail zero.
    bytes: Vec<i8>,
    /// The value of one step, `[m]`; NaN for a row with a number that is not finite.
    scales: Vec<f32>,
    /// The value of a zero byte, `[m]`.
    middles: Vec<f32>,
    /// The sum of a row's bytes, `[m]`.
    sums: Vec<i32>,
    k: usize,
}

impl QuantizedRows {
    /// Rows of bytes, `[m, k]`, that stand for themselves: every scale is 1 and every middle 0.
    ///
    /// # Panics
    /// When `bytes` has no whole number of rows.
    pub fn from_bytes(bytes: &[i8], k: usize) -> Self {
        assert!(k > 0 && bytes.len().is_multiple_of(k), "{} bytes have rows of {k}", bytes.len());
        let mut rows = Self::default();
        rows.resize(bytes.len() / k, k);
        rows.scales.fill(1.0);
        for (row, from) in bytes.chunks_exact(k).enumerate() {
            rows.bytes[row * k.next_multiple_of(4)..][..k].copy_from_slice(from);
            rows.sums[row] = from.iter().map(|&byte| i32::from(byte)).sum();
        }
        rows
    }

    /// Rows held.
    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    /// A row's bytes, its tail included, its scale and its middle.
    pub fn row(&self, row: usize) -> (&[i8], f32, f32) {
        let stride = self.k.next_multiple_of(4);
        (&self.bytes[row * stride..][..stride], self.scales[row], self.middles[row])
    }

    fn resize(&mut self, rows: usize, k: usize) {
        if self.k != k {
            // The tail bytes are where other rows' values were.
            self.bytes.fill(0);
        }
        self.k = k;
        self.bytes.resize(rows * k.next_multiple_of(4), 0);
        self.scales.resize(rows, 0.0);
        self.middles.resize(rows, 0.0);
        self.sums.resize(rows, 0);
    }
}

/// Rows in half precision, each divided by a power of two, as the left side of a product in halves.
#[derive(Debug, Default)]
pub struct HalfRows {
    /// `[⌈m/height⌉][k][height]`; longer after a larger product.
    bits: Vec<u16>,
    /// Rows of a tile: their values stand side by side.
    height: usize,
    /// What a row was divided by, `[m]`.
    scales: Vec<f32>,
}

/// Self-attention over ragged sequences; rows are tokens.
///
/// Sequence `s` has keys `cu_keys[s]..cu_keys[s + 1]` and queries `cu_queries[s]..cu_queries[s + 1]`. Head `h` is
/// columns `h * head_size..(h + 1) * head_size` of `q`, `k`, `v` and the output.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// Number of heads.
    pub heads: usize,
    /// Columns of a head.
    pub head_size: usize,
    /// Query rows, from the first value of the first row on.
    pub q: &'a [f32],
    /// From one row of `q` to the next.
    pub q_stride: usize,
    /// Where a sequence's queries begin and end.
    pub cu_queries: &'a [u32],
    /// Key rows.
    pub k: &'a [f32],
    /// Value rows.
    pub v: &'a [f32],
    /// From one row of `k`, and of `v`, to the next.
    pub kv_stride: usize,
    /// Where a sequence's keys and values begin and end.
    pub cu_keys: &'a [u32],
    /// Compute in half precision where the machine has arithmetic for it ([`Isa::Avx512Fp16`]): twice as fast, and
    /// good to about three digits.
    pub half: bool,
}

/// The kernels of one instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Kernels {
    isa: Isa,
    pub(crate) table: &'static Table,
}

/// A pointer that several threads use for parts of their own.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

// SAFETY: whoever dereferences it says why no two threads touch the same values.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T> Shared<T> {
    fn at(&self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

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

/// Asserts that `len` values hold `rows` rows of `columns` values, `stride` apart.
fn check(what: &str, len: usize, rows: usize, columns: usize, stride: usize) {
    assert!(columns <= stride || rows <= 1, "{what}: rows of {columns} overlap at stride {stride}");
    // Checked: a product that wraps would let a hostile stride through to the raw pointers.
    let needed = match rows {
        0 => Some(0),
        _ => (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(columns)),
    };
    assert!(
        needed.is_some_and(|needed| len >= needed),
        "{what}: {len} values for {rows} rows of {columns} at stride {stride}"
    );
}

impl Kernels {
    /// The kernels of `isa`.
    ///
    /// # Panics
    /// When this machine lacks it.
    pub fn new(isa: Isa) -> Self {
        assert!(isa.is_available(), "this machine cannot run {isa}");
        Self { isa, table: arch::table(isa) }
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// `out = activation(lhs · rhsᵀ + bias)`: `lhs` is `[m, k]`, `rhs` n × k in panels, `out` m rows of n values,
    /// `out_stride` apart; m is what `lhs` has. `bias` has whole panels ([`crate::pad_to_panels`]).
    ///
    /// # Panics
    /// When shapes don't fit.
    #[expect(
        clippy::too_many_arguments,
        reason = "a matrix product has two operands, an epilogue and a target"
    )]
    pub fn matmul_f32(
        &self,
        team: &Team,
        lhs: &[f32],
        rhs: Panels<'_, f32>,
        bias: &[f32],
        activation: Activation,
        out: &mut [f32],
        out_stride: usize,
    ) {
        self.matmul_float(team, lhs, rhs, self.table.matmul_f32, bias, activation, (out, out_stride));
    }

    /// [`Kernels::matmul_f32`] with weights in half precision. Where the machine has arithmetic for halves
    /// ([`Isa::Avx512Fp16`]) the rows of `lhs` are made halves too, in `halves`; elsewhere products are in f32.
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
        out: &mut [f32],
        out_stride: usize,
    ) {
        match self.table.half {
            None => {
                self.matmul_float(team, lhs, rhs, self.table.matmul_f16, bias, activation, (out, out_stride));
            }
            Some(half) => {
                self.halve_rows(team, lhs, rhs.k, half, halves);
                self.matmul_half(team, halves, rhs, half, bias, activation, (out, out_stride));
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
        (out, out_stride): (&mut [f32], usize),
    ) {
        let Panels { n, k, .. } = rhs;
        assert!(k > 0 && lhs.len().is_multiple_of(k), "lhs of {} values has rows of {k}", lhs.len());
        let m = lhs.len() / k;
        check("out", out.len(), m, n, out_stride);
        assert!(bias.len() >= n.next_multiple_of(PANEL), "bias of {} values for {n} columns", bias.len());
        let grid = Grid::new(m, n, 4 * k, 12, team.threads());
        let out = Shared(out.as_mut_ptr());
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
                out: out.at(row * out_stride + column),
                out_stride,
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
        (out, out_stride): (&mut [f32], usize),
    ) {
        let Panels { n, k, .. } = rhs;
        let m = lhs.scales.len();
        check("out", out.len(), m, n, out_stride);
        assert!(bias.len() >= n.next_multiple_of(PANEL), "bias of {} values for {n} columns", bias.len());
        let grid = Grid::new(m, n, 2 * k, lhs.height, team.threads());
        let out = Shared(out.as_mut_ptr());
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
                out: out.at(row * out_stride + column),
                out_stride,
            };
            // SAFETY: the tier is available (`new`); the shapes were checked above and `halve_rows` made m rows of k;
            // each task has a block of its own.
            unsafe { (half.matmul)(&args) }
        });
    }

    /// Quantizes the rows of `x`, `[m, k]`, each over its own range.
    ///
    /// # Panics
    /// When `x` has no whole number of rows.
    pub fn quantize_rows(&self, team: &Team, x: &[f32], k: usize, rows: &mut QuantizedRows) {
        assert!(k > 0 && x.len().is_multiple_of(k), "{} values have rows of {k}", x.len());
        let m = x.len() / k;
        rows.resize(m, k);
        let stride = k.next_multiple_of(4);
        let (bytes, sums) = (Shared(rows.bytes.as_mut_ptr()), Shared(rows.sums.as_mut_ptr()));
        let (scales, middles) = (Shared(rows.scales.as_mut_ptr()), Shared(rows.middles.as_mut_ptr()));
        self.over_rows(team, m, k, |row| {
            // SAFETY: the tier is available; row < m, and each row is written by one task.
            unsafe {
                let row_of_x = x[row * k..].as_ptr();
                let Quantized { scale, middle, sum } =
                    (self.table.quantize)(k, row_of_x, bytes.at(row * stride));
                *scales.at(row) = scale;
                *middles.at(row) = middle;
                *sums.at(row) = sum;
            }
        });
    }

    /// [`Kernels::matmul_f32`] with int8 operands: sums are exact in i32, and
    /// `out = activation(scale of the row · scale of the column · sum + middle of the row · Σ column + bias)`.
    ///
    /// # Panics
    /// When shapes don't fit.
    #[expect(
        clippy::too_many_arguments,
        reason = "a matrix product has two operands, an epilogue and a target"
    )]
    pub fn matmul_int8(
        &self,
        team: &Team,
        lhs: &QuantizedRows,
        Int8Panels { panels: rhs, scales, sums }: Int8Panels<'_>,
        bias: &[f32],
        activation: Activation,
        out: &mut [f32],
        out_stride: usize,
    ) {
        let Panels { n, k, .. } = rhs;
        assert_eq!(lhs.k, k, "inner dimensions");
        let (m, k4) = (lhs.rows(), k.div_ceil(4));
        check("out", out.len(), m, n, out_stride);
        let padded = n.next_multiple_of(PANEL);
        let shortest = bias.len().min(scales.len()).min(sums.len());
        assert!(shortest >= padded, "bias, scales and sums for {n} columns, not {shortest}");
        let grid = Grid::new(m, n, k, 12, team.threads());
        let out = Shared(out.as_mut_ptr());
        team.run(grid.tasks(), |_, task| {
            let (row, rows, panel, panels) = grid.block(task);
            let column = panel * PANEL;
            let args = matmul_int8::Args {
                m: rows,
                k4,
                n: (panels * PANEL).min(n - column),
                lhs: lhs.bytes[row * k4 * 4..].as_ptr(),
                lhs_scale: lhs.scales[row..].as_ptr(),
                lhs_middle: lhs.middles[row..].as_ptr(),
                lhs_sum: lhs.sums[row..].as_ptr(),
                rhs: rhs.data[panel * k4 * 4 * PANEL..].as_ptr(),
                rhs_scale: scales[column..].as_ptr(),
                rhs_sum: sums[column..].as_ptr(),
                bias: bias[column..].as_ptr(),
                activation,
                out: out.at(row * out_stride + column),
                out_stride,
            };
            // SAFETY: the tier is available (`new`); the shapes were checked above; each task has a block of its own.
            unsafe { (self.table.matmul_int8)(&args) }
        });
    }

    /// softmax(q·kᵀ/√head_size)·v for every head of every sequence; `out` has a row of `heads * head_size` values for
    /// each query; those of a sequence without keys are left as they are. `scratch` grows as needed and can be used
    /// again.
    ///
    /// # Panics
    /// When shapes don't fit.
    pub fn attention(&self, team: &Team, of: &Attention<'_>, out: &mut [f32], scratch: &mut Vec<f32>) {
        let Attention { heads, head_size, q_stride, kv_stride, cu_queries, cu_keys, .. } = *of;
        let hidden = heads.checked_mul(head_size).expect("columns of all heads");
        assert!(
            cu_keys.len() == cu_queries.len() && !cu_keys.is_empty(),
            "as many sequences of queries as of keys"
        );
        assert!(cu_keys.is_sorted() && cu_queries.is_sorted(), "sequences follow each other");
        let [queries, keys] = [cu_queries, cu_keys].map(|cu| cu[cu.len() - 1] as usize);
        check("q", of.q.len(), queries, hidden, q_stride);
        check("k", of.k.len(), keys, hidden, kv_stride);
        check("v", of.v.len(), keys, hidden, kv_stride);
        check("out", out.len(), queries, hidden, hidden);
        let longest = cu_keys.windows(2).map(|w| (w[1] - w[0]) as usize).max().unwrap_or(0);
        let scratch_len = attention::scratch_len(longest, head_size).next_multiple_of(16);
        let needed = scratch_len.checked_mul(team.threads()).expect("scratch of all threads");
        if scratch.len() < needed {
            scratch.resize(needed, 0.0);
        }
        let attend = if of.half { self.table.attention_half } else { self.table.attention };
        let (out, scratch) = (Shared(out.as_mut_ptr()), Shared(scratch.as_mut_ptr()));
        team.run((cu_keys.len() - 1) * heads, |worker, task| {
            let (sequence, column) = (task / heads, task % heads * head_size);
            let [query, queries] = [cu_queries[sequence], cu_queries[sequence + 1]].map(|i| i as usize);
            let [key, keys] = [cu_keys[sequence], cu_keys[sequence + 1]].map(|i| i as usize);
            if queries == query || keys == key {
                return;
            }
            let args = attention::Args {
                queries: queries - query,
                keys: keys - key,
                head_size,
                q: of.q[query * q_stride + column..].as_ptr(),
                q_stride,
                k: of.k[key * kv_stride + column..].as_ptr(),
                v: of.v[key * kv_stride + column..].as_ptr(),
                kv_stride,
                out: out.at(query * hidden + column),
                out_stride: hidden,
                scale: std::f32::consts::LOG2_E / (head_size as f32).sqrt(),
                scratch: scratch.at(worker * scratch_len),
            };
            // SAFETY: the tier is available (`new`); the shapes were checked above; each task writes rows and columns
            // of its own, each worker has scratch of its own, and worker numbers are below the team's threads.
            unsafe { attend(&args) }
        });
    }

    /// `x = LayerNorm(x + residual)` for every row of `gamma.len()` values; without a residual, `x = LayerNorm(x)`.
    ///
    /// # Panics
    /// When shapes don't fit.
    pub fn add_layer_norm(
        &self,
        team: &Team,
        x: &mut [f32],
        residual: Option<&[f32]>,
        gamma: &[f32],
        beta: &[f32],
        epsilon: f32,
    ) {
        let len = gamma.len();
        assert!(len > 0 && beta.len() == len && x.len().is_multiple_of(len), "rows of {len}");
        assert!(residual.is_none_or(|residual| residual.len() == x.len()), "residual of another shape");
        let rows = x.len() / len;
        let x = Shared(x.as_mut_ptr());
        self.over_rows(team, rows, len, |row| {
            let residual = residual.map_or(std::ptr::null(), |residual| residual[row * len..].as_ptr());
            let row = x.at(row * len);
            // SAFETY: the tier is available; the row is inside x, residual, gamma and beta, and written by one task.
            unsafe {
                (self.table.add_layer_norm)(len, row, residual, gamma.as_ptr(), beta.as_ptr(), epsilon, row);
            }
        });
    }

    /// Calls `f` for each row, several rows a task, alone when it is too little to share.
    fn over_rows(&self, team: &Team, rows: usize, len: usize, f: impl Fn(usize) + Sync) {
        /// Values that are worth handing to another thread: some 5 µs of row-wise work.
        const SHARE: usize = 16_384;
        let step = (SHARE / len).max(1);
        team.run(rows.div_ceil(step), |_, task| (task * step..rows.min((task + 1) * step)).for_each(&f));
    }
}
