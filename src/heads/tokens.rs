//! `…ForTokenClassification` and `…ForQuestionAnswering`: from each token's hidden state to its logits.

use nimbert_kernels::Activation;

use crate::{encoder::Workspace, error::Result, exec::Exec, linear::Linear, memory::grow};

/// A classifier of tokens.
#[derive(Debug, Clone)]
pub(crate) struct TokensHead {
    pub(super) classifier: Linear,
}

impl TokensHead {
    pub(super) fn forward(&self, exec: Exec<'_>, rows: usize, ws: &mut Workspace) -> Result<()> {
        let len = rows * self.classifier.n();
        grow(&mut ws.logits, len)?;
        let logits = &mut ws.logits[..len];
        let hidden = ws.hidden.input(rows * self.classifier.k());
        self.classifier.forward(exec, hidden, Activation::Identity, logits, &mut ws.operand);
        Ok(())
    }
}
