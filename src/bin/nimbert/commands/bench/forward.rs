//! What is measured of a model: forwards to logits, or to vectors.

use anyhow::Result;
use clap::ValueEnum;
use nimbert::{EmbedOptions, Embedder, Encoding, Engine, Options, Pooling, Preset, Work};
use serde::{Deserialize, Serialize};

use crate::{model::ModelArgs, progress};

/// Where a forward ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Task {
    /// At the logits of a sequence classifier
    #[default]
    Classify,
    /// At the pooled vector of a text
    Embed,
}

/// A model that is loaded for its task.
pub(super) enum Forward {
    Logits(Engine),
    Vectors(Box<Embedder>),
}

impl Task {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::Embed => "embed",
        }
    }

    pub(super) fn is_classify(&self) -> bool {
        *self == Self::Classify
    }
}

impl Forward {
    /// Loads what the options name, or makes up a preset.
    ///
    /// # Errors
    /// As loading, and when the model has a pooling of its own and another one is asked for.
    pub(super) fn load(
        task: Task,
        preset: Option<Preset>,
        named: &ModelArgs,
        pooling: Option<Pooling>,
        options: Options,
    ) -> Result<Self> {
        let how = EmbedOptions::default().pooling(pooling);
        if let (Task::Embed, None, Some(path)) = (task, preset, named.path()) {
            let load = || Embedder::load(path, named.options(options), how);
            return Ok(Self::Vectors(progress::during("loading the model", load)?.into()));
        }
        let engine = match preset {
            Some(preset) => {
                let make = || Engine::preset(preset, named.options(options));
                progress::during("making up the model", make)?
            }
            None => named.load(options)?,
        };
        Ok(match task {
            Task::Classify => Self::Logits(engine),
            Task::Embed => Self::Vectors(Embedder::new(engine, how)?.into()),
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        match self {
            Self::Logits(engine) => engine,
            Self::Vectors(embedder) => embedder.engine(),
        }
    }

    pub(super) fn task(&self) -> Task {
        match self {
            Self::Logits(_) => Task::Classify,
            Self::Vectors(_) => Task::Embed,
        }
    }

    /// The names of an embedder's poolings, with a plus where vectors are concatenated.
    pub(super) fn pooling(&self) -> Option<String> {
        let Self::Vectors(embedder) = self else { return None };
        Some(embedder.pooling().iter().map(|pooling| pooling.name()).collect::<Vec<_>>().join("+"))
    }

    /// From token ids to answers, which are thrown away.
    ///
    /// # Errors
    /// The first of a row.
    pub(super) fn run(&self, rows: &[Encoding]) -> Result<()> {
        let answers = match self {
            Self::Logits(engine) => engine.logits(rows),
            Self::Vectors(embedder) => embedder.vectors(rows),
        };
        std::hint::black_box(answers).into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }

    /// What has to be done for rows of so many tokens.
    pub(super) fn work(&self, lengths: &[usize]) -> Work {
        match self {
            Self::Logits(engine) => engine.work(lengths),
            Self::Vectors(embedder) => embedder.work(lengths),
        }
    }
}
