//! Rows of tokens through a model: gathered to batches, each with a workspace and the threads.

use std::{path::Path, sync::PoisonError, time::Duration};

use super::{Engine, Inner, load::no_classifier};
use crate::{
    encoder::{Batch, Row, Workspace},
    error::{Error, Result},
    exec::{Clock, Exec, Operation},
    memory,
    model::{Model, Trace},
    tokenizer::Encoding,
};

/// Tokens of a thread that go through the model together, at most, unless one text has more: enough that every weight
/// is used often while it is in the cache, and few enough that the activations are too.
const BATCH_TOKENS: usize = 128;
/// The same of all threads: activations of bert-base take 34 KB a token.
const MOST_BATCH_TOKENS: usize = 2_048;

impl Engine {
    /// The model's raw outputs for rows of tokens, in label order for each row.
    ///
    /// # Errors
    /// When a row is empty, longer than the model has positions, or has an id that the model does not know; when the answer is
    /// not finite, the model has no classifier, or there is no memory.
    pub fn logits(&self, rows: &[Encoding]) -> Result<Vec<Vec<f32>>> {
        let labels = self.logits_of_a_text()?;
        let mut logits = memory::zeros(rows.len() * labels)?;
        self.logits_into(rows.iter().map(Row::from), &mut logits)?;
        Ok(logits.chunks_exact(labels).map(<[f32]>::to_vec).collect())
    }

    /// [`Engine::logits`] into memory of the caller, `[rows, labels]`. On one thread nothing is allocated once there was a call
    /// with as many tokens, as many rows and as long a row: for the lowest and steadiest latency.
    ///
    /// # Errors
    /// As [`Engine::logits`]; `logits` may hold answers to some of the rows then.
    ///
    /// # Panics
    /// When `logits` is not of that length.
    pub fn logits_into<'a>(&self, rows: impl Iterator<Item = Row<'a>>, logits: &mut [f32]) -> Result<()> {
        let Inner { model, name, .. } = &*self.0;
        let (labels, mut done) = (self.logits_of_a_text()?, 0);
        self.batches(rows, |batch, ws, exec| {
            model.forward(exec, batch, ws)?;
            let found = &ws.logits[..batch.rows() * labels];
            if let Some(at) = found.iter().position(|logit| !logit.is_finite()) {
                let (row, index) = (at / labels, (done + at) / labels);
                let row = &found[row * labels..(row + 1) * labels];
                let reason = format!("{name}: its weights give no finite answer: {row:?}{}", self.advice());
                return Err(Error::Text { index, reason });
            }
            logits[done..done + found.len()].copy_from_slice(found);
            done += found.len();
            Ok(())
        })?;
        assert_eq!(done, logits.len(), "logits for {} rows of {labels} labels", done / labels);
        Ok(())
    }

    /// How many they are, if the model has a classifier.
    fn logits_of_a_text(&self) -> Result<usize> {
        let Inner { labels, config, name, .. } = &*self.0;
        if labels.is_empty() { Err(no_classifier(Path::new(name), config)) } else { Ok(labels.len()) }
    }

    /// What to do where weights give no finite answer.
    pub(crate) fn advice(&self) -> &'static str {
        let is_packed = self.source_sha256().is_some();
        if is_packed { " (nimbert verify --file names weights that are none)" } else { "" }
    }

    /// Gathers rows to batches, as many tokens in each as it pays to compute together, and hands them on in order.
    ///
    /// # Errors
    /// When a row is none that the model has an answer for, or as `each`.
    pub(crate) fn batches<'a>(
        &self,
        rows: impl Iterator<Item = Row<'a>>,
        mut each: impl FnMut(&Batch, &mut Workspace, Exec<'_>) -> Result<()>,
    ) -> Result<()> {
        let most = self.batch_tokens();
        let mut rows = rows.enumerate().peekable();
        self.with_workspace(|batch, ws, exec| {
            while rows.peek().is_some() {
                batch.clear();
                while let Some((index, row)) =
                    rows.next_if(|(_, row)| batch.rows() == 0 || batch.tokens() + row.token_ids.len() <= most)
                {
                    batch
                        .push(row, &self.0.config.encoder)
                        .map_err(|reason| Error::Text { index, reason })?;
                }
                each(batch, ws, exec)?;
            }
            Ok(())
        })
    }

    /// Tokens that go through the model together, at most, unless one text has more: to wait for more texts than these have
    /// buys nothing.
    pub fn batch_tokens(&self) -> usize {
        (BATCH_TOKENS * self.threads()).min(MOST_BATCH_TOKENS)
    }

    pub(crate) fn model(&self) -> &Model {
        &self.0.model
    }

    /// Every intermediate result for one row of tokens: to compare with a reference, layer by layer.
    ///
    /// # Errors
    /// As [`Engine::logits`].
    pub fn trace(&self, token_ids: &[u32], token_type_ids: &[u32]) -> Result<Trace> {
        let Inner { config, model, .. } = &*self.0;
        let row = Row { token_ids, token_type_ids: Some(token_type_ids) };
        self.with_workspace(|batch, ws, exec| {
            batch.clear();
            batch.push(row, &config.encoder).map_err(|reason| Error::Text { index: 0, reason })?;
            model.trace(exec, batch, ws)
        })
    }

    /// Lends a workspace and the threads to `work`.
    pub(super) fn with_workspace<R>(
        &self,
        work: impl FnOnce(&mut Batch, &mut Workspace, Exec<'_>) -> R,
    ) -> R {
        let Inner { kernels, threads, clock, workspaces, .. } = &*self.0;
        let lock = || workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut ws) = lock().pop().unwrap_or_default();
        let result = threads
            .run(|team| work(&mut batch, &mut ws, Exec { kernels: *kernels, team, clock: clock.as_ref() }));
        lock().push((batch, ws));
        result
    }

    /// Time spent in each part of all forwards since the last call; empty without [`Options::profile`](crate::Options::profile).
    pub fn profile(&self) -> Vec<(Operation, Duration)> {
        self.0.clock.as_ref().map(Clock::take).unwrap_or_default()
    }
}
