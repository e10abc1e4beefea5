//! The feed-forward block: `x = LayerNorm(x + W₂·activation(W₁·x))`, each row by itself.

use nimbert_kernels::Activation;

use crate::{
    config::Config,
    embeddings::LayerNorm,
    error::Result,
    exec::Exec,
    exec::Operation,
    linear::{Input, Linear},
    options::Precision,
    source::Source,
    workspace::Workspace,
};

/// Both projections of one layer.
#[derive(Debug, Clone)]
pub(crate) struct FeedForward {
    intermediate: Linear,
    activation: Activation,
    output: Linear,
    norm: LayerNorm,
}

impl FeedForward {
    /// `layer` is such as `bert.encoder.layer.0`.
    pub(crate) fn load(
        source: Source<'_>,
        layer: &str,
        config: &Config,
        precision: Precision,
    ) -> Result<Self> {
        let (hidden, inside) = (config.hidden_size, config.intermediate_size);
        let linear = |name: &str, n, k| source.linear(&format!("{layer}.{name}.dense"), n, k, precision);
        Ok(Self {
            intermediate: linear("intermediate", inside, hidden)?.counted_as(Operation::Intermediate),
            activation: config.hidden_act.into(),
            output: linear("output", hidden, inside)?.counted_as(Operation::Output),
            norm: LayerNorm::load(source, &format!("{layer}.output.LayerNorm"), config)?,
        })
    }

    pub(crate) fn forward(&self, exec: Exec<'_>, ws: &mut Workspace) {
        let len = ws.rows * self.intermediate.k();
        let inside = &mut ws.intermediate[..ws.rows * self.intermediate.n()];
        let dense = &mut ws.dense[..len];
        self.intermediate.forward(exec, ws.hidden.input(len), self.activation, inside, &mut ws.operand);
        self.output.forward(exec, Input::from(&*inside), Activation::Identity, dense, &mut ws.operand);
        self.norm.add(exec, ws);
    }

    pub(crate) fn linears(&self) -> [&Linear; 2] {
        [&self.intermediate, &self.output]
    }

    pub(crate) fn linears_mut(&mut self) -> [&mut Linear; 2] {
        [&mut self.intermediate, &mut self.output]
    }
}
