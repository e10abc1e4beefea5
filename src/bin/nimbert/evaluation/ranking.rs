//! The area under the ROC curve, from a sorted order that can be used again with other weights.

/// The area under the ROC curve is the chance that something true has a higher score than something untrue; equal scores
/// count half (Mann and Whitney's statistic, as scikit-learn's `roc_auc_score` has it).
#[derive(Debug)]
pub(super) struct Ranking {
    /// Places, by score from the lowest.
    order: Vec<u32>,
}

impl Ranking {
    /// Of `len` scores. Takes 4 bytes for each.
    pub(super) fn new(len: usize, score: impl Fn(usize) -> f32) -> Self {
        let mut order: Vec<u32> = (0..u32::try_from(len).expect("fewer than 2³² scores")).collect();
        order.sort_unstable_by(|&a, &b| score(a as usize).total_cmp(&score(b as usize)));
        Self { order }
    }

    /// Place `i` counts `weight(i)` times. `None` without anything true, or anything untrue.
    pub(super) fn area(
        &self,
        score: impl Fn(usize) -> f32,
        truth: impl Fn(usize) -> bool,
        weight: impl Fn(usize) -> u32,
    ) -> Option<f64> {
        // Twice the pairs in the right order, so that half a pair is a whole number. 64 bits hold 2³² times 2³².
        let (mut pairs, mut all) = (0u128, [0u64; 2]);
        let mut rest = self.order.iter().map(|&place| place as usize).peekable();
        while let Some(first) = rest.next() {
            let mut equal = [0u64; 2];
            equal[usize::from(truth(first))] += u64::from(weight(first));
            while let Some(next) = rest.next_if(|&next| score(next) == score(first)) {
                equal[usize::from(truth(next))] += u64::from(weight(next));
            }
            pairs += u128::from(equal[1]) * u128::from(2 * all[0] + equal[0]);
            all = [all[0] + equal[0], all[1] + equal[1]];
        }
        let [untrue, is_true] = all.map(|count| count as f64);
        (all[0] > 0 && all[1] > 0).then(|| pairs as f64 / (2.0 * untrue * is_true))
    }
}
