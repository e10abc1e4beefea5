//! How a model's vectors are meant to be compared, by the names of `SimilarityFunction` of sentence-transformers.

use serde::{Deserialize, Serialize};

/// The number that says how alike two texts are, given their vectors a and b: larger is more alike.
///
/// It is told, not computed here: it is one product of what [`Embedder`](crate::Embedder) answers, and a search index has its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Similarity {
    /// a·b / (|a| |b|), where a model says nothing.
    #[default]
    Cosine,
    /// a·b
    Dot,
    /// −|a − b|
    Euclidean,
    /// −Σ |aᵢ − bᵢ|
    Manhattan,
}

impl Similarity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cosine, Self::Dot, Self::Euclidean, Self::Manhattan];

    /// The name in configurations of sentence-transformers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dot => "dot",
            Self::Euclidean => "euclidean",
            Self::Manhattan => "manhattan",
        }
    }

    /// Whether it is what a model means that says nothing.
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
