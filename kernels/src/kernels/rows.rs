//! What is done to each row by itself.

use std::ops::Range;

use super::{Kernels, QuantizedRows, Shared};
use crate::{
    Team,
    generic::{
        matmul_int8::Order,
        rows::{GROUP, LayerNormArgs, QuantizeArgs},
    },
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
    len: usize,
}

impl QuantizedTarget {
    fn new(rows: &mut QuantizedRows, m: usize, k: usize, order: Order) -> Self {
        rows.resize(m, k, order);
        Self {
            bytes: Shared(rows.bytes.as_mut_ptr()),
            scales: Shared(rows.scales.as_mut_ptr()),
            middles: Shared(rows.middles.as_mut_ptr()),
            sums: Shared(rows.sums.as_mut_ptr()),
            len: k,
        }
    }

    /// # Safety
    /// The tier of `kernels` is available; `rows` is a group of the rows, all of which are at `x`, and no other thread works on them.
    unsafe fn quantize(&self, kernels: &Kernels, x: *const f32, rows: Range<usize>, ahead: usize) {
        let args = QuantizeArgs {
            len: self.len,
            ahead,
            x,
            bytes: self.bytes.0,
            scales: self.scales.0,
            middles: self.middles.0,
            sums: self.sums.0,
        };
        // SAFETY: the caller's promise; the bytes have room for all rows in their order.
        unsafe { (kernels.table.quantize)(&args, rows) }
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
        over_groups(team, m, k, |rows, ahead| {
            // SAFETY: the tier is available; rows are below m, and each is written by one task.
            unsafe { target.quantize(self, x.as_ptr(), rows, ahead) };
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
        over_groups(team, rows, len, |rows, ahead| {
            let args = LayerNormArgs {
                len,
                ahead,
                x: x.at(0),
                residual: residual.map_or(std::ptr::null(), |residual| residual.as_ptr()),
                gamma: gamma.as_ptr(),
                beta: beta.as_ptr(),
                epsilon,
            };
            // SAFETY: the tier is available; the rows are inside x, residual and the quantized rows, and written by one task.
            unsafe {
                (self.table.add_layer_norm)(&args, rows.clone());
                if let Some(target) = &target {
                    target.quantize(self, x.at(0), rows, 0);
                }
            }
        });
    }

    /// Calls `f` for each row, several at a time, alone when it is too little to share.
    pub(super) fn over_rows(&self, team: &Team, rows: usize, len: usize, f: impl Fn(usize) + Sync) {
        team.run(rows, least_rows(len), |_, rows| rows.for_each(&f));
    }
}

/// Calls `f(group, ahead)` for groups of rows, several at a time, alone when it is too little to share. The next group begins
/// `ahead` rows later, where one follows.
fn over_groups(team: &Team, rows: usize, len: usize, f: impl Fn(Range<usize>, usize) + Sync) {
    // Longer ones push each other out of the first-level cache.
    const LONGEST: usize = 1024;
    let group = if len <= LONGEST { GROUP } else { 1 };
    team.run(rows, least_rows(len), |_, rows| {
        for first in rows.clone().step_by(group) {
            let end = rows.end.min(first + group);
            f(first..end, if end < rows.end { group } else { 0 });
        }
    });
}

/// The fewest rows of `len` values that are worth a claim: a microsecond of row-wise work.
pub(super) fn least_rows(len: usize) -> usize {
    const VALUES: usize = 4096;
    (VALUES / len).max(1)
}
