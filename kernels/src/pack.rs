//! Weights in panels: the order in which the inner loops read them.
//!
//! A panel is [`PANEL`] output columns. f32: `[⌈n/32⌉][k][32]`. int8: `[⌈n/32⌉][⌈k/4⌉][32][4]`, each byte w + 128.
//! Bytes outside n × k are zero: columns beyond n are never stored, and values beyond k meet activations of zero.

use bytemuck::{cast_slice, cast_slice_mut};
use half::{f16, slice::HalfFloatSliceExt};

use crate::{CacheLine, PANEL, zeroed};

/// f32 values in the panels of an `[n, k]` matrix.
///
/// # Panics
/// When they are more than a `usize` counts.
pub const fn f32_panels_len(n: usize, k: usize) -> usize {
    panels_len(n.div_ceil(PANEL), k)
}

/// Bytes in the int8 panels of an `[n, k]` matrix.
///
/// # Panics
/// When they are more than a `usize` counts.
pub const fn int8_panels_len(n: usize, k: usize) -> usize {
    panels_len(n.div_ceil(PANEL), k.div_ceil(4).saturating_mul(4))
}

/// Checked: a product that wraps would make a few bytes pass for panels of any size.
const fn panels_len(panels: usize, k: usize) -> usize {
    match panels.checked_mul(PANEL) {
        Some(columns) => columns.checked_mul(k).expect("panels of n x k"),
        None => panic!("panels of n x k"),
    }
}

/// `values` copied to whole panels of columns, the last one filled up with zeros: how a bias is kept.
pub fn pad_to_panels(values: &[f32]) -> Vec<f32> {
    let mut padded = values.to_vec();
    padded.resize(values.len().next_multiple_of(PANEL), 0.0);
    padded
}

/// Panels of a row-major `[n, k]` matrix (one row an output), as `nn.Linear` keeps it.
///
/// # Panics
/// When `weights` has not n × k values.
pub fn pack_f32(weights: &[f32], n: usize, k: usize) -> Vec<CacheLine> {
    assert_eq!(weights.len(), n * k, "weights of {n} x {k}");
    let mut lines = zeroed::<f32>(f32_panels_len(n, k));
    if k > 0 {
        let panels: &mut [f32] = cast_slice_mut(&mut lines);
        for (column, row) in weights.chunks_exact(k).enumerate() {
            let panel = &mut panels[column / PANEL * k * PANEL + column % PANEL..];
            for (to, &value) in panel.iter_mut().step_by(PANEL).zip(row) {
                *to = value;
            }
        }
    }
    lines
}

/// The same panels in half precision, rounded to nearest: `[⌈n/32⌉][k][32]`.
pub fn halve_panels(lines: &[CacheLine]) -> Vec<CacheLine> {
    let panels: &[f32] = cast_slice(lines);
    let mut halves = zeroed::<u16>(panels.len());
    let out: &mut [f16] = cast_slice_mut(&mut halves);
    out[..panels.len()].convert_from_f32_slice(panels);
    halves
}

/// int8 panels of a row-major `[n, k]` matrix, symmetric per output channel, and the `n` scales: a weight is
/// `scale · q` with q = round(w / scale) in -127..=127 and scale = max |w| / 127.
///
/// # Panics
/// When `weights` has not n × k values.
pub fn pack_int8(weights: &[f32], n: usize, k: usize) -> (Vec<CacheLine>, Vec<f32>) {
    assert_eq!(weights.len(), n * k, "weights of {n} x {k}");
    let mut lines = zeroed::<u8>(int8_panels_len(n, k));
    let mut scales = vec![0.0; n];
    if k > 0 {
        let k4 = k.div_ceil(4);
        let panels: &mut [u8] = cast_slice_mut(&mut lines);
        for (column, row) in weights.chunks_exact(k).enumerate() {
            let largest = row.iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
            scales[column] = largest / 127.0;
            let panel = &mut panels[column / PANEL * k4 * PANEL * 4..][..k4 * PANEL * 4];
            for (p, &w) in row.iter().enumerate() {
                let q = if largest > 0.0 { (w * (127.0 / largest)).round_ties_even() } else { 0.0 };
                panel[int8_at(column % PANEL, p)] = (q.clamp(-127.0, 127.0) as i32 + 128) as u8;
            }
        }
    }
    (lines, scales)
}

/// f32 panels with the values that int8 panels stand for.
///
/// # Panics
/// When `panels` or `scales` are too short for n × k.
pub fn expand_int8(panels: &[u8], scales: &[f32], n: usize, k: usize) -> Vec<CacheLine> {
    assert!(panels.len() >= int8_panels_len(n, k) && scales.len() >= n, "panels of {n} x {k}");
    let mut lines = zeroed::<f32>(f32_panels_len(n, k));
    let k4 = k.div_ceil(4);
    let out: &mut [f32] = cast_slice_mut(&mut lines);
    for (column, &scale) in scales.iter().enumerate().take(n) {
        let (panel, lane) = (column / PANEL, column % PANEL);
        let from = &panels[panel * k4 * PANEL * 4..][..k4 * PANEL * 4];
        let to = &mut out[panel * k * PANEL..][..k * PANEL];
        for p in 0..k {
            to[p * PANEL + lane] = (i32::from(from[int8_at(lane, p)]) - 128) as f32 * scale;
        }
    }
    lines
}

/// Where in a panel the byte of column `lane` and depth `p` is.
const fn int8_at(lane: usize, p: usize) -> usize {
    (p / 4 * PANEL + lane) * 4 + p % 4
}

/// A view of packed weights.
#[derive(Debug)]
pub struct Panels<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) n: usize,
    pub(crate) k: usize,
}

impl<T> Clone for Panels<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Panels<'_, T> {}

impl<'a> Panels<'a, f32> {
    /// Panels made by [`pack_f32`].
    ///
    /// # Panics
    /// When `lines` are not those of n × k.
    pub fn f32(lines: &'a [CacheLine], n: usize, k: usize) -> Self {
        let data: &[f32] = cast_slice(lines);
        assert!(data.len() >= f32_panels_len(n, k), "panels of {n} x {k}");
        Self { data: &data[..f32_panels_len(n, k)], n, k }
    }
}

impl<'a> Panels<'a, u16> {
    /// Panels made by [`halve_panels`].
    ///
    /// # Panics
    /// When `lines` are not those of n × k.
    pub fn f16(lines: &'a [CacheLine], n: usize, k: usize) -> Self {
        let data: &[u16] = cast_slice(lines);
        assert!(data.len() >= f32_panels_len(n, k), "panels of {n} x {k}");
        Self { data: &data[..f32_panels_len(n, k)], n, k }
    }
}

impl<'a> Panels<'a, u8> {
    /// Panels made by [`pack_int8`].
    ///
    /// # Panics
    /// When `bytes` are not those of n × k.
    pub fn int8(bytes: &'a [u8], n: usize, k: usize) -> Self {
        assert!(bytes.len() >= int8_panels_len(n, k), "panels of {n} x {k}");
        assert!(k <= 66_000, "k = {k}: sums might leave an i32");
        Self { data: &bytes[..int8_panels_len(n, k)], n, k }
    }
}

impl<T> Panels<'_, T> {
    /// Output columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Inner dimension.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The panels from `first` on, in panels: columns from `32 · first` to n.
    ///
    /// # Panics
    /// When there are not so many.
    #[must_use]
    pub fn from_panel(self, first: usize) -> Self {
        self.range(first, self.n.div_ceil(PANEL))
    }

    /// The panels before `end`: columns below `32 · end`.
    ///
    /// # Panics
    /// When there are not so many.
    #[must_use]
    pub fn to_panel(self, end: usize) -> Self {
        self.range(0, end)
    }

    fn range(self, first: usize, end: usize) -> Self {
        let count = self.n.div_ceil(PANEL);
        assert!(first <= end && end <= count, "panels {first}..{end} of {count}");
        let len = self.data.len().checked_div(count).unwrap_or(0);
        let n = self.n.min(end * PANEL) - (first * PANEL).min(self.n);
        Self { data: &self.data[first * len..end * len], n, k: self.k }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int8_panels_expand_to_what_was_quantized() {
        let (n, k) = (33, 66);
        let weights: Vec<f32> = (0..n * k).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let (panels, scales) = pack_int8(&weights, n, k);
        let lines = expand_int8(cast_slice(&panels), &scales, n, k);
        let expanded: &[f32] = cast_slice(&lines);
        for (column, scale) in scales.iter().enumerate() {
            for p in 0..k {
                let value = expanded[column / PANEL * k * PANEL + p * PANEL + column % PANEL];
                // Half a step of rounding, and one more rounding of the product.
                assert!((value - weights[column * k + p]).abs() <= 0.501 * scale);
            }
        }
    }

    #[test]
    fn tails_are_zero() {
        let (panels, _) = pack_int8(&[1.0; 5 * 6], 5, 6);
        let bytes: &[u8] = cast_slice(&panels);
        let set = bytes.iter().filter(|&&byte| byte != 0).count();
        assert_eq!((set, bytes.len()), (5 * 6, 2 * 32 * 4));
        let lines = pack_f32(&[1.0; 5 * 6], 5, 6);
        let floats: &[f32] = cast_slice(&lines);
        assert_eq!(floats.iter().sum::<f32>(), 30.0);
    }

    #[test]
    fn ranges_keep_whole_panels() {
        let lines = pack_f32(&[0.0; 70 * 2], 70, 2);
        let panels = Panels::f32(&lines, 70, 2);
        assert_eq!((panels.from_panel(1).n(), panels.to_panel(2).n(), panels.from_panel(2).n()), (38, 64, 6));
        assert_eq!(panels.from_panel(1).data.len(), 2 * 2 * PANEL);
    }
}
