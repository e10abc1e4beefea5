//! A model's files, open, whatever they are: what each task finds in them.

use std::path::{Path, PathBuf};

use super::{
    packed::PackedModel,
    sentence::{CrossEncoder, Sentence},
};
use crate::{
    config::Config,
    error::{Error, Result},
};

/// A checkpoint directory, or a packed file.
#[derive(Debug)]
pub(crate) enum Opened {
    Directory(PathBuf),
    Packed(Box<PackedModel>),
}

impl Opened {
    pub(crate) fn at(path: &Path) -> Result<Self> {
        if std::fs::metadata(path).map_err(Error::io(path))?.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        Ok(Self::Packed(Box::new(PackedModel::open(path)?)))
    }

    pub(crate) fn config(&self) -> Result<Config> {
        match self {
            Self::Directory(dir) => Config::from_dir(dir),
            Self::Packed(model) => Ok(model.config.clone()),
        }
    }

    /// How vectors are made, where the files say so; of a directory of sentence-transformers the encoder's is left.
    pub(crate) fn sentence(self) -> Result<(Self, Option<Sentence>)> {
        match self {
            Self::Directory(dir) => match Sentence::open(&dir)? {
                Some(sentence) => Ok((Self::Directory(sentence.encoder.clone()), Some(sentence))),
                None => Ok((Self::Directory(dir), None)),
            },
            Self::Packed(mut model) => {
                let sentence = model.sentence.take();
                Ok((Self::Packed(model), sentence))
            }
        }
    }

    /// What is said of a cross-encoder beside its configuration.
    pub(crate) fn cross_encoder(&self) -> Result<CrossEncoder> {
        match self {
            Self::Directory(dir) => CrossEncoder::open(dir),
            Self::Packed(model) => Ok(model.cross_encoder.clone().unwrap_or_default()),
        }
    }
}
