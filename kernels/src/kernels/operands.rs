//! The left sides of products, in the number types that they are computed in.

use super::Kernels;
use crate::{Buffer, generic::matmul_int8::Order};

/// Rows quantized to signed bytes, each over its own range, as the left side of an int8 product: a byte q stands for
/// `middle + scale * q`. [`Kernels::quantize_rows`](crate::Kernels::quantize_rows) makes them, for products of the same
/// instruction set.
#[derive(Debug)]
pub struct QuantizedRows {
    /// In their order, the tail zero; longer after more rows.
    pub(super) bytes: Buffer<i8>,
    pub(super) order: Order,
    /// The value of one step, `[m]`; NaN for a row with a number that is not finite.
    pub(super) scales: Vec<f32>,
    /// The value of a zero byte, `[m]`.
    pub(super) middles: Vec<f32>,
    /// The sum of a row's bytes, `[m]`.
    pub(super) sums: Vec<i32>,
    pub(super) k: usize,
}

impl Default for QuantizedRows {
    /// None, for any instruction set.
    fn default() -> Self {
        let [scales, middles] = [const { Vec::new() }; 2];
        Self {
            bytes: Buffer::default(),
            order: Order { rows: 1, unit: 4 },
            scales,
            middles,
            sums: Vec::new(),
            k: 0,
        }
    }
}

impl QuantizedRows {
    /// Rows held.
    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    /// A row's bytes, its tail of zeros included, its scale and its middle.
    pub fn row(&self, row: usize) -> (Vec<i8>, f32, f32) {
        let from = &self.bytes[self.order.row(row, self.k)..];
        let bytes = (0..self.order.padded(self.k)).map(|p| from[self.order.byte(p)]).collect();
        (bytes, self.scales[row], self.middles[row])
    }

    pub(super) fn resize(&mut self, rows: usize, k: usize, order: Order) {
        if (self.k, self.order) != (k, order) {
            // The tail bytes are where other rows' values were.
            self.bytes.fill(0);
        }
        (self.k, self.order) = (k, order);
        self.bytes.grow(order.len(rows, k));
        self.scales.resize(rows, 0.0);
        self.middles.resize(rows, 0.0);
        self.sums.resize(rows, 0);
    }
}

impl Kernels {
    /// Rows of bytes, `[m, k]`, that stand for themselves: every scale is 1 and every middle 0.
    ///
    /// # Panics
    /// When `bytes` has no whole number of rows.
    pub fn rows_of_bytes(&self, bytes: &[i8], k: usize) -> QuantizedRows {
        assert!(k > 0 && bytes.len().is_multiple_of(k), "{} bytes have rows of {k}", bytes.len());
        let (mut rows, order) = (QuantizedRows::default(), self.table.int8_order);
        rows.resize(bytes.len() / k, k, order);
        rows.scales.fill(1.0);
        for (row, from) in bytes.chunks_exact(k).enumerate() {
            let to = &mut rows.bytes[order.row(row, k)..];
            from.iter().enumerate().for_each(|(p, &byte)| to[order.byte(p)] = byte);
            rows.sums[row] = from.iter().map(|&byte| i32::from(byte)).sum();
        }
        rows
    }
}

/// What a product with weights in halves works in. Where there is arithmetic for halves, the rows of its left side in half
/// precision, each divided by a power of two; elsewhere panels in f32.
#[derive(Debug, Default)]
pub struct HalfScratch {
    /// `[⌈m/height⌉][k][height]`; longer after a larger product.
    pub(super) bits: Buffer<u16>,
    /// Rows of a tile: their values stand side by side.
    pub(super) height: usize,
    /// What a row was divided by, `[m]`.
    pub(super) scales: Vec<f32>,
    /// A panel for each thread, `[threads][k][32]`; longer after a larger product.
    panels: Buffer<f32>,
}

impl HalfScratch {
    /// Room for a panel of `len` values for each of so many threads.
    pub(super) fn panels(&mut self, threads: usize, len: usize) -> &mut [f32] {
        self.panels.grow(threads * len);
        &mut self.panels
    }
}
