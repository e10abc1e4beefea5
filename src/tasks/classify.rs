//! The answer to a text.

use std::sync::Arc;

/// The answer to one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The model's raw outputs, in label order.
    pub logits: Vec<f32>,
    /// What the logits mean by the model's problem type, in label order.
    pub scores: Vec<f32>,
    /// Tokens that were read, special ones included.
    pub tokens: usize,
    /// Whether the text was cut to the allowed tokens.
    pub truncated: bool,
    pub(crate) labels: Arc<[String]>,
}

/// A label with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score<'a> {
    /// The label's name.
    pub label: &'a str,
    /// A probability, or for a regression the value itself.
    pub score: f32,
}

impl Classification {
    /// The best label. Of equals, the first.
    pub fn top(&self) -> Score<'_> {
        self.ranked()[0]
    }

    /// All labels, the best first.
    pub fn ranked(&self) -> Vec<Score<'_>> {
        let mut ranked: Vec<_> =
            self.labels.iter().zip(&self.scores).map(|(label, &score)| Score { label, score }).collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        ranked
    }
}
