//! Tasks as options name them.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use nimbert::{EmbedOptions, Embedder, Engine, MaskFiller, Options, Reader, Tagger, Task};

use crate::progress;

/// What a model is measured by.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TaskName {
    /// Labels of texts
    Classify,
    /// Vectors of texts
    Embed,
    /// The order of documents for queries
    Rerank,
    /// Entities in texts
    Tag,
    /// Answers to questions
    Answer,
    /// Words for masks
    FillMask,
}

impl From<TaskName> for Task {
    fn from(name: TaskName) -> Self {
        match name {
            TaskName::Classify => Self::Classify,
            TaskName::Embed => Self::Embed,
            TaskName::Rerank => Self::Rerank,
            TaskName::Tag => Self::Tag,
            TaskName::Answer => Self::Answer,
            TaskName::FillMask => Self::FillMask,
        }
    }
}

/// A model with the head that a task reads.
pub(crate) fn engine_for(task: Task, path: &Path, options: Options) -> Result<Engine> {
    progress::during("loading the model", || {
        Ok(match task {
            Task::Embed => Embedder::load(path, options, EmbedOptions::default())?.engine().clone(),
            Task::Tag => Tagger::load(path, options)?.engine().clone(),
            Task::Answer => Reader::load(path, options)?.engine().clone(),
            Task::FillMask => MaskFiller::load(path, options)?.engine().clone(),
            _ => Engine::load(path, options)?,
        })
    })
}

/// What the model at `path` was made for.
pub(crate) fn made_for(path: &Path) -> Result<Task> {
    Ok(nimbert::tasks(path)?[0])
}
