//! From token ids to hidden states: embeddings, then layers of attention and feed-forward.

mod attention;
mod batch;
mod embeddings;
mod feed_forward;
mod norm;
mod relative;
mod workspace;

use nimbert_kernels::DistanceBias;

pub use self::batch::Row;
use self::{attention::SelfAttention, embeddings::Embeddings, feed_forward::FeedForward};
pub(crate) use self::{batch::Batch, norm::LayerNorm, workspace::Workspace};
use crate::{
    checkpoint::source::Source,
    config::Shape,
    error::Result,
    exec::{Exec, Operation},
    linear::Linear,
    options::NumberType,
    plan::{self, Plan},
};

/// The weights. Immutable: any number of forwards may use them at once, each with a [`Workspace`] of its own.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    /// What each of them adds to attention's scores.
    relative: Option<DistanceBias>,
    shape: Shape,
    /// Whether matrix products are in int8.
    in_int8: bool,
}

#[derive(Debug, Clone)]
struct Layer {
    attention: SelfAttention,
    feed_forward: FeedForward,
}

/// Whose hidden states are read after the last layer: it computes no others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    All,
    /// Those of the tokens at `positions`, which ascend; `positions[cu[b]..cu[b + 1]]` are of text `b`.
    Rows {
        positions: &'a [u32],
        cu: &'a [u32],
    },
}

impl Wanted<'_> {
    /// How many they are.
    pub(crate) fn count(self, batch: &Batch) -> usize {
        match self {
            Self::All => batch.tokens(),
            Self::Rows { positions, .. } => positions.len(),
        }
    }
}

impl Encoder {
    pub(crate) fn load(
        source: Source<'_>,
        plan: &Plan,
        shape: &Shape,
        precision: NumberType,
    ) -> Result<Self> {
        let layer = |layer: &plan::Layer| {
            Ok(Layer {
                attention: SelfAttention::load(source, layer, shape, precision)?,
                feed_forward: FeedForward::load(source, layer, shape.hidden_act.into(), precision)?,
            })
        };
        Ok(Self {
            embeddings: Embeddings::load(source, &plan.embeddings)?,
            layers: plan.layers.iter().map(layer).collect::<Result<_>>()?,
            relative: plan
                .relative
                .as_ref()
                .map(|plan| relative::load(source, plan, shape.max_tokens()))
                .transpose()?,
            shape: shape.clone(),
            in_int8: precision == NumberType::Int8,
        })
    }

    /// Leaves the hidden states that are wanted in the workspace's `hidden`, and returns them, `[rows, H]`. `watch` sees what the
    /// embeddings give and what each layer leaves, likewise.
    ///
    /// # Errors
    /// When there is no memory for the activations.
    pub(crate) fn forward<'a>(
        &self,
        exec: Exec<'_>,
        batch: &Batch,
        wanted: Wanted<'_>,
        ws: &'a mut Workspace,
        watch: &mut dyn FnMut(&[f32]),
    ) -> Result<&'a [f32]> {
        let hidden = self.shape.hidden_size;
        ws.reserve(&self.shape, batch.tokens(), wanted.count(batch), self.in_int8)?;
        exec.time(Operation::Embeddings, || self.embeddings.forward(exec, batch, ws));
        watch(&ws.hidden.values[..batch.tokens() * hidden]);
        for (i, layer) in self.layers.iter().enumerate() {
            let wanted = if i + 1 == self.layers.len() { wanted } else { Wanted::All };
            let rows = wanted.count(batch);
            layer.attention.forward(exec, batch, wanted, self.relative.as_ref(), ws);
            layer.feed_forward.forward(exec, rows, ws);
            watch(&ws.hidden.values[..rows * hidden]);
        }
        Ok(&ws.hidden.values[..wanted.count(batch) * hidden])
    }

    pub(crate) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().flat_map(|Layer { attention, feed_forward }| {
            attention.linears().into_iter().chain(feed_forward.linears())
        })
    }

    pub(crate) fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        self.layers.iter_mut().flat_map(|Layer { attention, feed_forward }| {
            attention.linears_mut().into_iter().chain(feed_forward.linears_mut())
        })
    }

    /// Replaces the table of words by that of `other`.
    pub(crate) fn take_words(&mut self, other: &Self) {
        self.embeddings.take_words(&other.embeddings);
    }

    /// Bytes of the tables.
    pub(crate) fn table_bytes(&self) -> usize {
        self.embeddings.weight_bytes()
    }
}
