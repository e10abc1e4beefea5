//! Weights in panels: the order in which the inner loops read them.
//!
//! A panel is [`PANEL`] output columns. f32 and f16: `[⌈n/32⌉][k][32]`. int8: `[⌈n/32⌉][⌈k/4⌉][32][4]`, each byte
//! w + 128 (see [`crate::pack_int8`]). What is outside n × k is zero: columns beyond n are never stored, and values
//! beyond k meet activations of zero.

use std::collections::TryReserveError;

use bytemuck::{NoUninit, cast_slice, cast_slice_mut};
use half::{f16, slice::HalfFloatSliceExt};

use crate::{CacheLine, PANEL, try_zeroed};

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
/// When `weights` has not n × k values, or there is no memory.
pub fn pack_f32(weights: &[f32], n: usize, k: usize) -> Vec<CacheLine> {
    try_pack_f32(weights, n, k).expect("memory for panels")
}

/// [`pack_f32`], where there may be too little memory.
///
/// # Errors
/// When the system does not give what the panels need.
///
/// # Panics
/// When `weights` has not n × k values.
pub fn try_pack_f32(weights: &[f32], n: usize, k: usize) -> Result<Vec<CacheLine>, TryReserveError> {
    assert_eq!(weights.len(), n * k, "weights of {n} x {k}");
    let mut lines = try_zeroed::<f32>(f32_panels_len(n, k))?;
    if k > 0 {
        let panels: &mut [f32] = cast_slice_mut(&mut lines);
        for (column, row) in weights.chunks_exact(k).enumerate() {
            let panel = &mut panels[column / PANEL * k * PANEL + column % PANEL..];
            for (to, &value) in panel.iter_mut().step_by(PANEL).zip(row) {
                *to = value;
            }
        }
    }
    Ok(lines)
}

/// The same panels in half precision, rounded to nearest: `[⌈n/32⌉][k][32]`. What is beyond 65,504 becomes infinite.
///
/// # Panics
/// When there is no memory.
pub fn halve_panels(lines: &[CacheLine]) -> Vec<CacheLine> {
    try_halve_panels(lines).expect("memory for panels")
}

/// [`halve_panels`], where there may be too little memory.
///
/// # Errors
/// When the system does not give what the panels need.
pub fn try_halve_panels(lines: &[CacheLine]) -> Result<Vec<CacheLine>, TryReserveError> {
    let panels: &[f32] = cast_slice(lines);
    let mut halves = try_zeroed::<u16>(panels.len())?;
    let out: &mut [f16] = cast_slice_mut(&mut halves);
    out[..panels.len()].convert_from_f32_slice(panels);
    Ok(halves)
}

/// The numbers of a row-major `[n, k]` matrix from its panels.
///
/// # Panics
/// When `panels` are not those of n × k.
pub fn unpack<T: Copy>(panels: &[T], n: usize, k: usize) -> impl Iterator<Item = T> {
    assert!(panels.len() >= f32_panels_len(n, k), "panels of {n} x {k}");
    let at = move |column: usize, p: usize| (column / PANEL * k + p) * PANEL + column % PANEL;
    (0..n).flat_map(move |column| (0..k).map(move |p| panels[at(column, p)]))
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
    /// When `data` are not those of n × k, or not where an f32 can be.
    pub fn f32<T: NoUninit>(data: &'a [T], n: usize, k: usize) -> Self {
        Self::new(cast_slice(data), f32_panels_len(n, k), n, k)
    }
}

impl<'a> Panels<'a, u16> {
    /// Panels made by [`halve_panels`].
    ///
    /// # Panics
    /// When `data` are not those of n × k, or not where a half can be.
    pub fn f16<T: NoUninit>(data: &'a [T], n: usize, k: usize) -> Self {
        Self::new(cast_slice(data), f32_panels_len(n, k), n, k)
    }
}

impl<'a> Panels<'a, u8> {
    /// Panels made by [`crate::pack_int8`].
    ///
    /// # Panics
    /// When `bytes` are not those of n × k.
    pub fn int8(bytes: &'a [u8], n: usize, k: usize) -> Self {
        assert!(k <= 66_000, "k = {k}: sums might leave an i32");
        Self::new(bytes, int8_panels_len(n, k), n, k)
    }
}

impl<'a, T> Panels<'a, T> {
    fn new(data: &'a [T], len: usize, n: usize, k: usize) -> Self {
        assert!(data.len() >= len, "panels of {n} x {k}");
        Self { data: &data[..len], n, k }
    }

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
    fn unpacked_is_what_was_packed() {
        let (n, k) = (33, 7);
        let weights: Vec<f32> = (0..n * k).map(|i| i as f32).collect();
        let panels = pack_f32(&weights, n, k);
        assert!(unpack::<f32>(cast_slice(&panels), n, k).eq(weights));
    }

    #[test]
    fn tails_are_zero() {
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
