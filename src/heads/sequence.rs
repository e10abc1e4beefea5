//! `…ForSequenceClassification`: from each text's first hidden state to its logits.

use nimbert_kernels::Activation;

use crate::{
    encoder::Workspace,
    error::Result,
    exec::Exec,
    linear::{Input, Linear},
    memory::grow,
};

/// Two layers, of which the first is BERT's pooler, or the first of a family's own.
#[derive(Debug, Clone)]
pub(crate) struct SequenceHead {
    pub(super) pooler: Linear,
    pub(super) activation: Activation,
    pub(super) classifier: Linear,
}

impl SequenceHead {
    pub(super) fn forward(&self, exec: Exec<'_>, texts: usize, ws: &mut Workspace) -> Result<()> {
        let len = texts * self.pooler.k();
        grow(&mut ws.pooled, len)?;
        grow(&mut ws.logits, texts * self.classifier.n())?;
        let pooled = &mut ws.pooled[..len];
        let logits = &mut ws.logits[..texts * self.classifier.n()];
        self.pooler.forward(exec, ws.hidden.input(len), self.activation, pooled, &mut ws.operand);
        self.classifier.forward(exec, Input::from(&*pooled), Activation::Identity, logits, &mut ws.operand);
        Ok(())
    }
}
