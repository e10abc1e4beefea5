//! The feed-forward block: `x = LayerNorm(x + W₂·activation(W₁·x))`, each row by itself.

use nimbert_kernels::Activation;

use super::{Workspace, norm::LayerNorm};
use crate::{
    checkpoint::source::Source,
    error::Result,
    exec::Exec,
    linear::{Input, Linear},
    options::NumberType,
    plan,
};

/// Both projections of one layer.
#[derive(Debug, Clone)]
pub(super) struct FeedForward {
    intermediate: Linear,
    activation: Activation,
    output: Linear,
    norm: LayerNorm,
}

impl FeedForward {
    pub(super) fn load(
        source: Source<'_>,
        layer: &plan::Layer,
        activation: Activation,
        precision: NumberType,
    ) -> Result<Self> {
        Ok(Self {
            intermediate: source.matmul(&layer.intermediate, precision)?,
            activation,
            output: source.matmul(&layer.output, precision)?,
            norm: LayerNorm::load(source, &layer.output_norm)?,
        })
    }

    /// The first `rows` rows of `hidden`.
    pub(super) fn forward(&self, exec: Exec<'_>, rows: usize, ws: &mut Workspace) {
        let len = rows * self.intermediate.k();
        let inside = &mut ws.intermediate[..rows * self.intermediate.n()];
        let dense = &mut ws.dense[..len];
        self.intermediate.forward(exec, ws.hidden.input(len), self.activation, inside, &mut ws.operand);
        self.output.forward(exec, Input::from(&*inside), Activation::Identity, dense, &mut ws.operand);
        self.norm.add(exec, rows, ws);
    }

    pub(super) fn linears(&self) -> [&Linear; 2] {
        [&self.intermediate, &self.output]
    }

    pub(super) fn linears_mut(&mut self) -> [&mut Linear; 2] {
        [&mut self.intermediate, &mut self.output]
    }
}
