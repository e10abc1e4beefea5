//! Any checkpoint that is read here, as the directory that `save_pretrained` writes today.

use std::{borrow::Cow, cell::RefCell, collections::HashMap, fs, io, path::Path};

use safetensors::{Dtype, SafeTensorError, View, serialize_to_file};

use crate::{
    config::Config,
    error::{Error, Result},
    temporary,
    weights::{Raw, Weights},
};

const WEIGHTS: &str = "model.safetensors";
/// What is copied where it is there: the configuration first.
const OTHERS: [&str; 6] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
    "added_tokens.json",
];

/// What [`import`] has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportSummary {
    /// Tensors in `model.safetensors`.
    pub tensors: usize,
    /// The size of `model.safetensors`.
    pub bytes: u64,
}

/// Writes the checkpoint in the directory `source` (`pytorch_model.bin` or shards of it, or safetensors) as `out`, a
/// directory with `model.safetensors`, `config.json` and the tokenizer's files. Names, shapes and numbers stay as they are.
/// `out` may be `source` itself, which then gets a `model.safetensors`.
///
/// `progress` is told how many bytes of tensors are written, of how many. The weights appear under their name when they are
/// complete, and last: on an error there is no `model.safetensors` that was not there before.
///
/// # Errors
/// If the source cannot be read or is not a BERT classifier's, `out` has a `model.safetensors` already, or a file can't be
/// written.
pub fn import(source: &Path, out: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<ImportSummary> {
    let weights = Weights::open_dir(source)?;
    let config = source.join(OTHERS[0]);
    Config::from_json(&fs::read(&config).map_err(Error::io(&config))?, &config)?;
    let target = out.join(WEIGHTS);
    if target.exists() {
        let there = io::Error::new(io::ErrorKind::AlreadyExists, "is there already");
        return Err(Error::io(target)(there));
    }
    fs::create_dir_all(out).map_err(Error::io(out))?;
    copy_others(source, out)?;

    let total = weights.tensors().map(|(_, tensor)| tensor.bytes.len() as u64).sum();
    let written = RefCell::new((0, progress));
    let note = |bytes: u64| {
        let (done, progress) = &mut *written.borrow_mut();
        *done += bytes;
        progress(*done, total);
    };
    let tensors: Vec<_> =
        weights.tensors().map(|(name, tensor)| (name, Noted { tensor, note: &note })).collect();
    let count = tensors.len();
    let file = temporary::beside(&target)?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    serialize_to_file(tensors, Some(metadata), file.path()).map_err(|error| match error {
        SafeTensorError::IoError(error) => Error::io(&target)(error),
        other => Error::weights(&target, other.to_string()),
    })?;
    file.as_file().sync_all().map_err(Error::io(&target))?;
    let bytes = file.as_file().metadata().map_err(Error::io(&target))?.len();
    file.persist(&target).map_err(|error| Error::io(&target)(error.error))?;
    Ok(ImportSummary { tensors: count, bytes })
}

fn copy_others(source: &Path, out: &Path) -> Result<()> {
    let is_same = source.canonicalize().ok() == out.canonicalize().ok();
    for name in OTHERS.into_iter().filter(|_| !is_same) {
        let (from, to) = (source.join(name), out.join(name));
        if from.exists() {
            fs::copy(&from, &to).map_err(Error::io(&to))?;
        }
    }
    Ok(())
}

/// A tensor that says when it is written.
struct Noted<'a> {
    tensor: Raw<'a>,
    note: &'a dyn Fn(u64),
}

impl View for Noted<'_> {
    fn dtype(&self) -> Dtype {
        self.tensor.dtype
    }

    fn shape(&self) -> &[usize] {
        self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        (self.note)(self.tensor.bytes.len() as u64);
        Cow::Borrowed(self.tensor.bytes)
    }

    fn data_len(&self) -> usize {
        self.tensor.bytes.len()
    }
}
