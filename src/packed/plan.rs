//! Which tensors a packed file has, in which order and of which shape.

use super::{ALIGNMENT, FLOATS, PANEL, VOCABULARY, WORDS, panel_shape};
use crate::{config::Config, options::Precision, weights::Dtype};

/// A tensor of the packed file.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
}

impl Section {
    pub(super) fn new(name: impl Into<String>, dtype: Dtype, shape: impl Into<Vec<usize>>) -> Self {
        Self { name: name.into(), dtype, shape: shape.into() }
    }

    fn floats(name: impl Into<String>, len: usize, unit: usize) -> Self {
        Self::new(name, Dtype::F32, [len.next_multiple_of(unit)])
    }

    pub(super) fn byte_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.size()
    }
}

/// What becomes of one of the source's tensors, or of a few together. Each is one section or several.
pub(super) enum Part {
    Words,
    /// A table of `hidden_size` columns that stays in f32.
    Rows {
        name: String,
        rows: usize,
    },
    Vector {
        name: String,
        len: usize,
    },
    /// From `k` numbers to `n`; the weights and biases of `sources` one after another.
    Matmul {
        name: String,
        sources: Vec<String>,
        n: usize,
        k: usize,
    },
    Vocabulary,
}

impl Part {
    /// Everything in the packed file but the checksums, in file order.
    pub(super) fn all(config: &Config) -> Vec<Self> {
        let hidden = config.hidden_size;
        let rows =
            |name: &str, rows| Self::Rows { name: format!("bert.embeddings.{name}_embeddings.weight"), rows };
        let mut parts = vec![
            Self::Words,
            rows("position", config.max_position_embeddings),
            rows("token_type", config.type_vocab_size),
        ];
        parts.extend(Self::norm("bert.embeddings", hidden));
        for layer in 0..config.num_hidden_layers {
            let at = |name: &str| format!("bert.encoder.layer.{layer}.{name}");
            let qkv = ["query", "key", "value"].map(|of| at("attention.self.") + of);
            let name = at("attention.self.qkv");
            parts.push(Self::Matmul { name, sources: qkv.into(), n: 3 * hidden, k: hidden });
            parts.push(Self::dense(at("attention.output.dense"), hidden, hidden));
            parts.extend(Self::norm(&at("attention.output"), hidden));
            parts.push(Self::dense(at("intermediate.dense"), config.intermediate_size, hidden));
            parts.push(Self::dense(at("output.dense"), hidden, config.intermediate_size));
            parts.extend(Self::norm(&at("output"), hidden));
        }
        parts.push(Self::dense("bert.pooler.dense".to_owned(), hidden, hidden));
        parts.push(Self::Rows { name: "classifier.weight".to_owned(), rows: config.labels.len() });
        parts.push(Self::Vector { name: "classifier.bias".to_owned(), len: config.labels.len() });
        parts.push(Self::Vocabulary);
        parts
    }

    fn norm(name: &str, len: usize) -> [Self; 2] {
        ["weight", "bias"].map(|of| Self::Vector { name: format!("{name}.LayerNorm.{of}"), len })
    }

    fn dense(name: String, n: usize, k: usize) -> Self {
        Self::Matmul { sources: vec![name.clone()], name, n, k }
    }

    /// The tensors that this part becomes, in file order. `vocabulary_len` is in bytes.
    pub(super) fn sections(
        &self,
        config: &Config,
        vocabulary_len: usize,
        precision: impl Fn(&str) -> Precision,
    ) -> Vec<Section> {
        let (words, hidden) = (config.vocab_size, config.hidden_size);
        match self {
            Self::Words => {
                let table = |dtype: Dtype| {
                    let columns = hidden.next_multiple_of(ALIGNMENT / dtype.size());
                    Section::new(format!("{WORDS}.weight"), dtype, [words, columns])
                };
                match precision(WORDS) {
                    Precision::F16 => vec![table(Dtype::F16)],
                    Precision::Int8 => {
                        vec![table(Dtype::I8), Section::floats(format!("{WORDS}.scale"), words, FLOATS)]
                    }
                    Precision::Auto | Precision::F32 => vec![table(Dtype::F32)],
                }
            }
            Self::Rows { name, rows } => {
                vec![Section::new(name, Dtype::F32, [*rows, hidden.next_multiple_of(FLOATS)])]
            }
            Self::Vector { name, len } => vec![Section::floats(name, *len, FLOATS)],
            Self::Matmul { name, n, k, .. } => {
                let panels =
                    |dtype| Section::new(format!("{name}.weight"), dtype, panel_shape(dtype, *n, *k));
                let vector = |of: &str| Section::floats(format!("{name}.{of}"), *n, PANEL[0]);
                match precision(name) {
                    Precision::F16 => vec![panels(Dtype::F16), vector("bias")],
                    Precision::Int8 => {
                        vec![panels(Dtype::U8), vector("scale"), vector("sum"), vector("bias")]
                    }
                    Precision::Auto | Precision::F32 => vec![panels(Dtype::F32), vector("bias")],
                }
            }
            Self::Vocabulary => {
                vec![Section::new(VOCABULARY, Dtype::U8, [vocabulary_len.next_multiple_of(ALIGNMENT)])]
            }
        }
    }
}

impl Config {
    /// The names of what an int8 file has in int8, in file order: `bert.embeddings.word_embeddings`, then the matmuls, in
    /// each layer `attention.self.qkv`, `attention.output.dense`, `intermediate.dense` and `output.dense`, and last
    /// `bert.pooler.dense`.
    pub fn quantized_parts(&self) -> Vec<String> {
        let name = |part| match part {
            Part::Words => Some(WORDS.to_owned()),
            Part::Matmul { name, .. } => Some(name),
            _ => None,
        };
        Part::all(self).into_iter().filter_map(name).collect()
    }
}
