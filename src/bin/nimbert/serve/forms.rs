//! Labels as the hosted inference API writes them, and answers to one text or several.

use nimbert::{Classification, Score};
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
