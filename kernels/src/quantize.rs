//! Weights in eight bits: symmetric, with a scale for each output channel.

use std::collections::TryReserveError;

use bytemuck::cast_slice_mut;

use crate::{CacheLine, PANEL, Panels, int8_panels_len, try_zeroed};

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
/// When `weights` has not n × k values, or there is no memory.
pub fn pack_int8(weights: &[f32], n: usize, k: usize) -> Int8Weights {
    try_pack_int8(weights, n, k).expect("memory for panels")
}

/// [`pack_int8`], where there may be too little memory.
///
/// # Errors
/// When the system does not give what the panels need.
///
/// # Panics
/// When `weights` has not n × k values.
pub fn try_pack_int8(weights: &[f32], n: usize, k: usize) -> Result<Int8Weights, TryReserveError> {
    assert_eq!(weights.len(), n * k, "weights of {n} x {k}");
    let mut lines = try_zeroed::<u8>(int8_panels_len(n, k))?;
    let padded = n.next_multiple_of(PANEL);
    let (mut scales, mut sums) = (vec![0.0; padded], vec![0.0; padded]);
    if k > 0 {
        let panel_len = k.div_ceil(4) * 4 * PANEL;
        let panels: &mut [u8] = cast_slice_mut(&mut lines);
        for (column, row) in weights.chunks_exact(k).enumerate() {
            let panel = &mut panels[column / PANEL * panel_len..][..panel_len];
            let scale = int8_step(row);
            let mut sum = 0;
            for (p, &w) in row.iter().enumerate() {
                let q = int8_steps(w, scale);
                sum += i32::from(q);
                panel[int8_at(column % PANEL, p)] = (i32::from(q) + 128) as u8;
            }
            scales[column] = scale;
            sums[column] = scale * sum as f32;
        }
    }
    Ok(Int8Weights { panels: lines, scales, sums })
}

/// What one of the 127 steps to a row's largest magnitude is worth: 0 for a row of zeros alone, and NaN when a number is
/// not finite, so that no product hides it.
///
/// It is `max |w| / 127`, rounded to nearest but for the ends of what f32 holds, where rounding could lose a number: a
/// subnormal step is made so large that 127 of them reach the largest number, and a step of which 127 were infinite is
/// made smaller. Every number is within half a step of a multiple thus, but for the rounding of f32 itself.
pub fn int8_step(row: &[f32]) -> f32 {
    if !row.iter().all(|w| w.is_finite()) {
        return f32::NAN;
    }
    let largest = row.iter().fold(0.0_f32, |largest, w| largest.max(w.abs()));
    let step = largest / 127.0;
    if step < f32::MIN_POSITIVE && 127.0 * step < largest {
        step.next_up()
    } else if (127.0 * step).is_infinite() {
        step.next_down()
    } else {
        step
    }
}

/// The nearest number of steps to `w`, halves to even. The clamp is for a step that was rounded down.
pub fn int8_steps(w: f32, step: f32) -> i8 {
    if step > 0.0 { (w / step).round_ties_even().clamp(-127.0, 127.0) as i8 } else { 0 }
}

/// The values of a row-major `[n, k]` matrix that int8 panels stand for.
///
/// # Panics
/// When `panels` or `scales` are too short for n × k.
pub fn expand_int8(panels: &[u8], scales: &[f32], n: usize, k: usize) -> impl Iterator<Item = f32> {
    assert!(panels.len() >= int8_panels_len(n, k) && scales.len() >= n, "panels of {n} x {k}");
    let panel_len = k.div_ceil(4) * 4 * PANEL;
    let column = move |(column, &scale): (usize, &f32)| {
        let panel = &panels[column / PANEL * panel_len..][..panel_len];
        (0..k).map(move |p| (i32::from(panel[int8_at(column % PANEL, p)]) - 128) as f32 * scale)
    };
    scales.iter().take(n).enumerate().flat_map(column)
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
        let panels = bytemuck::cast_slice(&packed.panels);
        let expanded: Vec<f32> = expand_int8(panels, &packed.scales, n, k).collect();
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

    /// Half a step is all that a row may be off by, from the smallest number to the largest.
    #[test]
    fn rows_at_the_ends_of_f32_keep_their_values() {
        let unit = f32::from_bits(1);
        let exact = |row: &[f32], step: f32, steps: &[i8]| {
            assert_eq!(int8_step(row), step, "{row:?}");
            let found: Vec<i8> = row.iter().map(|&w| int8_steps(w, step)).collect();
            assert_eq!(found, steps, "{row:?}");
        };
        exact(&[0.0, -0.0], 0.0, &[0, 0]);
        exact(&[unit, -unit], unit, &[1, -1]);
        exact(&[190.0 * unit, -unit], 2.0 * unit, &[95, 0]);
        exact(&[127.0 * unit, 126.0 * unit], unit, &[127, 126]);
        for largest in [unit, 5e-44, 1e-40, 1.4e-36, 1.5e-36, 1.0, 1e30, f32::MAX.next_down(), f32::MAX] {
            let row: Vec<f32> = (-20..=20).map(|i| i as f32 / 20.0 * largest).collect();
            let packed = pack_int8(&row, 1, row.len());
            let (step, panels) = (packed.scales[0], bytemuck::cast_slice(&packed.panels));
            for (w, value) in row.iter().zip(expand_int8(panels, &[step], 1, row.len())) {
                let off = (f64::from(*w) - f64::from(value)).abs();
                assert!(off <= 0.50001 * f64::from(step), "{w:e} became {value:e}, a step being {step:e}");
            }
            assert!(packed.sums[0] == 0.0 && step > 0.0, "{largest:e}");
        }
    }
}
