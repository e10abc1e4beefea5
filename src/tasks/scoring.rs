//! From a sequence classifier's logits to scores.

use std::str::FromStr;

/// How logits become scores, chosen as the text-classification pipeline of `transformers` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scoring {
    /// The raw value: regression.
    Identity,
    /// Each label by itself: multi-label classification, or a single label.
    Sigmoid,
    /// One label out of several.
    Softmax,
}

impl Scoring {
    /// The same checks in the same order as the pipeline's `postprocess`: regression wins over a single label.
    pub(crate) fn new(problem_type: Option<&str>, labels: usize) -> Self {
        match problem_type {
            Some("regression") => Self::Identity,
            Some("multi_label_classification") => Self::Sigmoid,
            _ if labels == 1 => Self::Sigmoid,
            _ => Self::Softmax,
        }
    }

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
    pub fn scores(self, logits: &[f32]) -> Vec<f32> {
        let mut scores = logits.to_vec();
        self.apply(&mut scores);
        scores
    }
}

impl FromStr for Scoring {
    type Err = String;

    /// The names that the pipeline knows a function by.
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "none" => Ok(Self::Identity),
            "sigmoid" => Ok(Self::Sigmoid),
            "softmax" => Ok(Self::Softmax),
            _ => Err(format!("unknown function {name:?}, expected one of sigmoid, softmax, none")),
        }
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
