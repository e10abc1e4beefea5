//! Where a model's parts come from: a checkpoint directory, a packed file, or nowhere. All are asked in the same words,
//! the names that Hugging Face gives the tensors.

use crate::{
    config::Config,
    error::{Error, Result},
    linear::Linear,
    memory,
    numbers::Lost,
    options::Precision,
    packed::{PackedModel, QuantizedRows},
    preset,
    weights::{Dtype, Tensor, Weights},
};

/// An open model.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    Checkpoint(&'a Weights),
    Packed(&'a PackedModel),
    /// Made-up weights, see [`preset`].
    MadeUp,
}

/// Rows that are looked up by number, where they lie in the file.
#[derive(Debug, Clone)]
pub(crate) enum Table {
    /// Rows are `shape[1]` values apart.
    Float(Tensor),
    Int8(QuantizedRows),
}

impl Table {
    /// Writes row `row` to `out`.
    pub(crate) fn read(&self, row: usize, out: &mut [f32]) {
        match self {
            Self::Float(tensor) => tensor.read_f32(row * tensor.shape[1], out),
            Self::Int8(rows) => rows.read_f32(row, out),
        }
    }

    /// Bytes of the rows.
    pub(crate) fn weight_bytes(&self) -> usize {
        match self {
            Self::Float(tensor) => tensor.bytes.len(),
            Self::Int8(rows) => rows.bytes.len() + size_of_val(rows.scale.as_slice()),
        }
    }
}

impl Source<'_> {
    /// What the matrices are stored as, for people; one of them speaks for all.
    pub(crate) fn stored(self, config: &Config) -> Result<String> {
        let shape = [config.hidden_size; 2];
        match self {
            Self::Checkpoint(weights) => {
                Ok(weights.get("bert.pooler.dense.weight", &shape)?.dtype.to_string().to_lowercase())
            }
            Self::Packed(model) => Ok(model.precision.to_string()),
            Self::MadeUp => Ok("made-up".to_owned()),
        }
    }

    /// The table of words.
    pub(crate) fn word_embeddings(self, config: &Config) -> Result<Table> {
        let name = "bert.embeddings.word_embeddings.weight";
        match self {
            Self::Checkpoint(_) | Self::MadeUp => self.table(name, config.vocab_size, config.hidden_size),
            Self::Packed(model) => {
                let floats = |dtype| model.rows(name, dtype, config.vocab_size, config.hidden_size);
                match model.precision_of(name) {
                    Precision::Int8 => model.word_embeddings().map(Table::Int8),
                    Precision::F16 => floats(Dtype::F16).map(Table::Float),
                    Precision::Auto | Precision::F32 => floats(Dtype::F32).map(Table::Float),
                }
            }
        }
    }

    /// A float table of `rows` rows.
    pub(crate) fn table(self, name: &str, rows: usize, columns: usize) -> Result<Table> {
        match self {
            Self::Checkpoint(weights) => weights.get(name, &[rows, columns]),
            Self::Packed(model) => model.rows(name, Dtype::F32, rows, columns),
            Self::MadeUp => preset::table(name, rows, columns),
        }
        .map(Table::Float)
    }

    /// `len` values.
    pub(crate) fn vector(self, name: &str, len: usize) -> Result<Vec<f32>> {
        match self {
            Self::Packed(model) => model.vector(name, len),
            Self::Checkpoint(_) | Self::MadeUp => self.values(name, &[len]),
        }
    }

    /// All numbers of a tensor that is not packed.
    fn values(self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        match self {
            Self::Checkpoint(weights) => weights.finite(name, shape),
            Self::MadeUp => preset::values(name, shape.iter().product()),
            Self::Packed(_) => unreachable!("packed files are asked for panels"),
        }
    }

    /// One layer, or several that read the same input, one below the other: `parts` are names without `.weight`.
    pub(crate) fn stacked(
        self,
        parts: &[String],
        (n, k): (usize, usize),
        precision: Precision,
    ) -> Result<Linear> {
        let (mut weight, mut bias) = (memory::room(n * k)?, memory::room(n)?);
        let (rows, matrix) = (n / parts.len(), |name: &String| format!("{name}.weight"));
        for name in parts {
            weight.extend(self.values(&matrix(name), &[rows, k])?);
            bias.extend(self.values(&format!("{name}.bias"), &[rows])?);
        }
        let lost = |Lost { at, reason }| {
            let (row, column) = (at / k, at % k);
            self.lost(&matrix(&parts[row / rows]), &[row % rows, column], weight[at], reason)
        };
        Linear::from_f32(&weight, &bias, (n, k), precision, lost)
    }

    /// What is wrong with a number of tensor `name`.
    fn lost(self, name: &str, place: &[usize], value: f32, reason: &str) -> Error {
        match self {
            Self::Checkpoint(weights) | Self::Packed(PackedModel { weights, .. }) => {
                weights.lost(name, place, value, reason)
            }
            Self::MadeUp => unreachable!("made-up weights are near 0"),
        }
    }

    /// The layer `name`, from `k` to `n` values.
    pub(crate) fn linear(self, name: &str, n: usize, k: usize, precision: Precision) -> Result<Linear> {
        match self {
            Self::Packed(model) => Linear::from_packed(model, name, (n, k), precision),
            Self::Checkpoint(_) | Self::MadeUp => self.stacked(&[name.to_owned()], (n, k), precision),
        }
    }

    /// Query, key and value of a layer's attention as one: `[3H, H]`.
    pub(crate) fn qkv(self, attention: &str, hidden: usize, precision: Precision) -> Result<Linear> {
        let shape = (3 * hidden, hidden);
        match self {
            Self::Packed(model) => Linear::from_packed(model, &format!("{attention}.qkv"), shape, precision),
            Self::Checkpoint(_) | Self::MadeUp => {
                let parts = ["query", "key", "value"].map(|part| format!("{attention}.{part}"));
                self.stacked(&parts, shape, precision)
            }
        }
    }

    /// The classifier: small, and decisive, so always in f32.
    pub(crate) fn classifier(self, labels: usize, hidden: usize) -> Result<Linear> {
        let name = "classifier";
        match self {
            Self::Checkpoint(_) | Self::MadeUp => self.linear(name, labels, hidden, Precision::F32),
            Self::Packed(model) => {
                let weight = model.matrix(&format!("{name}.weight"), labels, hidden)?;
                let bias = model.vector(&format!("{name}.bias"), labels)?;
                let lost = |Lost { at, reason }| {
                    self.lost(&format!("{name}.weight"), &[at / hidden, at % hidden], weight[at], reason)
                };
                Linear::from_f32(&weight, &bias, (labels, hidden), Precision::F32, lost)
            }
        }
    }
}
