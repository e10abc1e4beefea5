//! A model's files, open, whatever they are: what each task finds in them.

use std::path::{Path, PathBuf};

use super::{
    packed::PackedModel,
    sentence::{CrossEncoder, Sentence},
    weights::Bytes,
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

/// What errors call a model that is no file.
pub(crate) const IN_MEMORY: &str = "model in memory";

impl Opened {
    pub(crate) fn at(path: &Path) -> Result<Self> {
        if std::fs::metadata(path).map_err(Error::io(path))?.is_dir() {
            return Ok(Self::Directory(path.to_owned()));
        }
        Ok(Self::Packed(Box::new(PackedModel::open(path)?)))
    }

    /// A packed file that starts on a 64-byte boundary.
    pub(crate) fn in_memory(bytes: &'static [u8]) -> Result<Self> {
        let model = PackedModel::from_bytes(Bytes::from_static(bytes), Path::new(IN_MEMORY))?;
        Ok(Self::Packed(Box::new(model)))
    }

    /// Whether it gives a text one number, and nothing is said of vectors.
    pub(crate) fn is_cross_encoder(&self) -> bool {
        match self {
            Self::Directory(dir) => CrossEncoder::is_one(dir),
            Self::Packed(model) => model.config.sequence().is_some_and(|sequence| sequence.labels.len() == 1),
        }
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

    /// Whether a classifier can be read of it, whatever else is there.
    pub(crate) fn is_classifier(&self) -> bool {
        self.config().is_ok_and(|config| config.sequence().is_some())
    }

    /// What is said of a cross-encoder beside its configuration; not more tokens than it has positions for.
    pub(crate) fn cross_encoder(&self) -> Result<CrossEncoder> {
        let mut said = match self {
            Self::Directory(dir) => CrossEncoder::open(dir)?,
            Self::Packed(model) => model.cross_encoder.clone().unwrap_or_default(),
        };
        let positions = self.config()?.encoder.max_tokens();
        said.max_tokens = said.max_tokens.map(|most| most.min(positions));
        Ok(said)
    }
}
