//! How entities are found.

/// What becomes of tokens that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Aggregation {
    /// Each token is by itself.
    None,
    /// Neighbours of one kind are an entity.
    #[default]
    Simple,
    /// So are they, and a word is what its first token is.
    First,
    /// And a word is what its tokens are on average.
    Average,
    /// And a word is what the surest of its tokens is.
    Max,
}

/// How entities are found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagOptions {
    /// What becomes of tokens that belong together.
    pub aggregation: Aggregation,
    /// What is left out, by label or kind: `O` unless said otherwise.
    pub ignore_labels: Vec<String>,
    /// A text of more tokens than the model takes goes through it in windows that have so many in common; `None`: its end is cut off.
    pub stride: Option<usize>,
}

impl Default for TagOptions {
    fn default() -> Self {
        Self { aggregation: Aggregation::Simple, ignore_labels: vec!["O".to_owned()], stride: None }
    }
}

impl TagOptions {
    /// With this [aggregation](Self::aggregation).
    #[must_use]
    pub fn aggregation(self, aggregation: Aggregation) -> Self {
        Self { aggregation, ..self }
    }

    /// Without [these](Self::ignore_labels), and no others.
    #[must_use]
    pub fn ignore_labels(self, ignore_labels: Vec<String>) -> Self {
        Self { ignore_labels, ..self }
    }

    /// In windows of this [stride](Self::stride).
    #[must_use]
    pub fn stride(self, stride: impl Into<Option<usize>>) -> Self {
        Self { stride: stride.into(), ..self }
    }
}
