//! An encoder and its head.

use std::collections::BTreeSet;

use crate::{
    checkpoint::{source::Source, weights::gather},
    config::Config,
    encoder::{Batch, Encoder, Wanted, Workspace},
    error::Result,
    exec::Exec,
    heads::Head,
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

/// Every intermediate result of one text of `T` tokens, with hidden size `H`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// `[T, H]`: what the embeddings give, normalized.
    pub embeddings: Vec<f32>,
    /// `[T, H]` for each layer.
    pub layers: Vec<Vec<f32>>,
    /// `[H]`: the pooler's output.
    pub pooled: Vec<f32>,
    /// One for each label.
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

    /// Leaves the batch's logits in the workspace, `[B, labels]`.
    ///
    /// # Errors
    /// When there is no memory for the activations.
    pub(crate) fn forward(&self, exec: Exec<'_>, batch: &Batch, ws: &mut Workspace) -> Result<()> {
        self.head.reserve(batch.rows(), ws)?;
        self.encoder.forward(exec, batch, batch.first(), ws, &mut |_| {})?;
        self.head.forward(exec, batch.rows(), ws);
        Ok(())
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
        self.head.reserve(batch.rows(), ws)?;
        let mut stages = Vec::new();
        self.encoder.forward(exec, batch, Wanted::All, ws, &mut |hidden| stages.push(hidden.to_vec()))?;
        let embeddings = stages.remove(0);
        let hidden_size = embeddings.len() / batch.tokens();
        if let Wanted::Rows { positions, .. } = batch.first() {
            ws.hidden.keep_rows(hidden_size, positions);
        }
        self.head.forward(exec, batch.rows(), ws);
        let (pooled, logits) = self.head.outputs(batch.rows(), ws);
        Ok(Trace { embeddings, layers: stages, pooled: pooled.to_vec(), logits: logits.to_vec() })
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
