//! What is done to each row by itself.

use super::{Kernels, QuantizedRows, Shared};
use crate::{
    Team,
    generic::{matmul_int8::Order, rows::Quantized},
};

/// How to normalize rows (Ba, Kiros and Hinton, 2016).
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    /// What a normalized row is multiplied by, as long as the row.
    pub gamma: &'a [f32],
    /// What is then added to it.
    pub beta: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

/// Rows that are being quantized, each by one task.
struct QuantizedTarget {
    bytes: Shared<i8>,
    scales: Shared<f32>,
    middles: Shared<f32>,
    sums: Shared<i32>,
    k: usize,
    order: Order,
}

impl QuantizedTarget {
    fn new(rows: &mut QuantizedRows, m: usize, k: usize, order: Order) -> Self {
        rows.resize(m, k, order);
        Self {
            bytes: Shared(rows.bytes_mut().as_mut_ptr()),
            scales: Shared(rows.scales.as_mut_ptr()),
            middles: Shared(rows.middles.as_mut_ptr()),
            sums: Shared(rows.sums.as_mut_ptr()),
            k,
            order,
        }
    }

    /// # Safety
    /// The tier of `kernels` is available; `row` is one of the rows, `x` is valid for k values, and no other thread
    /// works on the row.
    unsafe fn quantize(&self, kernels: &Kernels, row: usize, x: *const f32) {
        // SAFETY: the caller's promise; the bytes have room for all rows of k in their order.
        unsafe {
            let bytes = self.bytes.at(self.order.row(row, self.k));
            let Quantized { scale, middle, sum } = (kernels.table.quantize)(self.k, x, bytes);
            *self.scales.at(row) = scale;
            *self.middles.at(row) = middle;
            *self.sums.at(row) = sum;
        }
    }
}

impl Kernels {
    /// Quantizes the rows of `x`, `[m, k]`, each over its own range.
    ///
    /// # Panics
    /// When `x` has no whole number of rows.
    pub fn quantize_rows(&self, team: &Team, x: &[f32], k: usize, rows: &mut QuantizedRows) {
        assert!(k > 0 && x.len().is_multiple_of(k), "{} values have rows of {k}", x.len());
        let m = x.len() / k;
        let target = QuantizedTarget::new(rows, m, k, self.table.int8_order);
        self.over_rows(team, m, k, |row| {
            // SAFETY: the tier is available; row < m, and each row is written by one task.
            unsafe { target.quantize(self, row, x[row * k..].as_ptr()) };
        });
    }

    /// `x = LayerNorm(x + residual)` for every row of `x`; without a residual, `x = LayerNorm(x)`. With `quantized` the
    /// new rows are quantized, too, as by [`Kernels::quantize_rows`], while they are at hand.
    ///
    /// # Panics
    /// When shapes don't fit.
    pub fn add_layer_norm(
        &self,
        team: &Team,
        x: &mut [f32],
        residual: Option<&[f32]>,
        LayerNorm { gamma, beta, epsilon }: LayerNorm<'_>,
        quantized: Option<&mut QuantizedRows>,
    ) {
        let len = gamma.len();
        assert!(len > 0 && beta.len() == len && x.len().is_multiple_of(len), "rows of {len}");
        assert!(residual.is_none_or(|residual| residual.len() == x.len()), "residual of another shape");
        let rows = x.len() / len;
        let target =
            quantized.map(|quantized| QuantizedTarget::new(quantized, rows, len, self.table.int8_order));
        let x = Shared(x.as_mut_ptr());
        self.over_rows(team, rows, len, |row| {
            let residual = residual.map_or(std::ptr::null(), |residual| residual[row * len..].as_ptr());
            let of_x = x.at(row * len);
            // SAFETY: the tier is available; the row is inside x, residual, gamma, beta and the quantized rows, and
            // written by one task.
            unsafe {
                let (gamma, beta) = (gamma.as_ptr(), beta.as_ptr());
                (self.table.add_layer_norm)(len, of_x, residual, gamma, beta, epsilon, of_x);
                if let Some(target) = &target {
                    target.quantize(self, row, of_x);
                }
            }
        });
    }

    /// Calls `f` for each row, several at a time, alone when it is too little to share.
    pub(super) fn over_rows(&self, team: &Team, rows: usize, len: usize, f: impl Fn(usize) + Sync) {
        team.run(rows, least_rows(len), |_, rows| rows.for_each(&f));
    }
}

/// The fewest rows of `len` values that are worth a claim: a microsecond of row-wise work.
pub(super) fn least_rows(len: usize) -> usize {
    const VALUES: usize = 4096;
    (VALUES / len).max(1)
}
