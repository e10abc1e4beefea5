//! What is made of a head's outputs, or of hidden states: a file each.

mod classify;
mod embed;
mod pooling;
mod rerank;
mod scoring;

pub use self::{
    classify::{Classification, Score},
    embed::{EmbedOptions, Embedder, Embedding, Prompt},
    pooling::Pooling,
    rerank::{Ranked, Reranker},
    scoring::Scoring,
};
