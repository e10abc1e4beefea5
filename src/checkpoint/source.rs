//! Where a model's parts come from: a checkpoint directory, a packed file, or nowhere. All are asked for the parts of a
//! [plan].

use super::{
    made_up,
    numbers::Lost,
    packed::{PackedModel, QuantizedRows},
    weights::{Dtype, Tensor, Weights},
};
use crate::{
    error::{Error, Result},
    linear::Linear,
    memory,
    options::NumberType,
    plan::{self, Matmul, Vector},
};

/// An open model.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    Checkpoint(&'a Weights),
    Packed(&'a PackedModel),
    /// See [`made_up`].
    MadeUp,
}

/// Rows that are looked up by number, where they lie in the file.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    /// `shape[1]` values apart.
    Float(Tensor),
    Int8(QuantizedRows),
}

impl Rows {
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
    /// What the matrices are stored as, for people; `one` of them speaks for all.
    pub(crate) fn stored(self, one: &Matmul) -> Result<String> {
        match self {
            Self::Checkpoint(weights) => {
                let shape = [one.n / one.sources.len(), one.k];
                let tensor = weights.get(&one.sources[0].weight, &shape)?;
                Ok(tensor.dtype.to_string().to_lowercase())
            }
            Self::Packed(model) => Ok(model.precision.to_string()),
            Self::MadeUp => Ok("made-up".to_owned()),
        }
    }

    pub(crate) fn table(self, table: &plan::Table) -> Result<Rows> {
        let plan::Table { name, rows, columns, .. } = table;
        match self {
            Self::Checkpoint(weights) => weights.get(name, &[*rows, *columns]).map(Rows::Float),
            Self::MadeUp => made_up::table(name, *rows, *columns).map(Rows::Float),
            Self::Packed(model) => match model.stored(table) {
                NumberType::Int8 => model.quantized_rows(table).map(Rows::Int8),
                NumberType::F16 => model.rows(name, Dtype::F16, *rows, *columns).map(Rows::Float),
                NumberType::F32 => model.rows(name, Dtype::F32, *rows, *columns).map(Rows::Float),
            },
        }
    }

    pub(crate) fn vector(self, Vector { name, len }: &Vector) -> Result<Vec<f32>> {
        match self {
            Self::Packed(model) => model.vector(name, *len),
            Self::Checkpoint(_) | Self::MadeUp => self.values(name, &[*len]),
        }
    }

    /// Of several names that a tensor may have, the one that it has; the first where it has none, for an error.
    fn first(self, names: &[String]) -> &str {
        let is_there = |name: &&String| match self {
            Self::Checkpoint(weights) => weights.contains(name),
            Self::MadeUp | Self::Packed(_) => true,
        };
        names.iter().find(is_there).unwrap_or(&names[0])
    }

    /// All numbers of a tensor that is not packed.
    fn values(self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        match self {
            Self::Checkpoint(weights) => weights.finite(name, shape),
            Self::MadeUp => made_up::values(name, shape.iter().product()),
            Self::Packed(_) => unreachable!("packed files are asked for panels"),
        }
    }

    /// A fully connected layer, at `precision` unless it is decisive.
    pub(crate) fn matmul(self, matmul: &Matmul, precision: NumberType) -> Result<Linear> {
        let precision = if matmul.decisive { NumberType::F32 } else { precision };
        match self {
            Self::Packed(model) if matmul.decisive => {
                let Matmul { name, n, k, .. } = matmul;
                let weight = model.matrix(&format!("{name}.weight"), *n, *k)?;
                let bias = model.vector(&format!("{name}.bias"), *n)?;
                self.pack(matmul, &weight, &bias, precision)
            }
            Self::Packed(model) => {
                let (weight, bias) = model.matmul(matmul)?;
                if precision == model.precision {
                    // At the file's own precision the panels stay where they are.
                    return Ok(Linear::new(matmul, weight, bias));
                }
                self.pack(matmul, &weight.unpack((matmul.n, matmul.k))?, &bias[..matmul.n], precision)
            }
            Self::Checkpoint(_) | Self::MadeUp => {
                let (mut weight, mut bias) = (memory::room(matmul.weights())?, memory::room(matmul.n)?);
                let rows = matmul.n / matmul.sources.len();
                for tensors in &matmul.sources {
                    weight.extend(self.values(&tensors.weight, &[rows, matmul.k])?);
                    bias.extend(self.values(self.first(&tensors.bias), &[rows])?);
                }
                self.pack(matmul, &weight, &bias, precision)
            }
        }
    }

    /// A row-major matrix and its bias as panels of `precision`, or an error that names the number which it does not hold.
    fn pack(self, matmul: &Matmul, weight: &[f32], bias: &[f32], precision: NumberType) -> Result<Linear> {
        let lost = |Lost { at, reason }| {
            let (row, column) = (at / matmul.k, at % matmul.k);
            // A packed file has the sources as one matrix.
            if let Self::Packed(_) = self {
                return self.lost(&format!("{}.weight", matmul.name), &[row, column], weight[at], reason);
            }
            let rows = matmul.n / matmul.sources.len();
            self.lost(&matmul.sources[row / rows].weight, &[row % rows, column], weight[at], reason)
        };
        Linear::from_f32(matmul, weight, bias, precision, lost)
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
}
