//! A model that makes vectors: how near they stay, by the mean cosine.

use std::path::Path;

use anyhow::Result;
use nimbert::{Embedder, Embedding};

use super::Judge;
use crate::{commands::pack::Check, evaluation::agreement::Cosines, input::Row, scoring::Source};

pub(in crate::commands::pack) struct Vectors<'a> {
    check: &'a Check,
    /// Of each text: 4 bytes a number.
    vectors: Vec<Vec<f32>>,
}

impl<'a> Vectors<'a> {
    pub(in crate::commands::pack) fn new(check: &'a Check) -> Self {
        Self { check, vectors: Vec::new() }
    }
}

impl Judge for Vectors<'_> {
    type Model = Embedder;
    type Seen = Cosines;

    fn name(&self) -> &'static str {
        "mean cosine"
    }

    fn open(&self, data: &Path) -> Result<Source> {
        self.check.columns.open("pack", data)
    }

    fn nothing(&self) -> Cosines {
        Cosines::default()
    }

    fn keep(&mut self, own: &mut Cosines, row: &Row, answer: &Embedding) -> Result<()> {
        self.vectors.push(answer.values.clone());
        self.see(own, self.vectors.len() - 1, row, answer)
    }

    fn see(&self, seen: &mut Cosines, number: usize, _: &Row, answer: &Embedding) -> Result<()> {
        seen.push(&self.vectors[number], &answer.values);
        Ok(())
    }

    fn value(&self, seen: &Cosines) -> Result<f64> {
        Ok(seen.mean())
    }

    fn rows(&self) -> usize {
        self.vectors.len()
    }
}
