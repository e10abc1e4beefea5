//! How labels are written.

use std::io::{self, Write};

use nimbert::{Hypotheses, ZeroShotAnswer};
use serde::Serialize;

use crate::{input::Row, layout::Layout, shorten::shorten};

/// Characters of a text that are shown.
const TEXT: usize = 80;

pub(super) struct Labels<'a>(pub(super) &'a Hypotheses);

#[derive(Serialize)]
pub(super) struct Object<'a> {
    labels: Vec<&'a str>,
    scores: Vec<f32>,
    truncated: bool,
}

impl Layout<ZeroShotAnswer> for Labels<'_> {
    const COLUMNS: &'static [&'static str] = &["label", "score"];
    type Object<'a>
        = Object<'a>
    where
        Self: 'a;

    fn human(&self, row: &Row, answer: &ZeroShotAnswer, out: &mut dyn Write) -> io::Result<()> {
        let cut = if answer.truncated { "  (cut)" } else { "" };
        writeln!(out, "{}{cut}", shorten(&row.fields[0], TEXT))?;
        let mut labels = answer.labels.iter();
        labels.try_for_each(|found| writeln!(out, "  {:.3}  {}", found.score, self.0.label(found.index)))
    }

    fn object<'a>(&'a self, _: &'a Row, answer: &'a ZeroShotAnswer) -> Object<'a> {
        Object {
            labels: answer.labels.iter().map(|found| self.0.label(found.index)).collect(),
            scores: answer.labels.iter().map(|found| found.score).collect(),
            truncated: answer.truncated,
        }
    }

    fn records(&self, answer: &ZeroShotAnswer) -> Vec<Vec<String>> {
        let record =
            |found: &nimbert::Hypothesis| vec![self.0.label(found.index).to_owned(), found.score.to_string()];
        answer.labels.iter().map(record).collect()
    }
}
