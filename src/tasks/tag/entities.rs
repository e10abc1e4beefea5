//! From tokens with probabilities to entities: the rules of the token-classification pipeline of transformers.

use std::borrow::Cow;

use super::{Aggregation, Entity};

/// A token that is not special, and how likely each label is.
#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    /// As the vocabulary has it, or of one that is not known the text.
    pub(super) word: Cow<'a, str>,
    /// One for each label.
    pub(super) scores: &'a [f32],
    pub(super) start: usize,
    pub(super) end: usize,
    /// Its place among those of its window.
    pub(super) index: usize,
    /// Whether it goes on with a word.
    pub(super) is_subword: bool,
}

/// What entities are made with.
pub(super) struct Rules<'a> {
    pub(super) labels: &'a [String],
    pub(super) aggregation: Aggregation,
    /// One text of tokens.
    pub(super) join: &'a dyn Fn(&[&str]) -> String,
}

impl Rules<'_> {
    /// The entities of a window, also those with labels that are to be left out.
    pub(super) fn entities(&self, tokens: &[Token<'_>]) -> Vec<Entity> {
        let each = || tokens.iter().map(|token| self.of_token(token)).collect::<Vec<_>>();
        match self.aggregation {
            Aggregation::None => each(),
            Aggregation::Simple => self.groups(&each()),
            Aggregation::First | Aggregation::Average | Aggregation::Max => {
                let words = tokens.chunk_by(|_, next| next.is_subword);
                self.groups(&words.map(|word| self.of_word(word)).collect::<Vec<_>>())
            }
        }
    }

    fn of_token(&self, token: &Token<'_>) -> Entity {
        let label = best(token.scores);
        Entity {
            label: self.labels[label].clone(),
            score: token.scores[label],
            word: token.word.clone().into_owned(),
            start: token.start,
            end: token.end,
            index: Some(token.index),
        }
    }

    /// One label for all tokens of a word.
    fn of_word(&self, tokens: &[Token<'_>]) -> Entity {
        let scores = match self.aggregation {
            Aggregation::Average => Cow::from(average(tokens)),
            Aggregation::Max => Cow::from(highest(tokens)),
            _ => Cow::from(tokens[0].scores),
        };
        let label = best(&scores);
        Entity {
            label: self.labels[label].clone(),
            score: scores[label],
            word: self.joined(tokens.iter().map(|token| &*token.word)),
            start: tokens[0].start,
            end: tokens[tokens.len() - 1].end,
            index: None,
        }
    }

    /// Neighbours of one kind together, unless one says that it begins anew.
    fn groups(&self, entities: &[Entity]) -> Vec<Entity> {
        let goes_on = |before: &Entity, next: &Entity| {
            let ((_, before), (begins, kind)) = (tag(&before.label), tag(&next.label));
            kind == before && !begins
        };
        entities.chunk_by(goes_on).map(|group| self.group(group)).collect()
    }

    fn group(&self, entities: &[Entity]) -> Entity {
        Entity {
            label: kind(&entities[0].label).to_owned(),
            score: mean(entities.iter().map(|entity| entity.score), entities.len()),
            word: self.joined(entities.iter().map(|entity| entity.word.as_str())),
            start: entities[0].start,
            end: entities[entities.len() - 1].end,
            index: None,
        }
    }

    fn joined<'a>(&self, words: impl Iterator<Item = &'a str>) -> String {
        (self.join)(&words.collect::<Vec<_>>())
    }
}

/// Whether a label begins an entity, and of which kind it is.
fn tag(label: &str) -> (bool, &str) {
    match label.strip_prefix("B-") {
        Some(kind) => (true, kind),
        None => (false, label.strip_prefix("I-").unwrap_or(label)),
    }
}

/// What an entity is called whose first token or word has this label.
pub(super) fn kind(label: &str) -> &str {
    label.split_once('-').map_or(label, |(_, kind)| kind)
}

/// The first of the highest.
pub(super) fn best(scores: &[f32]) -> usize {
    (0..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best })
}

/// The scores of the token that is surest, of equals the first.
fn highest<'a>(tokens: &[Token<'a>]) -> &'a [f32] {
    let surest = |scores: &[f32]| scores[best(scores)];
    let pick = |one: &'a [f32], other: &Token<'a>| {
        if surest(other.scores) > surest(one) { other.scores } else { one }
    };
    tokens[1..].iter().fold(tokens[0].scores, pick)
}

fn average(tokens: &[Token<'_>]) -> Vec<f32> {
    let of = |label: usize| mean(tokens.iter().map(|token| token.scores[label]), tokens.len());
    (0..tokens[0].scores.len()).map(of).collect()
}

fn mean(values: impl Iterator<Item = f32>, count: usize) -> f32 {
    values.sum::<f32>() / count as f32
}

/// Of entities of several windows that overlap, one stays: the longer, or of two as long the surer.
pub(super) fn without_overlap(mut entities: Vec<Entity>) -> Vec<Entity> {
    entities.sort_by_key(|entity| entity.start);
    let mut kept: Vec<Entity> = Vec::new();
    for entity in entities {
        let length = |entity: &Entity| entity.end - entity.start;
        match kept.last_mut().filter(|last| (last.start..last.end).contains(&entity.start)) {
            None => kept.push(entity),
            Some(last) => {
                let is_better = length(&entity) == length(last) && entity.score > last.score;
                if length(&entity) > length(last) || is_better {
                    *last = entity;
                }
            }
        }
    }
    kept
}
