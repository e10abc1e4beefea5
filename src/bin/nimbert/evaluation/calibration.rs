//! Whether a score of 0.7 is right seven times in ten.

use serde::Serialize;

use super::Outcomes;

/// Equal parts of the scores from 0 to 1.
const BINS: usize = 15;

/// Rows whose best score lies between two bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Bin {
    pub(crate) rows: usize,
    /// Mean best score; 0 without rows.
    pub(crate) confidence: f64,
    /// The share whose best label is right; 0 without rows.
    pub(crate) accuracy: f64,
}

/// The bins `(i/15, (i + 1)/15]`, the first with 0.
pub(crate) fn reliability(outcomes: &Outcomes) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); BINS];
    for row in 0..outcomes.rows() {
        let score = f64::from(outcomes.confidence(row));
        let bin = (1..BINS).filter(|&i| i as f64 / (BINS as f64) < score).count();
        bins[bin].rows += 1;
        bins[bin].confidence += score;
        bins[bin].accuracy += f64::from(u8::from(outcomes.is_right(row)));
    }
    for bin in bins.iter_mut().filter(|bin| bin.rows > 0) {
        bin.confidence /= bin.rows as f64;
        bin.accuracy /= bin.rows as f64;
    }
    bins
}

/// Expected calibration error (Naeini et al., 2015): the mean distance of confidence and accuracy over the bins, each
/// counted by its rows.
pub(super) fn error(bins: &[Bin]) -> f64 {
    let rows: usize = bins.iter().map(|bin| bin.rows).sum();
    let distance = |bin: &Bin| bin.rows as f64 * (bin.confidence - bin.accuracy).abs();
    bins.iter().map(distance).sum::<f64>() / rows as f64
}
