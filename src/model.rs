//! An encoder and its head.

use std::collections::BTreeSet;

use crate::{
    checkpoint::{source::Source, weights::gather},
    config::Config,
    encoder::{Batch, Encoder, Wanted, Workspace},
    error::Result,
    exec::Exec,
    heads::{Head, MaskedHead},
    linear::Linear,
    options::NumberType,
    plan::Plan,
};

/// The weights. Immutable: any number of forwards may use them at once, each with a [`Workspace`] of its own.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    encoder: Encoder,
    head: Head,
}

/// Every intermediate result of one text of `T` tokens, with hidden size `H`. A head reads `R` of them: a classifier of texts the
/// first, others all.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// `[T, H]`: what the embeddings give, normalized.
    pub embeddings: Vec<f32>,
    /// `[T, H]` for each layer.
    pub layers: Vec<Vec<f32>>,
    /// `[R, H]`: what it makes of hidden states first, the pooler's output; empty where that is the answer.
    pub pooled: Vec<f32>,
    /// `[R, n]`: one for each label; the start and the end of an answer; or one for each word.
    pub logits: Vec<f32>,
}

/// Bytes of weights that are moved to large pages together: many pages, but little that is in memory twice meanwhile.
const GATHER: usize = 16 << 20;

impl Model {
    /// Weights that the source does not map are moved to large pages; with `copy` the mapped ones, too.
    pub(crate) fn load(
        source: Source<'_>,
        config: &Config,
        plan: &Plan,
        precision: NumberType,
        copy: bool,
    ) -> Result<Self> {
        let encoder = Encoder::load(source, plan, &config.encoder, precision)?;
        let mut model = Self { encoder, head: Head::load(source, &plan.head, precision)? };
        let (mut together, mut bytes) = (Vec::new(), 0);
        let panels = model.linears_mut().map(Linear::panels_mut);
        for panels in panels.filter(|panels| copy || panels.is_owned()) {
            bytes += panels.len();
            together.push(panels);
            if bytes >= GATHER {
                gather(&mut together);
                together.clear();
                bytes = 0;
            }
        }
        gather(&mut together);
        Ok(model)
    }

    /// The logits of the rows that are wanted, those which the head is made for: `[rows, n]`.
    ///
    /// # Errors
    /// When there is no memory for the activations.
    pub(crate) fn forward<'a>(
        &self,
        exec: Exec<'_>,
        batch: &Batch,
        wanted: Wanted<'_>,
        ws: &'a mut Workspace,
    ) -> Result<&'a [f32]> {
        let rows = wanted.count(batch);
        self.hidden(exec, batch, wanted, ws)?;
        self.head.forward(exec, rows, ws)?;
        Ok(self.head.outputs(rows, ws).1)
    }

    /// Leaves the hidden states that are wanted in the workspace, `[rows, H]`.
    ///
    /// # Errors
    /// When there is no memory for the activations.
    pub(crate) fn hidden<'a>(
        &self,
        exec: Exec<'_>,
        batch: &Batch,
        wanted: Wanted<'_>,
        ws: &'a mut Workspace,
    ) -> Result<&'a [f32]> {
        self.encoder.forward(exec, batch, wanted, ws, &mut |_| {})
    }

    /// The same for one text, with all rows of the last layer, keeping what every stage gives.
    ///
    /// # Errors
    /// As [`Model::forward`].
    pub(crate) fn trace(&self, exec: Exec<'_>, batch: &Batch, ws: &mut Workspace) -> Result<Trace> {
        let mut stages = Vec::new();
        self.encoder.forward(exec, batch, Wanted::All, ws, &mut |hidden| stages.push(hidden.to_vec()))?;
        let embeddings = stages.remove(0);
        let hidden_size = embeddings.len() / batch.tokens();
        let wanted = self.head.wanted(batch);
        if let Wanted::Rows { positions, .. } = wanted {
            ws.hidden.keep_rows(hidden_size, positions);
        }
        let rows = wanted.count(batch);
        self.head.forward(exec, rows, ws)?;
        let (pooled, logits) = self.head.outputs(rows, ws);
        Ok(Trace { embeddings, layers: stages, pooled: pooled.to_vec(), logits: logits.to_vec() })
    }

    /// That which gives words for masks.
    pub(crate) fn masked_head(&self) -> Option<&MaskedHead> {
        if let Head::Masked(head) = &self.head { Some(head) } else { None }
    }

    /// Of how many rows of a text of so many tokens the head reads hidden states, if one word is masked.
    pub(crate) fn rows_read(&self, tokens: usize) -> usize {
        if let Head::Tokens(_) = self.head { tokens } else { 1 }
    }

    /// The weights of all matrices, in the order in which a forward reads them.
    pub(crate) fn panels(&self) -> Vec<&[u8]> {
        self.linears().map(Linear::panels).collect()
    }

    fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.encoder_linears().chain(self.head_linears())
    }

    pub(crate) fn encoder_linears(&self) -> impl Iterator<Item = &Linear> {
        self.encoder.linears()
    }

    pub(crate) fn head_linears(&self) -> impl Iterator<Item = &Linear> {
        self.head.linears()
    }

    fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        self.encoder.linears_mut().chain(self.head.linears_mut())
    }

    /// With the parts of these names from `other`; `words` is that of the table of words. Nothing is copied but vectors.
    pub(crate) fn with_parts_of(&self, other: &Self, words: &str, names: &BTreeSet<String>) -> Self {
        let mut mixed = self.clone();
        if names.contains(words) {
            mixed.encoder.take_words(&other.encoder);
        }
        for (linear, other) in mixed.linears_mut().zip(other.linears()) {
            if names.contains(linear.name()) {
                *linear = other.clone();
            }
        }
        mixed
    }

    /// Bytes that the weights take, in the file's map or in memory.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.encoder.table_bytes() + self.linears().map(Linear::weight_bytes).sum::<usize>()
    }
}
