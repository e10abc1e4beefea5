//! Rows through models, a batch at a time: the answers are handed on and forgotten.

use std::{
    iter,
    time::{Duration, Instant},
};

use anyhow::{Error, Result, anyhow};
use indicatif::{HumanCount, ProgressBar};
use nimbert::{Classification, Engine};

use super::{
    data::Task,
    input::{Row, Rows},
};
use crate::evaluation::LabelSet;

/// Texts scored at once; answers do not depend on it.
const BATCH: usize = 32;

/// Scores texts or pairs of texts.
pub(crate) fn classify(engine: &Engine, rows: &[Row]) -> Result<Vec<Classification>, nimbert::Error> {
    let pairs: Vec<_> =
        rows.iter().filter_map(|row| Some((row.fields[0].as_str(), row.fields.get(1)?.as_str()))).collect();
    if pairs.len() == rows.len() {
        return engine.classify_pairs(&pairs);
    }
    let texts: Vec<_> = rows.iter().map(|row| row.fields[0].as_str()).collect();
    engine.classify(&texts)
}

/// Names the row that an error is about.
pub(crate) fn at_row(error: nimbert::Error, rows: &[Row]) -> Error {
    match error {
        nimbert::Error::Text { index, reason } if index < rows.len() => {
            anyhow!("{}: {reason}", rows[index].place)
        }
        error => error.into(),
    }
}

/// How much was scored, and how long it took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Speed {
    pub(crate) texts: usize,
    pub(crate) tokens: usize,
    pub(crate) time: Duration,
}

impl Speed {
    pub(crate) fn texts_per_second(&self) -> f64 {
        self.texts as f64 / self.time.as_secs_f64()
    }
}

/// Scores all rows with each of `engines`, batch by batch in turn, so that their times compare. `each` gets every row
/// with the answers, one of each engine.
pub(crate) fn score<const N: usize>(
    engines: [&Engine; N],
    (mut rows, bar): (Rows, ProgressBar),
    mut each: impl FnMut(&Row, [&Classification; N]) -> Result<()>,
) -> Result<[Speed; N]> {
    let mut speeds = [Speed::default(); N];
    let start = Instant::now();
    loop {
        let batch = rows.by_ref().take(BATCH).collect::<Result<Vec<_>>>()?;
        if batch.is_empty() {
            break;
        }
        let mut answers = [const { Vec::new() }; N];
        for ((engine, answers), speed) in iter::zip(&engines, &mut answers).zip(&mut speeds) {
            let start = Instant::now();
            *answers = classify(engine, &batch).map_err(|error| at_row(error, &batch))?;
            speed.time += start.elapsed();
            speed.texts += batch.len();
            speed.tokens += answers.iter().map(|answer| answer.tokens).sum::<usize>();
        }
        for (i, row) in batch.iter().enumerate() {
            each(row, answers.each_ref().map(|answers| &answers[i]))?;
        }
        let texts = speeds[0].texts;
        let rate = texts as f64 / start.elapsed().as_secs_f64();
        bar.set_message(format!("{} texts, {rate:.0}/s", HumanCount(texts as u64)));
    }
    bar.finish_and_clear();
    Ok(speeds)
}

/// The labels that the row has.
pub(crate) fn truth(task: &Task, row: &Row) -> Result<LabelSet> {
    let label = row.label.as_ref().ok_or_else(|| anyhow!("{}: no label", row.place))?;
    task.names.parse(label).map_err(|reason| anyhow!("{}: {reason}", row.place))
}
