//! What is found, as the pipelines of transformers and the hosted inference API write it.

use nimbert::{Answer, Classification, Entity, Filled, Score};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct LabelScore<'a> {
    pub(super) label: &'a str,
    pub(super) score: f32,
}

/// The best labels of a text.
pub(super) fn labels(found: &Classification, top_k: Option<usize>) -> Vec<LabelScore<'_>> {
    let all = found.ranked().into_iter().map(|Score { label, score }| LabelScore { label, score });
    all.take(top_k.unwrap_or(usize::MAX)).collect()
}

#[derive(Serialize)]
pub(super) struct EntityForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_group: Option<&'a str>,
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    word: &'a str,
    start: usize,
    end: usize,
}

impl<'a> From<&'a Entity> for EntityForm<'a> {
    fn from(Entity { label, score, word, start, end, index, .. }: &'a Entity) -> Self {
        let is_token = index.is_some();
        Self {
            entity: is_token.then_some(label),
            entity_group: (!is_token).then_some(label),
            score: *score,
            index: *index,
            word,
            start: *start,
            end: *end,
        }
    }
}

#[derive(Serialize)]
pub(super) struct AnswerForm<'a> {
    score: f32,
    start: usize,
    end: usize,
    answer: &'a str,
}

impl<'a> From<&'a Answer> for AnswerForm<'a> {
    fn from(Answer { score, start, end, text, .. }: &'a Answer) -> Self {
        Self { score: *score, start: *start, end: *end, answer: text }
    }
}

#[derive(Serialize)]
pub(super) struct WordForm<'a> {
    score: f32,
    token: u32,
    token_str: &'a str,
    sequence: &'a str,
}

impl<'a> From<&'a Filled> for WordForm<'a> {
    fn from(Filled { score, id, token, sequence, .. }: &'a Filled) -> Self {
        Self { score: *score, token: *id, token_str: token, sequence }
    }
}

/// One answer, or one for each of several.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The only one, if there was one to be asked for by itself.
    pub(super) fn of(is_one: bool, mut all: Vec<T>) -> Self {
        match (is_one, all.len()) {
            (true, 1) => Self::One(all.remove(0)),
            _ => Self::Many(all),
        }
    }
}
