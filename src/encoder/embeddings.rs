//! Word, position and token type, added and normalized: the first hidden states.

use super::{Batch, Workspace, norm::LayerNorm};
use crate::{
    checkpoint::source::{Rows, Source},
    error::Result,
    exec::Exec,
    plan,
};

/// The embedding tables.
#[derive(Debug, Clone)]
pub(super) struct Embeddings {
    words: Rows,
    positions: Rows,
    token_types: Rows,
    norm: LayerNorm,
    hidden_size: usize,
}

impl Embeddings {
    pub(super) fn load(source: Source<'_>, plan: &plan::Embeddings) -> Result<Self> {
        Ok(Self {
            words: source.table(&plan.words)?,
            positions: source.table(&plan.positions)?,
            token_types: source.table(&plan.token_types)?,
            norm: LayerNorm::load(source, &plan.norm)?,
            hidden_size: plan.words.columns,
        })
    }

    /// Writes `hidden`, `[T, H]`.
    pub(super) fn forward(&self, exec: Exec<'_>, batch: &Batch, ws: &mut Workspace) {
        let len = batch.tokens() * self.hidden_size;
        let ((hidden, int8), dense) = (ws.hidden.parts(len), &mut ws.dense[..len]);
        for row in batch.cu_seqlens.windows(2) {
            let (start, end) = (row[0] as usize, row[1] as usize);
            for token in start..end {
                let at = token * self.hidden_size..(token + 1) * self.hidden_size;
                let (sum, other) = (&mut hidden[at.clone()], &mut dense[at]);
                self.words.read(batch.token_ids[token] as usize, sum);
                self.token_types.read(batch.token_type_ids[token] as usize, other);
                add(sum, other);
                self.positions.read(token - start, other);
                add(sum, other);
            }
        }
        exec.kernels.add_layer_norm(exec.team, hidden, None, self.norm.view(), int8);
    }

    /// Replaces the table of words by that of `other`.
    pub(super) fn take_words(&mut self, other: &Self) {
        self.words = other.words.clone();
    }

    /// Bytes of the tables.
    pub(super) fn weight_bytes(&self) -> usize {
        [&self.words, &self.positions, &self.token_types].iter().map(|table| table.weight_bytes()).sum()
    }
}

fn add(sum: &mut [f32], row: &[f32]) {
    sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
}
