//! From rows of tokens to the logits of their masks.

use super::MaskFiller;
use crate::{
    encoder::{Batch, Row, Wanted},
    error::{Error, Result},
    tokenizer::Encoding,
};

/// Masks whose logits are in memory at once: each has one for every word. Enough that every weight is used often when it is read.
const ROWS: usize = 32;

impl MaskFiller {
    /// [`MaskFiller::masks_of`] for rows of which some may have no mask.
    pub(super) fn masks_of_rows<A>(
        &self,
        rows: &[Encoding],
        mut each: impl FnMut(usize, usize, &[f32]) -> A,
    ) -> Vec<Result<Vec<A>>> {
        let has_mask = |row: &Encoding| row.token_ids.contains(&self.mask);
        let (indices, with_masks): (Vec<_>, Vec<_>) =
            rows.iter().enumerate().filter(|(_, row)| has_mask(row)).unzip();
        let found = self.masks_of(&with_masks, |row, place, logits| each(indices[row], place, logits));
        let mut found = found.into_iter();
        let masks = |(index, row)| {
            if !has_mask(row) {
                return Err(Error::Text { index, reason: "no mask in it".to_owned() });
            }
            found.next().expect("an answer for every row").map_err(|error| error.at(index))
        };
        rows.iter().enumerate().map(masks).collect()
    }

    /// What `each` makes of every mask of rows, told the row, the mask's place in it, and the logits of all words.
    pub(super) fn masks_of<A>(
        &self,
        rows: &[&Encoding],
        mut each: impl FnMut(usize, usize, &[f32]) -> A,
    ) -> Vec<Result<Vec<A>>> {
        let head = self.engine.model().masked_head().expect("loaded to fill masks");
        self.engine.answers(rows.iter().map(|row| Row::from(*row)), |batch, ws, exec, answer| {
            let (positions, cu) = self.places(batch);
            let wanted = Wanted::Rows { positions: &positions, cu: &cu };
            self.engine.model().hidden(exec, batch, wanted, ws)?;
            head.transform(exec, positions.len(), ws)?;
            let mut found: Vec<_> = batch.indices.iter().map(|_| Ok(Vec::new())).collect();
            for start in (0..positions.len()).step_by(ROWS) {
                let end = positions.len().min(start + ROWS);
                let logits = head.decode(exec, start..end, ws)?;
                for (mask, logits) in (start..end).zip(logits.chunks_exact(logits.len() / (end - start))) {
                    let row = cu.partition_point(|&first| first as usize <= mask) - 1;
                    let Ok(answers) = &mut found[row] else { continue };
                    let index = batch.indices[row];
                    let place = positions[mask] as usize - batch.range(row).start;
                    match self.engine.finite(index, logits) {
                        Ok(logits) => answers.push(each(index, place, logits)),
                        Err(error) => found[row] = Err(error),
                    }
                }
            }
            for (&index, found) in batch.indices.iter().zip(found) {
                answer(index, found);
            }
            Ok(())
        })
    }

    /// Where a batch's masks are, and how many are before those of each row.
    fn places(&self, batch: &Batch) -> (Vec<u32>, Vec<u32>) {
        let (mut positions, mut cu) = (Vec::new(), vec![0]);
        for row in 0..batch.rows() {
            let masks = batch.range(row).filter(|&token| batch.token_ids[token] == self.mask);
            positions.extend(masks.map(|token| token as u32));
            cu.push(positions.len() as u32);
        }
        (positions, cu)
    }
}
