//! What is made of a head's outputs, or of hidden states: a file each.

mod answer;
mod any;
mod characters;
mod classify;
mod embed;
mod fill_mask;
mod finish;
mod kind;
mod pooling;
mod recipe;
mod rerank;
mod scoring;
mod similarity;
mod tag;
mod zero_shot;

pub(crate) use self::characters::Characters;
pub use self::{
    answer::{Answer, Answers, Asked, ReadOptions, Reader, TokenSpan},
    any::AnyTask,
    classify::{Classification, Score},
    embed::{Embedder, Embedding},
    fill_mask::{FillOptions, Filled, Filling, MaskFiller},
    kind::{Task, tasks},
    pooling::Pooling,
    recipe::{EmbedOptions, Prompt},
    rerank::{Ranked, Reranker},
    scoring::Scoring,
    similarity::Similarity,
    tag::{Aggregation, Entity, TagOptions, Tagged, TaggedWords, Tagger},
    zero_shot::{Hypotheses, Hypothesis, ZeroShot, ZeroShotAnswer},
};

use crate::error::Result;

/// What is computed of the next `rows` rows, all of which are of text `index`. They are taken also where one is an error: the next text's
/// come after them.
fn of_text<A>(outputs: &mut impl Iterator<Item = Result<A>>, rows: usize, index: usize) -> Result<Vec<A>> {
    let all: Vec<_> = outputs.take(rows).collect();
    all.into_iter().collect::<Result<_>>().map_err(|error| error.at(index))
}
