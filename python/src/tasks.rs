//! What a task finds, as tuples of which the package makes dictionaries.

use nimbert::{AnyTask, FillOptions, Hypotheses, ReadOptions, TagOptions};
use pyo3::{prelude::*, pybacked::PyBackedStr};

use crate::{
    errors::{option, raise},
    input,
    run::in_parts,
};

/// Texts at a time where their tokens are not counted before.
const PART: usize = 16;

/// Label, score, index of a token, word, start and end.
pub(crate) type Entity = (String, f32, Option<usize>, String, usize, usize);
/// Score, start, end and text.
pub(crate) type Answer = (f32, usize, usize, String);
/// Score, id, token and sequence.
pub(crate) type Word = (f32, u32, String, String);

/// Entities of each text.
pub(crate) fn tag(
    py: Python<'_>,
    model: &AnyTask,
    texts: &Bound<'_, PyAny>,
    aggregation: &str,
    ignore_labels: Option<Vec<String>>,
    stride: Option<usize>,
) -> PyResult<Vec<Vec<Entity>>> {
    let tagger = model.tagger.as_ref().map_err(|error| raise(py, error.clone(), 0))?;
    let aggregation = aggregation
        .parse()
        .map_err(|reason: String| option(py, &format!("aggregation_strategy: {reason}")))?;
    let mut options = TagOptions::default().aggregation(aggregation).stride(stride);
    if let Some(labels) = ignore_labels {
        options = options.ignore_labels(labels);
    }
    tagger.check(&options).map_err(|error| raise(py, error, 0))?;
    let texts = input::texts(texts)?;
    let found = in_parts(py, texts.len(), PART, |part| tagger.tag(&strs(&texts[part]), &options))?;
    let entity = |entity: nimbert::Entity| {
        (entity.label, entity.score, entity.index, entity.word, entity.start, entity.end)
    };
    Ok(found.into_iter().map(|text| text.entities.into_iter().map(entity).collect()).collect())
}

/// Answers to each question, in its context.
pub(crate) fn answer(
    py: Python<'_>,
    model: &AnyTask,
    questions: &Bound<'_, PyAny>,
    contexts: &Bound<'_, PyAny>,
    max_seq_len: Option<usize>,
    options: &ReadOptions,
) -> PyResult<Vec<Vec<Answer>>> {
    let reader = model.reader.as_ref().map_err(|error| raise(py, error.clone(), 0))?;
    let reader = max_seq_len.map_or_else(|| Ok(reader.clone()), |tokens| reader.with_window(tokens));
    let reader = reader.map_err(|error| raise(py, error, 0))?;
    let questions = input::texts(questions)?;
    let contexts = input::pairs(Some(contexts), &questions)?.unwrap_or_default();
    // A context may have many windows.
    let found = in_parts(py, questions.len(), 1, |part| {
        let pairs: Vec<_> = part.map(|index| (&*questions[index], &*contexts[index])).collect();
        reader.answer(&pairs, options)
    })?;
    let answer = |answer: nimbert::Answer| (answer.score, answer.start, answer.end, answer.text);
    Ok(found.into_iter().map(|found| found.answers.into_iter().map(answer).collect()).collect())
}

/// Words for each mask of each text.
pub(crate) fn fill(
    py: Python<'_>,
    model: &AnyTask,
    texts: &Bound<'_, PyAny>,
    top_k: usize,
    targets: Option<Vec<String>>,
) -> PyResult<Vec<Vec<Vec<Word>>>> {
    let filler = model.filler.as_ref().map_err(|error| raise(py, error.clone(), 0))?;
    let targets = targets.map(|words| filler.targets(&words.iter().map(String::as_str).collect::<Vec<_>>()));
    let targets = targets.transpose().map_err(|error| raise(py, error, 0))?;
    let options = FillOptions::default().top_k(top_k).targets(targets);
    let texts = input::texts(texts)?;
    let found = in_parts(py, texts.len(), PART, |part| filler.fill(&strs(&texts[part]), &options))?;
    let word = |word: nimbert::Filled| (word.score, word.id, word.token, word.sequence);
    let mask = |mask: Vec<nimbert::Filled>| mask.into_iter().map(word).collect();
    Ok(found.into_iter().map(|text| text.masks.into_iter().map(mask).collect()).collect())
}

/// Labels by their places, the best first, of each text.
pub(crate) fn rank_labels(
    py: Python<'_>,
    model: &AnyTask,
    texts: &Bound<'_, PyAny>,
    hypotheses: &Hypotheses,
) -> PyResult<Vec<Vec<(usize, f32)>>> {
    let zero_shot = model.zero_shot.as_ref().map_err(|error| raise(py, error.clone(), 0))?;
    let texts = input::texts(texts)?;
    // Each text is as many rows as there are labels.
    let part = PART.div_ceil(hypotheses.count().max(1));
    let found = in_parts(py, texts.len(), part, |part| zero_shot.rank(&strs(&texts[part]), hypotheses))?;
    let label = |label: &nimbert::Hypothesis| (label.index, label.score);
    Ok(found.iter().map(|text| text.labels.iter().map(label).collect()).collect())
}

fn strs(texts: &[PyBackedStr]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}
