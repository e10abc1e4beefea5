//! LayerNorm (Ba, Kiros and Hinton, 2016), over what is added to it.

use nimbert_kernels as kernels;

use super::Workspace;
use crate::{
    checkpoint::source::Source,
    error::Result,
    exec::{Exec, Operation},
    plan::Norm,
};

/// The weights and bias of a normalization, `[H]` each.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    epsilon: f32,
}

impl LayerNorm {
    pub(crate) fn load(source: Source<'_>, norm: &Norm) -> Result<Self> {
        let (gamma, beta) = (source.vector(&norm.weight)?, source.vector(&norm.bias)?);
        Ok(Self { gamma, beta, epsilon: norm.epsilon })
    }

    /// `hidden = LayerNorm(dense + hidden)`, `rows` rows.
    pub(super) fn add(&self, exec: Exec<'_>, rows: usize, ws: &mut Workspace) {
        let len = rows * self.gamma.len();
        let (hidden, int8) = ws.hidden.parts(len);
        exec.time(Operation::LayerNorm, || {
            exec.kernels.add_layer_norm(exec.team, &mut ws.dense[..len], Some(hidden), self.view(), int8);
        });
        std::mem::swap(&mut ws.hidden.values, &mut ws.dense);
    }

    pub(crate) fn view(&self) -> kernels::LayerNorm<'_> {
        kernels::LayerNorm { gamma: &self.gamma, beta: &self.beta, epsilon: self.epsilon }
    }
}
