//! Word, position and token type, added and normalized: the first hidden states.

use nimbert_kernels as kernels;

use crate::{
    batch::Batch, config::Config, error::Result, exec::Exec, exec::Operation, source::Source, source::Table,
    workspace::Workspace,
};

/// The weights and bias of a normalization, `[H]` each.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    epsilon: f32,
}

impl LayerNorm {
    /// `name` is without `.weight`.
    pub(crate) fn load(source: Source<'_>, name: &str, config: &Config) -> Result<Self> {
        let vector = |part| source.vector(&format!("{name}.{part}"), config.hidden_size);
        Ok(Self { gamma: vector("weight")?, beta: vector("bias")?, epsilon: config.layer_norm_eps })
    }

    /// `hidden = LayerNorm(dense + hidden)`.
    pub(crate) fn add(&self, exec: Exec<'_>, ws: &mut Workspace) {
        let len = ws.rows * self.gamma.len();
        let (hidden, int8) = ws.hidden.parts(len);
        exec.time(Operation::LayerNorm, || {
            exec.kernels.add_layer_norm(exec.team, &mut ws.dense[..len], Some(hidden), self.view(), int8);
        });
        std::mem::swap(&mut ws.hidden.values, &mut ws.dense);
    }

    fn view(&self) -> kernels::LayerNorm<'_> {
        kernels::LayerNorm { gamma: &self.gamma, beta: &self.beta, epsilon: self.epsilon }
    }
}

/// The embedding tables.
#[derive(Debug, Clone)]
pub(crate) struct Embeddings {
    words: Table,
    positions: Table,
    token_types: Table,
    norm: LayerNorm,
    hidden_size: usize,
}

impl Embeddings {
    pub(crate) fn load(source: Source<'_>, config: &Config) -> Result<Self> {
        let table = |name: &str, rows| {
            source.table(&format!("bert.embeddings.{name}_embeddings.weight"), rows, config.hidden_size)
        };
        Ok(Self {
            words: source.word_embeddings(config)?,
            positions: table("position", config.max_position_embeddings)?,
            token_types: table("token_type", config.type_vocab_size)?,
            norm: LayerNorm::load(source, "bert.embeddings.LayerNorm", config)?,
            hidden_size: config.hidden_size,
        })
    }

    /// Writes `hidden`, `[T, H]`.
    pub(crate) fn forward(&self, exec: Exec<'_>, batch: &Batch, ws: &mut Workspace) {
        let len = ws.rows * self.hidden_size;
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
    pub(crate) fn take_words(&mut self, other: &Self) {
        self.words = other.words.clone();
    }

    /// Bytes of the tables.
    pub(crate) fn weight_bytes(&self) -> usize {
        [&self.words, &self.positions, &self.token_types].iter().map(|table| table.weight_bytes()).sum()
    }
}

fn add(sum: &mut [f32], row: &[f32]) {
    sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
}
