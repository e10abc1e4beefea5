//! BERT (Devlin et al., 2018), as Hugging Face's `BertForSequenceClassification` computes it.

use crate::{
    attention::SelfAttention, batch::Batch, config::Config, embeddings::Embeddings, error::Result,
    exec::Exec, exec::Operation, feed_forward::FeedForward, head::Head, linear::Linear, options::Precision,
    source::Source, weights, workspace::Workspace,
};

/// The weights. Immutable: any number of forwards may use them at once, each with a [`Workspace`] of its own.
#[derive(Debug, Clone)]
pub(crate) struct Bert {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    head: Head,
    /// Whether matrix products are in int8.
    in_int8: bool,
}

#[derive(Debug, Clone)]
struct Layer {
    attention: SelfAttention,
    feed_forward: FeedForward,
}

/// Every intermediate result of one text of `T` tokens, with hidden size `H`.
#[derive(Debug, Clone, PartialEq)]
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

impl Bert {
    /// Weights that the source does not map are moved to large pages; with `copy` the mapped ones, too.
    pub(crate) fn load(
        source: Source<'_>,
        config: &Config,
        precision: Precision,
        copy: bool,
    ) -> Result<Self> {
        let layer = |i| {
            let name = format!("bert.encoder.layer.{i}");
            Ok(Layer {
                attention: SelfAttention::load(source, &name, config, precision)?,
                feed_forward: FeedForward::load(source, &name, config, precision)?,
            })
        };
        let embeddings = Embeddings::load(source, config)?;
        let (mut layers, mut gathered) = (Vec::with_capacity(config.num_hidden_layers), 0);
        for i in 0..config.num_hidden_layers {
            layers.push(layer(i)?);
            let waiting = &mut layers[gathered..];
            let bytes = waiting.iter().flat_map(Layer::linears).map(|linear| linear.panels().len());
            if bytes.sum::<usize>() >= GATHER {
                gather(waiting.iter_mut().flat_map(Layer::linears_mut), copy);
                gathered = layers.len();
            }
        }
        let mut head = Head::load(source, config, precision)?;
        let rest = layers[gathered..].iter_mut().flat_map(Layer::linears_mut);
        gather(rest.chain(head.linears_mut()), copy);
        Ok(Self { embeddings, layers, head, in_int8: precision == Precision::Int8 })
    }

    /// Leaves the batch's logits in the workspace, `[B, labels]`.
    ///
    /// # Errors
    /// When there is no memory for the activations.
    pub(crate) fn forward(
        &self,
        exec: Exec<'_>,
        config: &Config,
        batch: &Batch,
        ws: &mut Workspace,
    ) -> Result<()> {
        ws.reserve(config, batch.tokens(), batch.rows(), self.in_int8)?;
        exec.time(Operation::Embeddings, || self.embeddings.forward(exec, batch, ws));
        if let Some((last, layers)) = self.layers.split_last() {
            for layer in layers {
                layer.attention.forward(exec, batch, ws);
                layer.feed_forward.forward(exec, ws);
            }
            last.attention.forward_first(exec, batch, ws);
            last.feed_forward.forward(exec, ws);
        }
        self.head.forward(exec, ws);
        Ok(())
    }

    /// [`Bert::forward`] for one text, with all rows of the last layer, keeping what every stage gives.
    pub(crate) fn trace(
        &self,
        exec: Exec<'_>,
        config: &Config,
        batch: &Batch,
        ws: &mut Workspace,
    ) -> Result<Trace> {
        ws.reserve(config, batch.tokens(), batch.rows(), self.in_int8)?;
        exec.time(Operation::Embeddings, || self.embeddings.forward(exec, batch, ws));
        let all = batch.tokens() * config.hidden_size;
        let embeddings = ws.hidden.values[..all].to_vec();
        let layers = self.layers.iter().map(|layer| {
            layer.attention.forward(exec, batch, ws);
            layer.feed_forward.forward(exec, ws);
            ws.hidden.values[..all].to_vec()
        });
        let layers = layers.collect();
        ws.keep_rows(config.hidden_size, batch.first_tokens());
        self.head.forward(exec, ws);
        let pooled = ws.pooled[..config.hidden_size].to_vec();
        Ok(Trace { embeddings, layers, pooled, logits: ws.logits[..config.labels.len()].to_vec() })
    }

    /// The weights of all matrices, in the order in which a forward reads them.
    pub(crate) fn panels(&self) -> Vec<&[u8]> {
        self.linears().map(Linear::panels).collect()
    }

    fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().flat_map(Layer::linears).chain(self.head.linears())
    }

    /// With what `takes` says from `other`: the table of words first, then the matrices in the order of
    /// [`Bert::panels`]. Nothing is copied but vectors.
    pub(crate) fn with_parts_of(&self, other: &Self, takes: &[bool]) -> Self {
        let mut mixed = self.clone();
        let (words, takes) = takes.split_first().expect("words come first");
        if *words {
            mixed.embeddings.take_words(&other.embeddings);
        }
        let all = mixed.layers.iter_mut().flat_map(Layer::linears_mut).chain(mixed.head.linears_mut());
        for ((linear, other), takes) in all.zip(other.linears()).zip(takes) {
            if *takes {
                *linear = other.clone();
            }
        }
        mixed
    }

    /// Bytes that the weights take, in the file's map or in memory.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.embeddings.weight_bytes() + self.linears().map(Linear::weight_bytes).sum::<usize>()
    }
}

impl Layer {
    fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.attention.linears().into_iter().chain(self.feed_forward.linears())
    }

    fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        self.attention.linears_mut().into_iter().chain(self.feed_forward.linears_mut())
    }
}

/// Moves the weights that are owned, or all of them, to large pages.
fn gather<'a>(linears: impl Iterator<Item = &'a mut Linear>, all: bool) {
    let panels = linears.map(Linear::panels_mut).filter(|panels| all || panels.is_owned());
    weights::gather(&mut panels.collect::<Vec<_>>());
}

/// Numbers that a model of this configuration was trained to have.
pub(crate) fn parameters(config: &Config) -> usize {
    let (hidden, inside, labels) = (config.hidden_size, config.intermediate_size, config.labels.len());
    let linear = |n: usize, k: usize| n * k + n;
    let norm = 2 * hidden;
    let rows = config.vocab_size + config.max_position_embeddings + config.type_vocab_size;
    let attention = 4 * linear(hidden, hidden) + norm;
    let feed_forward = linear(inside, hidden) + linear(hidden, inside) + norm;
    let head = linear(hidden, hidden) + linear(labels, hidden);
    rows * hidden + norm + config.num_hidden_layers * (attention + feed_forward) + head
}
