//! How entities are written.

use std::io::{self, Write};

use nimbert::{Entity, Tagged};
use serde::Serialize;

use crate::{forms::EntityForm, input::Row, layout::Layout, mark::mark};

pub(super) struct Entities;

#[derive(Serialize)]
pub(super) struct Object<'a> {
    entities: Vec<EntityForm<'a>>,
    truncated: bool,
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
        let entities = answer.entities.iter().map(EntityForm::from).collect();
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
