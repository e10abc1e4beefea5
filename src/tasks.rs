//! What is made of a head's outputs, or of hidden states: a file each.

mod answer;
mod any;
mod characters;
mod classify;
mod embed;
mod fill_mask;
mod kind;
mod pooling;
mod recipe;
mod rerank;
mod scoring;
mod tag;
mod zero_shot;

pub use self::{
    answer::{Answer, Answers, ReadOptions, Reader, TokenSpan},
    classify::{Classification, Score},
    embed::{Embedder, Embedding},
    fill_mask::{FillOptions, Filled, Filling, MaskFiller},
    kind::{Task, tasks},
    pooling::Pooling,
    recipe::{EmbedOptions, Prompt},
    rerank::{Ranked, Reranker},
    scoring::Scoring,
    tag::{Aggregation, Entity, TagOptions, Tagged, TaggedWords, Tagger},
    zero_shot::{Hypotheses, Hypothesis, ZeroShot, ZeroShotAnswer},
};
pub(crate) use self::{any::AnyTask, characters::Characters};
