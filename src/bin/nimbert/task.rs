//! Tasks as options name them.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use nimbert::Task;

/// What a model is measured by.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TaskName {
    /// Labels of texts
    Classify,
    /// Vectors of texts
    Embed,
    /// The order of documents for queries
    Rerank,
}

impl From<TaskName> for Task {
    fn from(name: TaskName) -> Self {
        match name {
            TaskName::Classify => Self::Classify,
            TaskName::Embed => Self::Embed,
            TaskName::Rerank => Self::Rerank,
        }
    }
}

/// What the model at `path` was made for.
pub(crate) fn made_for(path: &Path) -> Result<Task> {
    Ok(nimbert::tasks(path)?[0])
}
