//! Weights in eight bits: symmetric, with a scale for each output channel.

use bytemuck::cast_slice_mut;

use crate::{CacheLine, PANEL, Panels, int8_panels_len, zeroed};

/// The int8 form of an `[n, k]` matrix: a weight is `scale · q` of its column, q from -127 to 127.
#[derive(Debug, Clone)]
pub struct Int8Weights {
    /// `[⌈n/32⌉][⌈k/4⌉][32][4]`, each byte q + 128.
    pub panels: Vec<CacheLine>,
    /// The value of one step, for each column of whole panels; NaN for a column with a weight that is not finite.
    pub scales: Vec<f32>,
    /// `scale · Σ q`, likewise.
    pub sums: Vec<f32>,
}

/// A view of [`Int8Weights`], or of some of their panels.
#[derive(Debug, Clone, Copy)]
pub struct Int8Panels<'a> {
    /// The weights.
    pub panels: Panels<'a, u8>,
    /// The value of one step, for each column of whole panels.
    pub scales: &'a [f32],
    /// The sum of each column's weights, as values.
    pub sums: &'a [f32],
}

/// int8 panels of a row-major `[n, k]` matrix.
///
/// # Panics
/// When `weights` has not n × k values.
pub fn pack_int8(weights: &[f32], n: usize, k: usize) -> Int8Weights {
    assert_eq!(weights.len(), n * k, "weights of {n} x {k}");
    let mut lines = zeroed::<u8>(int8_panels_len(n, k));
    let padded = n.next_multiple_of(PANEL);
    let (mut scales, mut sums) = (vec![0.0; padded], vec![0.0; padded]);
    if k > 0 {
        let panel_len = k.div_ceil(4) * 4 * PANEL;
        let panels: &mut [u8] = cast_slice_mut(&mut lines);
        for (column, row) in weights.chunks_exact(k).enumerate() {
            let panel = &mut panels[column / PANEL * panel_len..][..panel_len];
            let scale = channel_scale(row);
            let mut sum = 0;
            for (p, &w) in row.iter().enumerate() {
                let q = quantized(w, scale);
                sum += q;
                panel[int8_at(column % PANEL, p)] = (q + 128) as u8;
            }
            scales[column] = scale;
            sums[column] = scale * sum as f32;
        }
    }
    Int8Weights { panels: lines, scales, sums }
}

/// The nearest step. The clamp matters for a scale so small that it has lost its own precision, and for weights beyond
/// the largest step.
fn quantized(w: f32, scale: f32) -> i32 {
    if scale > 0.0 { (w / scale).round_ties_even().clamp(-127.0, 127.0) as i32 } else { 0 }
}

/// `max |w| / 127`; NaN when a weight is not finite, so that no product hides it.
fn channel_scale(row: &[f32]) -> f32 {
    let largest = row.iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
    if row.iter().all(|w| w.is_finite()) { largest / 127.0 } else { f32::NAN }
}

/// The row-major `[n, k]` matrix of the values that int8 panels stand for.
///
/// # Panics
/// When `panels` or `scales` are too short for n × k.
pub fn expand_int8(panels: &[u8], scales: &[f32], n: usize, k: usize) -> Vec<f32> {
    assert!(panels.len() >= int8_panels_len(n, k) && scales.len() >= n, "panels of {n} x {k}");
    let panel_len = k.div_ceil(4) * 4 * PANEL;
    let column = |(column, &scale): (usize, &f32)| {
        let panel = &panels[column / PANEL * panel_len..][..panel_len];
        (0..k).map(move |p| (i32::from(panel[int8_at(column % PANEL, p)]) - 128) as f32 * scale)
    };
    scales.iter().take(n).enumerate().flat_map(column).collect()
}

/// Where in a panel the byte of column `lane` and depth `p` is.
const fn int8_at(lane: usize, p: usize) -> usize {
    (p / 4 * PANEL + lane) * 4 + p % 4
}

impl Int8Weights {
    /// A view of all panels of these weights of `[n, k]`.
    ///
    /// # Panics
    /// When they are of another shape.
    pub fn view(&self, n: usize, k: usize) -> Int8Panels<'_> {
        let panels = Panels::int8(bytemuck::cast_slice(&self.panels), n, k);
        Int8Panels { panels, scales: &self.scales, sums: &self.sums }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_expand_to_what_was_quantized() {
        let (n, k) = (33, 66);
        let weights: Vec<f32> = (0..n * k).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let packed = pack_int8(&weights, n, k);
        let expanded = expand_int8(bytemuck::cast_slice(&packed.panels), &packed.scales, n, k);
        for (i, (value, weight)) in expanded.iter().zip(&weights).enumerate() {
            // Half a step of rounding, and one more rounding of the product.
            assert!((value - weight).abs() <= 0.501 * packed.scales[i / k]);
        }
        for (sum, row) in packed.sums.iter().zip(expanded.chunks(k)) {
            assert!((sum - row.iter().sum::<f32>()).abs() < 1e-4);
        }
    }

    #[test]
    fn tails_are_zero() {
        let packed = pack_int8(&[1.0; 5 * 6], 5, 6);
        let bytes: &[u8] = bytemuck::cast_slice(&packed.panels);
        let set = bytes.iter().filter(|&&byte| byte != 0).count();
        assert_eq!((set, bytes.len()), (5 * 6, 2 * 32 * 4));
        assert_eq!((&packed.scales[5..], &packed.sums[5..]), (&[0.0; 27][..], &[0.0; 27][..]));
    }

    #[test]
    fn what_is_not_finite_is_not_hidden() {
        for bad in [f32::NAN, f32::INFINITY, -f32::INFINITY] {
            let packed = pack_int8(&[1.0, 2.0, bad, 3.0], 2, 2);
            assert!(packed.scales[0] > 0.0 && packed.scales[1].is_nan());
        }
    }
}
