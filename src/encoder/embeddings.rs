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
    padding: Option<u32>,
    token_types: Option<Rows>,
    norm: LayerNorm,
    hidden_size: usize,
}

impl Embeddings {
    pub(super) fn load(source: Source<'_>, plan: &plan::Embeddings) -> Result<Self> {
        Ok(Self {
            words: source.table(&plan.words)?,
            positions: source.table(&plan.positions)?,
            padding: plan.padding,
            token_types: plan.token_types.as_ref().map(|table| source.table(table)).transpose()?,
            norm: LayerNorm::load(source, &plan.norm)?,
            hidden_size: plan.words.columns,
        })
    }

    /// Writes `hidden`, `[T, H]`.
    pub(super) fn forward(&self, exec: Exec<'_>, batch: &Batch, ws: &mut Workspace) {
        let len = batch.tokens() * self.hidden_size;
        let ((hidden, int8), other) = (ws.hidden.parts(len), &mut ws.dense[..self.hidden_size]);
        for text in 0..batch.rows() {
            let mut positions = Positions::new(self.padding);
            for token in batch.range(text) {
                let sum = &mut hidden[token * self.hidden_size..][..self.hidden_size];
                self.words.read(batch.token_ids[token] as usize, sum);
                if let Some(token_types) = &self.token_types {
                    token_types.read(batch.token_type_ids[token] as usize, other);
                    add(sum, other);
                }
                self.positions.read(positions.next(batch.token_ids[token]), other);
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
        let tables = [&self.words, &self.positions].into_iter().chain(&self.token_types);
        tables.map(Rows::weight_bytes).sum()
    }
}

/// Which row of the table of positions the next token of a text has: from 0 on, or from after the id of padding, which is the
/// position of padding that is in the text.
struct Positions {
    padding: Option<u32>,
    next: usize,
}

impl Positions {
    fn new(padding: Option<u32>) -> Self {
        Self { padding, next: padding.map_or(0, |padding| padding as usize + 1) }
    }

    fn next(&mut self, token: u32) -> usize {
        if self.padding == Some(token) {
            return token as usize;
        }
        self.next += 1;
        self.next - 1
    }
}

fn add(sum: &mut [f32], row: &[f32]) {
    sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
}
