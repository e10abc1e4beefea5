//! What is measured of a model: forwards from token ids to what its task makes of them.

use std::hint::black_box;

use anyhow::Result;
use clap::ValueEnum;
use nimbert::{
    EmbedOptions, Embedder, Encoding, Engine, FillOptions, MaskFiller, Options, Pooling, Preset, ReadOptions,
    Reader, Tagger, Work,
};
use serde::{Deserialize, Serialize};

use crate::{model::ModelArgs, progress};

/// Tokens of a window before its context: `[CLS]`, a question of 12, and `[SEP]`.
const QUESTION: usize = 14;

/// Where a forward ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    /// At the logits of a sequence classifier
    #[default]
    Classify,
    /// At the pooled vector of a text
    Embed,
    /// At the logits of every token
    Tag,
    /// At the best span of a question, whose windows the texts are
    Answer,
    /// At the best five words for one mask in each text
    FillMask,
}

/// A model that is loaded for its task.
pub(super) enum Forward {
    Logits(Engine),
    Vectors(Box<Embedder>),
    TokenLogits(Tagger),
    Span(Reader),
    Words(MaskFiller),
}

/// Texts that are given to a model at once: from their ids to answers, which are thrown away.
pub(super) type Batch<'a> = Box<dyn Fn() -> Result<()> + 'a>;

impl From<Task> for nimbert::Task {
    fn from(task: Task) -> Self {
        match task {
            Task::Classify => Self::Classify,
            Task::Embed => Self::Embed,
            Task::Tag => Self::Tag,
            Task::Answer => Self::Answer,
            Task::FillMask => Self::FillMask,
        }
    }
}

impl Task {
    pub(super) fn name(self) -> &'static str {
        nimbert::Task::from(self).name()
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
        let options = named.options(options);
        if let (None, Some(path)) = (preset, named.path()) {
            return progress::during("loading the model", || {
                Ok(match task {
                    Task::Classify => Self::Logits(Engine::load(path, options)?),
                    Task::Embed => Self::Vectors(Embedder::load(path, options, how)?.into()),
                    Task::Tag => Self::TokenLogits(Tagger::load(path, options)?),
                    Task::Answer => Self::Span(Reader::load(path, options)?),
                    Task::FillMask => Self::Words(MaskFiller::load(path, options)?),
                })
            });
        }
        let engine = match preset {
            Some(preset) => {
                let make = || Engine::preset(preset, task.into(), options);
                progress::during("making up the model", make)?
            }
            None => named.load(options)?,
        };
        Ok(match task {
            Task::Classify => Self::Logits(engine),
            Task::Embed => Self::Vectors(Embedder::new(engine, how)?.into()),
            Task::Tag => Self::TokenLogits(Tagger::new(engine)?),
            Task::Answer => Self::Span(Reader::new(engine)?),
            Task::FillMask => Self::Words(MaskFiller::new(engine)?),
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        match self {
            Self::Logits(engine) => engine,
            Self::Vectors(embedder) => embedder.engine(),
            Self::TokenLogits(tagger) => tagger.engine(),
            Self::Span(reader) => reader.engine(),
            Self::Words(filler) => filler.engine(),
        }
    }

    pub(super) fn task(&self) -> Task {
        match self {
            Self::Logits(_) => Task::Classify,
            Self::Vectors(_) => Task::Embed,
            Self::TokenLogits(_) => Task::Tag,
            Self::Span(_) => Task::Answer,
            Self::Words(_) => Task::FillMask,
        }
    }

    /// The names of an embedder's poolings, with a plus where vectors are concatenated.
    pub(super) fn pooling(&self) -> Option<String> {
        let Self::Vectors(embedder) = self else { return None };
        Some(embedder.pooling().iter().map(|pooling| pooling.name()).collect::<Vec<_>>().join("+"))
    }

    /// Texts of these ids, ready to be run; each run fails with the first error of a text.
    pub(super) fn batch(&self, texts: Vec<Vec<u32>>) -> Batch<'_> {
        match self {
            Self::Logits(engine) => {
                let rows = rows(texts);
                Box::new(move || all(engine.logits(&rows)))
            }
            Self::Vectors(embedder) => {
                let rows = rows(texts);
                Box::new(move || all(embedder.vectors(&rows)))
            }
            Self::TokenLogits(tagger) => {
                let rows = rows(texts);
                Box::new(move || all(tagger.logits(&rows)))
            }
            Self::Span(reader) => {
                let windows = windows(texts);
                Box::new(move || all([reader.span(&windows, &ReadOptions::default())]))
            }
            Self::Words(filler) => {
                let rows = rows(masked(texts, filler.mask()));
                Box::new(move || all(filler.fill_rows(&rows, &FillOptions::default())))
            }
        }
    }

    /// What has to be done for rows of so many tokens.
    pub(super) fn work(&self, lengths: &[usize]) -> Work {
        match self {
            Self::Vectors(embedder) => embedder.work(lengths),
            _ => self.engine().work(lengths),
        }
    }
}

/// The first error of a text.
fn all<A>(answers: impl IntoIterator<Item = nimbert::Result<A>>) -> Result<()> {
    for answer in answers {
        black_box(answer?);
    }
    Ok(())
}

fn rows(texts: Vec<Vec<u32>>) -> Vec<Encoding> {
    let row = |token_ids: Vec<u32>| Encoding {
        token_type_ids: vec![0; token_ids.len()],
        token_ids,
        truncated: false,
    };
    texts.into_iter().map(row).collect()
}

/// Rows that are a question and a part of its context; of short ones half is.
fn windows(texts: Vec<Vec<u32>>) -> Vec<Encoding> {
    let mut windows = rows(texts);
    for Encoding { token_type_ids, .. } in &mut windows {
        let question = QUESTION.min(token_type_ids.len() / 2);
        token_type_ids[question..].fill(1);
    }
    windows
}

/// With one mask each, in the middle.
fn masked(mut texts: Vec<Vec<u32>>, mask: u32) -> Vec<Vec<u32>> {
    for ids in &mut texts {
        // One that is there by chance becomes any other word.
        ids.iter_mut().filter(|id| **id == mask).for_each(|id| *id = u32::from(mask == 0));
        let middle = ids.len() / 2;
        ids[middle] = mask;
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_text_has_one_mask_in_its_middle() {
        assert_eq!(masked(vec![vec![4, 7, 8, 4, 9], vec![5]], 4), [vec![0, 7, 4, 0, 9], vec![4]]);
        assert_eq!(masked(vec![vec![0, 0]], 0), [[1, 0]]);
    }

    #[test]
    fn a_window_has_a_question_and_a_context() {
        let context = |tokens: usize| windows(vec![vec![9; tokens]])[0].token_type_ids.iter().sum::<u32>();
        assert_eq!((context(384), context(8), context(1)), (370, 4, 1));
    }
}
