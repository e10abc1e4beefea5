//! `y = activation(x · Wᵀ + b)`: the one place that knows about precision. f32 goes in, f32 comes out.

mod weight;

use std::sync::Arc;

use nimbert_kernels::{
    Activation, HalfScratch, Int8Panels, Output, PANEL, Panels, QuantizedRows, pad_to_panels,
};

pub(crate) use self::weight::Weight;
use crate::{
    checkpoint::{numbers::Lost, weights::Bytes},
    error::{Error, Result},
    exec::{Exec, Operation},
    options::NumberType,
    plan::Matmul,
};

/// A fully connected layer from `k` to `n` values.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    name: Arc<str>,
    n: usize,
    k: usize,
    /// What a profile counts it as.
    operation: Operation,
    weight: Weight,
    /// Whole panels.
    bias: Vec<f32>,
}

/// The left side of a product in the number type that it is computed in: scratch, used again and again.
#[derive(Debug, Default)]
pub(crate) struct Operand {
    quantized: QuantizedRows,
    halves: HalfScratch,
}

/// Rows that a layer reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    rows: &'a [f32],
    /// The same rows, where they have been quantized already.
    int8: Option<&'a QuantizedRows>,
}

impl<'a> Input<'a> {
    pub(crate) fn new(rows: &'a [f32], int8: Option<&'a QuantizedRows>) -> Self {
        Self { rows, int8 }
    }
}

impl<'a> From<&'a [f32]> for Input<'a> {
    fn from(rows: &'a [f32]) -> Self {
        Self { rows, int8: None }
    }
}

/// Which columns of the output to compute, in whole panels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Columns {
    All,
    /// From this panel on.
    From(usize),
    /// Before this panel.
    To(usize),
}

impl Linear {
    /// Of weights that are packed, and a bias in whole panels.
    pub(crate) fn new(Matmul { name, n, k, operation, .. }: &Matmul, weight: Weight, bias: Vec<f32>) -> Self {
        Self { name: name.as_str().into(), n: *n, k: *k, operation: *operation, weight, bias }
    }

    /// From a row-major `[n, k]` matrix. `lost` makes an error of a weight that the precision does not hold.
    pub(crate) fn from_f32(
        matmul: &Matmul,
        weight: &[f32],
        bias: &[f32],
        precision: NumberType,
        lost: impl Fn(Lost) -> Error,
    ) -> Result<Self> {
        let weight = Weight::pack(weight, (matmul.n, matmul.k), precision, lost)?;
        Ok(Self::new(matmul, weight, pad_to_panels(bias)))
    }

    /// By which it is chosen among others.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The weights, and the bias in whole panels.
    pub(crate) fn into_parts(self) -> (Weight, Vec<f32>) {
        (self.weight, self.bias)
    }

    /// Values of an output row.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// Values of an input row.
    pub(crate) fn k(&self) -> usize {
        self.k
    }

    /// The packed weights, as they are read by a product.
    pub(crate) fn panels(&self) -> &[u8] {
        match &self.weight {
            Weight::F32(panels) | Weight::F16(panels) | Weight::Int8 { panels, .. } => panels,
        }
    }

    /// Their owner, to be moved somewhere else.
    pub(crate) fn panels_mut(&mut self) -> &mut Bytes {
        match &mut self.weight {
            Weight::F32(panels) | Weight::F16(panels) | Weight::Int8 { panels, .. } => panels,
        }
    }

    /// Bytes of the packed weights.
    pub(crate) fn weight_bytes(&self) -> usize {
        match &self.weight {
            Weight::F32(panels) | Weight::F16(panels) => panels.len(),
            Weight::Int8 { panels, scales, sums } => panels.len() + 4 * (scales.len() + sums.len()),
        }
    }

    /// `x` is `[rows, k]`, `out` `[rows, n]`.
    pub(crate) fn forward(
        &self,
        exec: Exec<'_>,
        x: Input<'_>,
        activation: Activation,
        out: &mut [f32],
        scratch: &mut Operand,
    ) {
        self.forward_columns(exec, x, Columns::All, activation, Output::rows(out, self.n), scratch);
    }

    /// Some of the columns: `out` begins with the first of them.
    pub(crate) fn forward_columns(
        &self,
        exec: Exec<'_>,
        Input { rows: x, int8 }: Input<'_>,
        columns: Columns,
        activation: Activation,
        out: Output<'_>,
        scratch: &mut Operand,
    ) {
        let Exec { kernels, team, .. } = exec;
        let first = if let Columns::From(first) = columns { first * PANEL } else { 0 };
        let bias = &self.bias[first..];
        match &self.weight {
            Weight::F32(panels) => {
                let panels = columns.of(Panels::f32(&panels[..], self.n, self.k));
                exec.time(self.operation, || {
                    kernels.matmul_f32(team, x, panels, bias, activation, out);
                });
            }
            Weight::F16(panels) => {
                let panels = columns.of(Panels::f16(&panels[..], self.n, self.k));
                exec.time(self.operation, || {
                    kernels.matmul_f16(team, x, &mut scratch.halves, panels, bias, activation, out);
                });
            }
            Weight::Int8 { panels, scales, sums } => {
                let panels = columns.of(Panels::int8(panels, self.n, self.k));
                let (scales, sums) = (&scales[first..], &sums[first..]);
                let weights = Int8Panels { panels, scales, sums };
                let quantized = int8.unwrap_or_else(|| {
                    let quantized = &mut scratch.quantized;
                    exec.time(Operation::Quantize, || kernels.quantize_rows(team, x, self.k, quantized));
                    quantized
                });
                exec.time(self.operation, || {
                    kernels.matmul_int8(team, quantized, weights, bias, activation, out);
                });
            }
        }
    }
}

impl Columns {
    fn of<T>(self, panels: Panels<'_, T>) -> Panels<'_, T> {
        match self {
            Self::All => panels,
            Self::From(first) => panels.from_panel(first),
            Self::To(end) => panels.to_panel(end),
        }
    }
}
