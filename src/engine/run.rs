//! Rows of tokens through a model: gathered to batches, each with a workspace and the threads.

use std::{cell::RefCell, path::Path, sync::PoisonError, time::Duration};

use super::{Engine, Inner, Purpose};
use crate::{
    encoder::{Batch, Row, Wanted, Workspace},
    error::{Error, Result},
    exec::{Clock, Exec, Operation},
    model::{Model, Trace},
    tokenizer::Encoding,
};

/// Tokens of a thread that go through the model together, at most, unless one text has more: enough that every weight
/// is used often while it is in the cache, and few enough that the activations are too.
const BATCH_TOKENS: usize = 128;
/// The same of all threads: activations of bert-base take 34 KB a token.
const MOST_BATCH_TOKENS: usize = 2_048;
/// Numbers of an answer that an error shows.
const SHOWN: usize = 5;

impl Engine {
    /// The model's raw outputs for rows of tokens, in label order for each row.
    ///
    /// # Errors
    /// Of a row: that it is empty, longer than the model has positions, or has an id that the model does not know, or that its
    /// answer is not finite. Of every row: that the model has no classifier, or that there is no memory.
    pub fn logits(&self, rows: &[Encoding]) -> Vec<Result<Vec<f32>>> {
        self.logits_of(rows.iter().map(Row::from))
    }

    /// [`Engine::logits`] of rows where they lie.
    pub(crate) fn logits_of<'a>(&self, rows: impl Iterator<Item = Row<'a>>) -> Vec<Result<Vec<f32>>> {
        let labels = match self.logits_of_a_text() {
            Ok(labels) => labels,
            Err(error) => return rows.map(|_| Err(error.clone())).collect(),
        };
        self.answers(rows, |batch, ws, exec, answer| {
            let all = self.model().forward(exec, batch, batch.first(), ws)?;
            for (&index, logits) in batch.indices.iter().zip(all.chunks_exact(labels)) {
                answer(index, self.finite(index, logits).map(<[f32]>::to_vec));
            }
            Ok(())
        })
    }

    /// [`Engine::logits`] into memory of the caller, `[rows, labels]`, all or nothing. On one thread nothing is allocated once there
    /// was a call with as many tokens, as many rows and as long a row: for the lowest and steadiest latency.
    ///
    /// # Errors
    /// The first of [`Engine::logits`]; `logits` may hold answers to some of the rows then.
    ///
    /// # Panics
    /// When `logits` is not of that length.
    pub fn logits_into<'a>(&self, rows: impl Iterator<Item = Row<'a>>, logits: &mut [f32]) -> Result<()> {
        let (labels, mut done) = (self.logits_of_a_text()?, 0);
        self.all(rows, |batch, ws, exec| {
            let all = self.model().forward(exec, batch, batch.first(), ws)?;
            for (&index, found) in batch.indices.iter().zip(all.chunks_exact(labels)) {
                logits[done..done + labels].copy_from_slice(self.finite(index, found)?);
                done += labels;
            }
            Ok(())
        })?;
        assert_eq!(done, logits.len(), "logits for {} rows of {labels} labels", done / labels);
        Ok(())
    }

    /// How many they are, if the model has a classifier.
    fn logits_of_a_text(&self) -> Result<usize> {
        let Inner { config, name, .. } = &*self.0;
        match config.sequence() {
            Some(head) => Ok(head.labels.len()),
            None => Err(Purpose::Classify.refuse(Path::new(name), config)),
        }
    }

    /// The raw outputs of a head that reads every token, `[tokens, n]` for each row.
    pub(crate) fn token_logits_of<'a>(&self, rows: impl Iterator<Item = Row<'a>>) -> Vec<Result<Vec<f32>>> {
        self.answers(rows, |batch, ws, exec, answer| {
            let all = self.model().forward(exec, batch, Wanted::All, ws)?;
            let n = all.len() / batch.tokens();
            for (row, &index) in batch.indices.iter().enumerate() {
                let range = batch.range(row);
                let logits = &all[range.start * n..range.end * n];
                answer(index, self.finite(index, logits).map(<[f32]>::to_vec));
            }
            Ok(())
        })
    }

    /// What the model gives for row `index`, if it is numbers.
    pub(crate) fn finite<'a>(&self, index: usize, found: &'a [f32]) -> Result<&'a [f32]> {
        if found.iter().all(|x| x.is_finite()) {
            return Ok(found);
        }
        let shown = &found[..found.len().min(SHOWN)];
        let dots = if shown.len() < found.len() { " …" } else { "" };
        let is_packed = self.source_sha256().is_some();
        let advice = if is_packed { " (nimbert verify --file names weights that are none)" } else { "" };
        let reason = format!("{}: its weights give no finite answer: {shown:?}{dots}{advice}", self.0.name);
        Err(Error::Text { index, reason })
    }

    /// An answer for each row, in order. `each` gets batches, and gives the answer of every row in them by its index.
    pub(crate) fn answers<'a, A>(
        &self,
        rows: impl Iterator<Item = Row<'a>>,
        mut each: impl FnMut(&Batch, &mut Workspace, Exec<'_>, &mut dyn FnMut(usize, Result<A>)) -> Result<()>,
    ) -> Vec<Result<A>> {
        let answers = RefCell::new(Vec::new());
        let answer = |index: usize, found: Result<A>| {
            let mut answers = answers.borrow_mut();
            if answers.len() <= index {
                answers.resize_with(index + 1, || None);
            }
            answers[index] = Some(found);
        };
        let refused = |index, error| {
            answer(index, Err(error));
            Ok(())
        };
        let outcome = self.batches(rows, refused, |batch, ws, exec| {
            if let Err(error) = each(batch, ws, exec, &mut |index, found| answer(index, found)) {
                batch.indices.iter().for_each(|&index| answer(index, Err(error.clone())));
            }
            Ok(())
        });
        outcome.expect("every error is that of a row");
        answers.into_inner().into_iter().map(|found| found.expect("an answer for every row")).collect()
    }

    /// Hands all rows on in batches, if the model has an answer for each.
    ///
    /// # Errors
    /// The first row that it has none for, or as `each`.
    pub(crate) fn all<'a>(
        &self,
        rows: impl Iterator<Item = Row<'a>>,
        each: impl FnMut(&Batch, &mut Workspace, Exec<'_>) -> Result<()>,
    ) -> Result<()> {
        self.batches(rows, |_, error| Err(error), each)
    }

    /// Gathers rows to batches, as many tokens in each as it pays to compute together, and hands them on in order. A row that the
    /// model has no answer for is `refused`.
    ///
    /// # Errors
    /// As `refused` and `each`.
    fn batches<'a>(
        &self,
        rows: impl Iterator<Item = Row<'a>>,
        mut refused: impl FnMut(usize, Error) -> Result<()>,
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
                    if let Err(reason) = batch.push(index, row, &self.0.config.encoder) {
                        refused(index, Error::Text { index, reason })?;
                    }
                }
                if batch.rows() > 0 {
                    each(batch, ws, exec)?;
                }
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
            batch.push(0, row, &config.encoder).map_err(|reason| Error::Text { index: 0, reason })?;
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
