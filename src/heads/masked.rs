//! `…ForMaskedLM`: from the hidden state of a token to a logit for each word. The rows that are read are transformed together; as a
//! vocabulary has tens of thousands of words, who needs no more than the best of them asks for the logits of a few rows at a time.

use std::ops::Range;

use nimbert_kernels::Activation;

use crate::{
    encoder::{LayerNorm, Workspace},
    error::Result,
    exec::{Exec, Operation},
    linear::{Input, Linear},
    memory::grow,
};

/// What BERT was trained with.
#[derive(Debug, Clone)]
pub(crate) struct MaskedHead {
    pub(super) transform: Linear,
    pub(super) activation: Activation,
    pub(super) norm: LayerNorm,
    pub(super) decoder: Linear,
}

impl MaskedHead {
    /// Writes `pooled`, `[rows, H]`, of as many rows of `hidden`.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn transform(&self, exec: Exec<'_>, rows: usize, ws: &mut Workspace) -> Result<()> {
        let len = rows * self.transform.n();
        grow(&mut ws.pooled, len)?;
        let (hidden, pooled) = (ws.hidden.input(rows * self.transform.k()), &mut ws.pooled[..len]);
        self.transform.forward(exec, hidden, self.activation, pooled, &mut ws.operand);
        let norm = || exec.kernels.add_layer_norm(exec.team, pooled, None, self.norm.view(), None);
        exec.time(Operation::LayerNorm, norm);
        Ok(())
    }

    /// The logits of some of the rows that were transformed, `[rows, V]`.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn decode<'a>(
        &self,
        exec: Exec<'_>,
        rows: Range<usize>,
        ws: &'a mut Workspace,
    ) -> Result<&'a [f32]> {
        let (width, len) = (self.decoder.k(), rows.len() * self.decoder.n());
        grow(&mut ws.logits, len)?;
        let (input, logits) = (&ws.pooled[rows.start * width..rows.end * width], &mut ws.logits[..len]);
        self.decoder.forward(exec, Input::from(input), Activation::Identity, logits, &mut ws.operand);
        Ok(logits)
    }
}
