//! What is found, as the pipelines of transformers write it.

use nimbert::{Answer, Entity, Filled};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct EntityForm<'a> {
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
pub(crate) struct AnswerForm<'a> {
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
pub(crate) struct WordForm<'a> {
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
