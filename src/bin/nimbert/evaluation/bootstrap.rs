//! Whether a difference of two models on the same texts could be chance.

use super::{Figure, Metric, Outcomes, metrics::Measure};

/// The middle 95 % of what a difference would be if the texts had been others of the same kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Texts drawn with replacement, the same for both models: the paired percentile bootstrap (Efron and Tibshirani, 1993).
/// The draws are the same in every run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resamples(pub(crate) usize);

impl Resamples {
    /// `metric` in `a` and in `b`, which are outcomes of the same texts, and where the second minus the first lies.
    ///
    /// # Errors
    /// Why one of the two is not defined. A draw in which that happens is left out.
    pub(crate) fn difference(
        self,
        metric: Metric,
        a: &Outcomes,
        b: &Outcomes,
        step: &mut dyn FnMut(),
    ) -> Result<([f64; 2], Interval), String> {
        assert_eq!(a.rows(), b.rows(), "outcomes of the same texts");
        let rows = a.rows();
        let [a, b] = [a, b].map(|outcomes| Measure::new(metric, outcomes));
        let found = [a.value(|_| 1)?, b.value(|_| 1)?];
        let mut random = SplitMix64(0);
        let mut weights = vec![0u32; rows];
        let mut differences = Vec::with_capacity(self.0);
        for _ in 0..self.0 {
            weights.fill(0);
            for _ in 0..rows {
                weights[random.below(rows)] += 1;
            }
            let value = |measure: &Measure<'_>| -> Figure { measure.value(|row| weights[row]) };
            if let (Ok(a), Ok(b)) = (value(&a), value(&b)) {
                differences.push(b - a);
            }
            step();
        }
        differences.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| quantile(&differences, share).unwrap_or(found[1] - found[0]);
        Ok((found, Interval { low: at(0.025), high: at(0.975) }))
    }
}

/// Of sorted values, between neighbours by distance (NumPy's default).
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(low + (high - low) * place.fract())
}

/// Steele, Lea and Flood, 2014.
pub(super) struct SplitMix64(pub(super) u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end - 1`; uneven by less than one part in 2³² where `end` is below 2³².
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}
