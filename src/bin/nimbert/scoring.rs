//! Rows through models, a batch at a time: the answers are handed on and forgotten.

mod decides;
mod models;

use std::{
    iter,
    time::{Duration, Instant},
};

use anyhow::{Error, Result, anyhow, ensure};
use indicatif::ProgressBar;

pub(crate) use self::{decides::Decides, models::Model};
use crate::{
    count::count,
    data::Labelling,
    evaluation::LabelSet,
    input::{Input, MOST_BYTES, Row, Rows},
};

/// Texts scored at once; answers do not depend on it.
const BATCH: usize = 32;

/// An open input.
pub(crate) struct Source {
    pub(crate) input: Input,
    /// How far it is read.
    pub(crate) bar: ProgressBar,
    /// Whether fields of several lines are texts, whatever they look like.
    pub(crate) multiline: bool,
}

/// The next rows to be scored at once: `most`, or fewer that are long; none at the end. An error stands beside the rows
/// that come before it.
pub(crate) fn next_batch(rows: &mut Rows, most: usize) -> (Vec<Row>, Result<()>) {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < most && bytes < MOST_BYTES {
        match rows.next() {
            Some(Ok(row)) => {
                bytes += row.bytes();
                batch.push(row);
            }
            Some(Err(error)) => return (batch, Err(error)),
            None => break,
        }
    }
    (batch, Ok(()))
}

/// Names the row that an error is about.
pub(crate) fn at_row(error: nimbert::Error, row: &Row) -> Error {
    match error {
        nimbert::Error::Text { reason, .. } => anyhow!("{}: {reason}", row.place),
        error => error.into(),
    }
}

/// The answers to rows, if each has one.
pub(crate) fn all<A>(answers: Vec<Result<A, nimbert::Error>>, rows: &[Row]) -> Result<Vec<A>> {
    iter::zip(answers, rows).map(|(answer, row)| answer.map_err(|error| at_row(error, row))).collect()
}

/// How much was scored, and how long it took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Speed {
    pub(crate) texts: usize,
    pub(crate) tokens: usize,
    pub(crate) time: Duration,
}

impl Speed {
    /// Adds texts of so many tokens, for which the work began at `start` and is done.
    pub(crate) fn add(&mut self, start: Instant, tokens: impl ExactSizeIterator<Item = usize>) {
        self.time += start.elapsed();
        self.texts += tokens.len();
        self.tokens += tokens.sum::<usize>();
    }

    pub(crate) fn texts_per_second(&self) -> f64 {
        self.texts as f64 / self.time.as_secs_f64()
    }
}

/// Gives all rows to `each`, a batch at a time. A row that may be several is an error, unless the source says it is not.
pub(crate) fn batches(source: Source, mut each: impl FnMut(&[Row]) -> Result<()>) -> Result<()> {
    let Source { input: Input { mut rows, .. }, bar, multiline } = source;
    let (start, mut done) = (Instant::now(), 0);
    loop {
        let (batch, outcome) = next_batch(&mut rows, BATCH);
        outcome?;
        if batch.is_empty() {
            break;
        }
        if !multiline {
            batch.iter().try_for_each(expect_one_row)?;
        }
        each(&batch)?;
        done += batch.len();
        let rate = done as f64 / start.elapsed().as_secs_f64();
        bar.set_message(format!("{}, {rate:.0}/s", count(done, "text")));
    }
    bar.finish_and_clear();
    Ok(())
}

/// Answers all rows with each of `models`, batch by batch in turn, so that their times compare. `each` gets every row
/// with the answers, one of each model.
pub(crate) fn score<M: Model, const N: usize>(
    models: [&M; N],
    source: Source,
    mut each: impl FnMut(&Row, [&M::Answer; N]) -> Result<()>,
) -> Result<[Speed; N]> {
    let mut speeds = [Speed::default(); N];
    batches(source, |batch| {
        let mut answers = [const { Vec::new() }; N];
        for ((model, answers), speed) in iter::zip(&models, &mut answers).zip(&mut speeds) {
            let start = Instant::now();
            *answers = all(model.answers(batch), batch)?;
            speed.add(start, answers.iter().map(M::tokens));
        }
        for (i, row) in batch.iter().enumerate() {
            each(row, answers.each_ref().map(|answers| &answers[i]))?;
        }
        Ok(())
    })?;
    Ok(speeds)
}

/// What is measured on a file must not be measured on fewer rows than it has.
fn expect_one_row(row: &Row) -> Result<()> {
    ensure!(
        row.rows_in_one == 0,
        "{}: its {} look like a row each: merged by a quote that is missing or one too many? If they are one text, say \
         --multiline",
        row.place,
        count(row.rows_in_one, "line")
    );
    Ok(())
}

/// That a row of a query and a document has both.
pub(crate) fn expect_query_and_document(row: &Row) -> Result<()> {
    for (text, what) in row.fields.iter().zip(["query", "document"]) {
        ensure!(!text.trim().is_empty(), "{}: an empty {what}", row.place);
    }
    Ok(())
}

/// The labels that the row has.
pub(crate) fn truth(labelling: &Labelling, row: &Row) -> Result<LabelSet> {
    let label = row.label.as_ref().ok_or_else(|| anyhow!("{}: no label", row.place))?;
    labelling.names.parse(label).map_err(|reason| anyhow!("{}: {reason}", row.place))
}
