//! What a model can be used for.

use std::{fmt, path::Path};

use super::zero_shot::entailment_of;
use crate::{
    checkpoint::{opened::Opened, sentence::CrossEncoder},
    config::{Config, Head},
    error::Result,
};

/// A task, by the command for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// Labels of a text or a pair of texts: [`Engine`](crate::Engine).
    Classify,
    /// A vector of a text: [`Embedder`](crate::Embedder).
    Embed,
    /// How well documents answer a query: [`Reranker`](crate::Reranker).
    Rerank,
    /// Labels that a model was not trained on: [`ZeroShot`](crate::ZeroShot).
    ZeroShot,
    /// Entities in a text: [`Tagger`](crate::Tagger).
    Tag,
    /// Answers to questions, as they stand in a text: [`Reader`](crate::Reader).
    Answer,
    /// Words for what is masked: [`MaskFiller`](crate::MaskFiller).
    FillMask,
}

impl Task {
    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::Embed => "embed",
            Self::Rerank => "rerank",
            Self::ZeroShot => "zero-shot",
            Self::Tag => "tag",
            Self::Answer => "answer",
            Self::FillMask => "fill-mask",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the model at `path` can be used for, what it was made for first. Looks at its configuration, not at its weights.
///
/// ```
/// use nimbert::{Task, tasks};
///
/// let found = tasks("src/demo/model.nimbert")?;
/// assert_eq!(found, [Task::Classify, Task::Embed]);
/// # Ok::<(), nimbert::Error>(())
/// ```
///
/// # Errors
/// When there is no model, or one of a kind that is not computed.
pub fn tasks(path: impl AsRef<Path>) -> Result<Vec<Task>> {
    let opened = Opened::at(path.as_ref())?;
    if opened.is_cross_encoder() {
        return Ok(of_cross_encoder(&opened.cross_encoder(), &opened.config()?));
    }
    let is_classifier = opened.is_classifier();
    match opened.sentence() {
        // What is said of vectors is not computed here. Labels are.
        Err(_) if is_classifier => Ok(vec![Task::Classify]),
        found => found.and_then(|(encoder, sentence)| Ok(of_model(&encoder.config()?, sentence.is_some()))),
    }
}

/// Those of a model that gives a text one number.
pub(super) fn of_cross_encoder(said: &Result<CrossEncoder>, config: &Config) -> Vec<Task> {
    let activation = config.sequence().is_some_and(|head| head.activation.is_some());
    let mut tasks = vec![Task::Classify, Task::Rerank, Task::Embed];
    // Where something else is said, rerank will tell of it.
    if said.as_ref().is_ok_and(|said| *said != CrossEncoder::default() || activation) {
        tasks.swap(0, 1);
    }
    tasks
}

/// Those of another one, whose files say how vectors are made, or do not.
pub(super) fn of_model(config: &Config, has_vectors: bool) -> Vec<Task> {
    match &config.head {
        _ if has_vectors => vec![Task::Embed],
        Head::Sequence(head) if entailment_of(&head.labels).is_some() => {
            vec![Task::Classify, Task::ZeroShot, Task::Embed]
        }
        Head::Sequence(_) => vec![Task::Classify, Task::Embed],
        Head::Token { .. } => vec![Task::Tag, Task::Embed],
        Head::Span => vec![Task::Answer, Task::Embed],
        Head::Masked { .. } => vec![Task::FillMask, Task::Embed],
        Head::Encoder { .. } => vec![Task::Embed],
    }
}
