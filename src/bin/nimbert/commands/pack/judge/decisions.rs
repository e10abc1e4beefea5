//! A model that finds entities, answers or words for masks: how many of its decisions stay.

use std::path::Path;

use anyhow::{Result, anyhow};

use super::Judge;
use crate::{
    commands::pack::Check,
    evaluation::agreement,
    input::Row,
    scoring::{Decides, Model, Source},
};

/// How the data are read.
type Open = fn(&Check, &Path) -> Result<Source>;

pub(in crate::commands::pack) struct Decisions<'a, M: Decides> {
    check: &'a Check,
    open: Open,
    /// Of each text.
    own: Vec<Vec<M::Decision>>,
}

impl<'a, M: Decides> Decisions<'a, M> {
    pub(in crate::commands::pack) fn new(check: &'a Check, open: Open) -> Self {
        Self { check, open, own: Vec::new() }
    }
}

impl<M: Decides> Judge for Decisions<'_, M> {
    type Model = M;
    type Seen = agreement::Decisions;

    fn name(&self) -> &'static str {
        M::AGREEMENT
    }

    fn open(&self, data: &Path) -> Result<Source> {
        (self.open)(self.check, data)
    }

    fn nothing(&self) -> agreement::Decisions {
        agreement::Decisions::default()
    }

    fn keep(
        &mut self,
        own: &mut agreement::Decisions,
        row: &Row,
        answer: &<M as Model>::Answer,
    ) -> Result<()> {
        self.own.push(M::decisions(answer));
        self.see(own, self.own.len() - 1, row, answer)
    }

    fn see(
        &self,
        seen: &mut agreement::Decisions,
        number: usize,
        _: &Row,
        answer: &<M as Model>::Answer,
    ) -> Result<()> {
        seen.push(&self.own[number], &M::decisions(answer));
        Ok(())
    }

    fn value(&self, seen: &agreement::Decisions) -> Result<f64> {
        seen.f1().map_err(|reason| anyhow!("{} is undefined on these data: {reason}", self.name()))
    }

    fn rows(&self) -> usize {
        self.own.len()
    }
}
