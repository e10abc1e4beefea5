//! What a directory of sentence-transformers has beside its model, on the way into a packed file.

use std::path::Path;

use super::format::{CROSS_ENCODER, SENTENCE};
use crate::{
    checkpoint::sentence::{CrossEncoder, Dense, Sentence, Step},
    config::Config,
    error::Result,
    plan::Matmul,
};

/// Of which kind a directory is.
pub(super) enum Modules {
    /// Of transformers: nothing beside the model.
    None,
    Sentence(Sentence),
    CrossEncoder(CrossEncoder),
}

impl Modules {
    pub(super) fn of(dir: &Path) -> Result<Self> {
        if !CrossEncoder::is_one(dir) {
            return Ok(Sentence::open(dir)?.map_or(Self::None, Self::Sentence));
        }
        let said = CrossEncoder::open(dir)?;
        Ok(if said == CrossEncoder::default() { Self::None } else { Self::CrossEncoder(said) })
    }

    /// Where the encoder is, and what is packed of it.
    pub(super) fn encoder<'a>(&'a self, dir: &'a Path) -> Result<(&'a Path, Config)> {
        match self {
            Self::Sentence(sentence) => {
                let config = Config::from_dir(&sentence.encoder)?;
                Ok((&sentence.encoder, config.encoder_alone()))
            }
            Self::None | Self::CrossEncoder(_) => Ok((dir, Config::from_dir(dir)?)),
        }
    }

    /// The dense layers, each with its plan.
    pub(super) fn dense(&self) -> impl Iterator<Item = (&Dense, Matmul)> {
        let steps = if let Self::Sentence(sentence) = self { sentence.steps.as_slice() } else { &[] };
        steps.iter().enumerate().filter_map(|(i, step)| match step {
            Step::Dense(dense) => Some((dense, dense.plan(i))),
            Step::Normalize => None,
        })
    }

    /// The key in the metadata, which is also the file's need, and the value.
    pub(super) fn to_metadata(&self) -> Option<(&'static str, String)> {
        let (key, value) = match self {
            Self::None => return None,
            Self::Sentence(sentence) => (SENTENCE, serde_json::to_string(sentence)),
            Self::CrossEncoder(said) => (CROSS_ENCODER, serde_json::to_string(said)),
        };
        Some((key, value.expect("strings, numbers and flags are always JSON")))
    }
}
