//! The left sides of products, in the number types that they are computed in.

/// Rows quantized to signed bytes, each over its own range, as the left side of an int8 product: a byte q stands for
/// `middle + scale * q`.
#[derive(Debug, Default)]
pub struct QuantizedRows {
    /// `[m][⌈k/4⌉][4]`, the tail zero.
    pub(super) bytes: Vec<i8>,
    /// The value of one step, `[m]`; NaN for a row with a number that is not finite.
    pub(super) scales: Vec<f32>,
    /// The value of a zero byte, `[m]`.
    pub(super) middles: Vec<f32>,
    /// The sum of a row's bytes, `[m]`.
    pub(super) sums: Vec<i32>,
    pub(super) k: usize,
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

    pub(super) fn resize(&mut self, rows: usize, k: usize) {
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
    pub(super) bits: Vec<u16>,
    /// Rows of a tile: their values stand side by side.
    pub(super) height: usize,
    /// What a row was divided by, `[m]`.
    pub(super) scales: Vec<f32>,
}
