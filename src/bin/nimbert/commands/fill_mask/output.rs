//! How words for masks are written.

use std::io::{self, Write};

use nimbert::{Filled, Filling};
use serde::Serialize;

use crate::{forms::WordForm, input::Row, layout::Layout, shorten::shorten};

/// Characters of a text that are shown.
const TEXT: usize = 200;

pub(super) struct Words;

#[derive(Serialize)]
pub(super) struct Object<'a> {
    masks: Vec<Vec<WordForm<'a>>>,
    truncated: bool,
}

impl Layout<Filling> for Words {
    const COLUMNS: &'static [&'static str] = &["mask", "score", "token", "token_str", "sequence"];
    type Object<'a>
        = Object<'a>
    where
        Self: 'a;

    fn human(&self, row: &Row, answer: &Filling, out: &mut dyn Write) -> io::Result<()> {
        let cut = if answer.truncated { "  (cut)" } else { "" };
        writeln!(out, "{}{cut}", shorten(&row.fields[0], TEXT))?;
        for (number, words) in answer.masks.iter().enumerate() {
            if answer.masks.len() > 1 {
                writeln!(out, "  mask {}", number + 1)?;
            }
            for Filled { score, token, sequence, .. } in words {
                writeln!(out, "  {score:.3}  {token:<12} {}", shorten(sequence, TEXT))?;
            }
        }
        Ok(())
    }

    fn object<'a>(&'a self, _: &'a Row, answer: &'a Filling) -> Object<'a> {
        let masks = answer.masks.iter().map(|words| words.iter().map(WordForm::from).collect()).collect();
        Object { masks, truncated: answer.truncated }
    }

    fn records(&self, answer: &Filling) -> Vec<Vec<String>> {
        let record = |number: usize| {
            move |Filled { score, id, token, sequence, .. }: &Filled| {
                vec![number.to_string(), score.to_string(), id.to_string(), token.clone(), sequence.clone()]
            }
        };
        let masks = answer.masks.iter().enumerate();
        masks.flat_map(|(number, words)| words.iter().map(record(number))).collect()
    }
}
