//! How entities are found.

use std::str::FromStr;

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

impl Aggregation {
    const ALL: [(Self, &'static str); 5] = [
        (Self::None, "none"),
        (Self::Simple, "simple"),
        (Self::First, "first"),
        (Self::Average, "average"),
        (Self::Max, "max"),
    ];
}

impl FromStr for Aggregation {
    type Err = String;

    /// The names of transformers.
    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(_, known)| *known == name);
        found.map(|(aggregation, _)| aggregation).ok_or_else(|| {
            let names = Self::ALL.map(|(_, known)| known).join(", ");
            format!("unknown aggregation {name:?}, expected one of {names}")
        })
    }
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
