//! A cross-encoder: how many pairs of a query's documents stay in their order.

use std::path::Path;

use anyhow::{Result, anyhow};
use nimbert::{Ranked, Reranker};

use super::Judge;
use crate::{
    commands::pack::Check,
    evaluation::agreement::Orders,
    input::Row,
    scoring::{Source, expect_query_and_document},
};

pub(in crate::commands::pack) struct Ranks<'a> {
    check: &'a Check,
    /// Of each document.
    scores: Vec<f32>,
}

impl<'a> Ranks<'a> {
    pub(in crate::commands::pack) fn new(check: &'a Check) -> Self {
        Self { check, scores: Vec::new() }
    }
}

impl Judge for Ranks<'_> {
    type Model = Reranker;
    type Seen = Orders;

    fn name(&self) -> &'static str {
        "order agreement"
    }

    fn open(&self, data: &Path) -> Result<Source> {
        self.check.columns.open_asked("pack", data, self.check.query_column.as_deref(), ["query", "document"])
    }

    fn nothing(&self) -> Orders {
        Orders::default()
    }

    fn keep(&mut self, own: &mut Orders, row: &Row, answer: &Ranked) -> Result<()> {
        expect_query_and_document(row)?;
        self.scores.push(answer.score);
        self.see(own, self.scores.len() - 1, row, answer)
    }

    fn see(&self, seen: &mut Orders, number: usize, row: &Row, answer: &Ranked) -> Result<()> {
        seen.push(&row.fields[0], [self.scores[number], answer.score]);
        Ok(())
    }

    fn value(&self, seen: &Orders) -> Result<f64> {
        seen.agreement().map_err(|reason| anyhow!("{} is undefined on these data: {reason}", self.name()))
    }

    fn rows(&self) -> usize {
        self.scores.len()
    }
}
