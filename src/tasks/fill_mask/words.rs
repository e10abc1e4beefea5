//! From the logits of a mask to its best words.

use super::{FillOptions, Filled, MaskFiller};
use crate::tokenizer::Encoding;

impl MaskFiller {
    /// The words for the mask of a row at a place, of which these are the logits.
    pub(super) fn filled(
        &self,
        row: &Encoding,
        place: usize,
        logits: &[f32],
        options: &FillOptions,
    ) -> Vec<Filled> {
        let tokenizer = self.engine.tokenizer();
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // A sum of tens of thousands loses digits in f32.
        let sum: f64 = logits.iter().map(|logit| f64::from((logit - largest).exp())).sum();
        let is_only = row.token_ids.iter().filter(|&&id| id == self.mask).count() == 1;
        let word = |id: u32| {
            let mut ids = row.token_ids.clone();
            ids[place] = id;
            Filled {
                score: (f64::from((logits[id as usize] - largest).exp()) / sum) as f32,
                id,
                token: tokenizer.decode(&[id], false),
                sequence: tokenizer.decode(&ids, is_only),
            }
        };
        let candidates = match &options.targets {
            Some(targets) => targets.clone(),
            None => (0..logits.len() as u32).collect(),
        };
        best(candidates, logits, options.top_k).into_iter().map(word).collect()
    }
}

/// The `count` of `ids` with the highest logits, the highest first; of equals, the lower id.
fn best(mut ids: Vec<u32>, logits: &[f32], count: usize) -> Vec<u32> {
    let order = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    if count < ids.len() {
        ids.select_nth_unstable_by(count, order);
        ids.truncate(count);
    }
    ids.sort_unstable_by(order);
    ids
}
