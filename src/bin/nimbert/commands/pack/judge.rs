//! What a packed model is held to: for each task, which of its answers are worth how much beside those in f32.

mod decisions;
mod labels;
mod ranks;
mod vectors;

use std::path::Path;

use anyhow::Result;

pub(super) use self::{decisions::Decisions, labels::Labels, ranks::Ranks, vectors::Vectors};
use crate::{
    input::Row,
    scoring::{Model, Source},
};

/// One task's way of judging. It keeps what the model in f32 says of each row.
pub(super) trait Judge {
    type Model: Model;
    /// What one pass over the data says of a model.
    type Seen;

    /// Of what a loss is told, in hundredths: 1 is what the model in f32 gets, if there are no labels.
    fn name(&self) -> &'static str;

    fn open(&self, data: &Path) -> Result<Source>;

    fn nothing(&self) -> Self::Seen;

    /// What the model in f32 says of the next row, as its own pass has it.
    fn keep(
        &mut self,
        own: &mut Self::Seen,
        row: &Row,
        answer: &<Self::Model as Model>::Answer,
    ) -> Result<()>;

    /// What another model says of row `number`, which has been kept.
    fn see(
        &self,
        seen: &mut Self::Seen,
        number: usize,
        row: &Row,
        answer: &<Self::Model as Model>::Answer,
    ) -> Result<()>;

    fn value(&self, seen: &Self::Seen) -> Result<f64>;

    /// How many were kept.
    fn rows(&self) -> usize;
}
