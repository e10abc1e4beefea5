//! How entities are written.

use std::io::{self, Write};

use nimbert::{Entity, Tagged};
use serde::Serialize;

use crate::{input::Row, layout::Layout, mark::mark};

pub(super) struct Entities;

#[derive(Serialize)]
pub(super) struct Object<'a> {
    entities: Vec<EntityObject<'a>>,
    truncated: bool,
}

/// As the pipeline of transformers has it: of a single token its label, of several their kind.
#[derive(Serialize)]
struct EntityObject<'a> {
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

impl<'a> From<&'a Entity> for EntityObject<'a> {
    fn from(entity: &'a Entity) -> Self {
        let Entity { label, score, word, start, end, index, .. } = entity;
        let (label, is_token) = (label.as_str(), index.is_some());
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

impl Layout<Tagged> for Entities {
    const COLUMNS: &'static [&'static str] = &["label", "score", "word", "start", "end"];
    type Object<'a>
        = Object<'a>
    where
        Self: 'a;

    fn human(&self, row: &Row, answer: &Tagged, out: &mut dyn Write) -> io::Result<()> {
        let cut = if answer.truncated { "  (cut)" } else { "" };
        let parts = answer.entities.iter().map(|entity| (entity.start, entity.end, entity.label.as_str()));
        writeln!(out, "{}{cut}", mark(&row.fields[0], parts))?;
        answer.entities.iter().try_for_each(|entity| {
            writeln!(out, "  {:.3}  {:<8} {}", entity.score, entity.label, entity.word)
        })
    }

    fn object<'a>(&'a self, _: &'a Row, answer: &'a Tagged) -> Object<'a> {
        let entities = answer.entities.iter().map(EntityObject::from).collect();
        Object { entities, truncated: answer.truncated }
    }

    fn records(&self, answer: &Tagged) -> Vec<Vec<String>> {
        let record = |entity: &Entity| {
            let Entity { label, score, word, start, end, .. } = entity;
            vec![label.clone(), score.to_string(), word.clone(), start.to_string(), end.to_string()]
        };
        answer.entities.iter().map(record).collect()
    }
}
