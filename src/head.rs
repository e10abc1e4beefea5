//! From the texts' first hidden states to logits, and from logits to scores.

use nimbert_kernels::Activation;

use crate::{
    config::{Config, Scoring},
    error::Result,
    exec::Exec,
    linear::{Input, Linear},
    options::Precision,
    source::Source,
    workspace::Workspace,
};

/// Pooler and classifier of `BertForSequenceClassification`.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pooler: Linear,
    classifier: Linear,
}

impl Head {
    pub(crate) fn load(source: Source<'_>, config: &Config, precision: Precision) -> Result<Self> {
        let hidden = config.hidden_size;
        Ok(Self {
            pooler: source.linear("bert.pooler.dense", hidden, hidden, precision)?,
            classifier: source.classifier(config.labels.len(), hidden)?,
        })
    }

    /// Reads `hidden`, one row a text; writes `pooled` and `logits`.
    pub(crate) fn forward(&self, exec: Exec<'_>, ws: &mut Workspace) {
        let len = ws.rows * self.pooler.k();
        let pooled = &mut ws.pooled[..len];
        let logits = &mut ws.logits[..ws.rows * self.classifier.n()];
        self.pooler.forward(exec, ws.hidden.input(len), Activation::Tanh, pooled, &mut ws.operand);
        self.classifier.forward(exec, Input::from(&*pooled), Activation::Identity, logits, &mut ws.operand);
    }

    pub(crate) fn linears(&self) -> [&Linear; 2] {
        [&self.pooler, &self.classifier]
    }

    pub(crate) fn linears_mut(&mut self) -> [&mut Linear; 2] {
        [&mut self.pooler, &mut self.classifier]
    }
}

impl Scoring {
    /// Turns one text's logits into its scores.
    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Sigmoid => values.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
            Self::Softmax => {
                let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                values.iter_mut().for_each(|x| *x = (*x - largest).exp());
                let sum: f32 = values.iter().sum();
                values.iter_mut().for_each(|e| *e /= sum);
            }
        }
    }

    /// Scores of one text's logits.
    pub(crate) fn scores(self, logits: &[f32]) -> Vec<f32> {
        let mut scores = logits.to_vec();
        self.apply(&mut scores);
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_as_the_problem_type_asks() {
        let logits = [0.0, 3_f32.ln(), -200.0];
        assert_eq!(Scoring::Identity.scores(&logits), logits);
        let near = |scores: Vec<f32>, expected: [f32; 3]| {
            assert!(scores.iter().zip(expected).all(|(s, e)| (s - e).abs() < 1e-6), "{scores:?}");
        };
        near(Scoring::Sigmoid.scores(&logits), [0.5, 0.75, 0.0]);
        near(Scoring::Softmax.scores(&logits), [0.25, 0.75, 0.0]);
        // Logits far outside exp's range.
        near(Scoring::Softmax.scores(&[1000.0, 1000.0, 0.0]), [0.5, 0.5, 0.0]);
        near(Scoring::Sigmoid.scores(&[-1000.0, 1000.0, 0.0]), [0.0, 1.0, 0.5]);
    }
}
