//! Any checkpoint that is read here, as the directory that `save_pretrained` writes today.

use std::{
    cmp::Reverse,
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde_json::json;

use super::weights::{Raw, Weights, write_header};
use crate::{
    config::Config,
    error::{Error, Result},
    files::temporary::{Directories, Temporary},
    plan::{Part, Plan},
};

const WEIGHTS: &str = "model.safetensors";
/// Bytes that are written at a time.
const BUFFER: usize = 1 << 20;
/// What a checkpoint has beside its weights: the configuration first, then the tokenizer's files.
pub(crate) const COMPANIONS: [&str; 6] = [
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
/// `progress` is told how many bytes of tensors are written, of how many. Every file appears under its name when it is
/// complete, the weights last; nothing that is there is replaced, and on an error nothing new stays.
///
/// # Errors
/// If the source cannot be read, or lacks the words or the classifier that its `config.json` tells of; if `out` has a
/// `model.safetensors`, or another configuration or tokenizer; or if a file can't be written.
pub fn import(source: &Path, out: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<ImportSummary> {
    let modules = source.join("modules.json");
    if modules.exists() && !is_there(&out.join("modules.json"))? {
        let reason =
            "a directory of sentence-transformers has more than is written here: import it into itself";
        return Err(Error::config(modules, "type", reason));
    }
    let weights = Weights::open_dir(source)?;
    check_ends(&weights, &Config::from_dir(source)?.plan())?;
    check_size(&weights, source)?;
    let target = out.join(WEIGHTS);
    if is_there(&target)? {
        return Err(there(&target, "is there already"));
    }
    let companions = companions(source, out)?;

    let _directories = Directories::create(out).map_err(Error::io(out))?;
    let (weights, summary) = write(&weights, &target, progress)?;
    let mut files = Vec::new();
    for (path, bytes) in companions {
        let mut file = Temporary::beside(&path).map_err(Error::io(&path))?;
        file.write_all(&bytes).map_err(Error::io(&path))?;
        files.push((path, file));
    }
    files.push((target, weights));
    give_names(files)?;
    Ok(summary)
}

/// All of them or, as far as it can be helped, none.
fn give_names(files: Vec<(PathBuf, Temporary)>) -> Result<()> {
    let mut named: Vec<PathBuf> = Vec::new();
    for (path, file) in files {
        if let Err(error) = file.create() {
            for path in named {
                let _ = fs::remove_file(path);
            }
            return Err(Error::io(path)(error));
        }
        named.push(path);
    }
    Ok(())
}

/// Tensors may share numbers in PyTorch's files; written out, tied ones double a file, and more is no model.
fn check_size(weights: &Weights, source: &Path) -> Result<()> {
    let written: u64 = weights.tensors().map(|(_, tensor)| tensor.bytes.len() as u64).sum();
    let read: u64 = weights.files().map(|(_, bytes, _)| bytes.len() as u64).sum();
    if written > 2 * read {
        let reason = format!("its tensors share numbers: written out, its {read} bytes would be {written}");
        return Err(Error::weights(source, reason));
    }
    Ok(())
}

/// Configuration and tokenizer, with the place of each; not those that are there already as they should be.
fn companions(source: &Path, out: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    for (from, to) in COMPANIONS.map(|name| (source.join(name), out.join(name))) {
        if !is_there(&from)? {
            continue;
        }
        let bytes = fs::read(&from).map_err(Error::io(&from))?;
        if !is_there(&to)? {
            files.push((to, bytes));
        } else if fs::read(&to).map_err(Error::io(&to))? != bytes {
            return Err(there(&to, "is there already, and is not the checkpoint's"));
        }
    }
    Ok(files)
}

/// The first matrix and the last: what a configuration of another model tells otherwise.
fn check_ends(weights: &Weights, plan: &Plan) -> Result<()> {
    let words = &plan.embeddings.words;
    weights.get(&words.name, &[words.rows, words.columns])?;
    if let Some(Part::Matmul(last)) = plan.parts().last() {
        weights.get(&format!("{}.weight", last.name), &[last.n, last.k])?;
    }
    Ok(())
}

/// A link to nothing is something too.
fn is_there(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        about => about.map(|_| true).map_err(Error::io(path)),
    }
}

fn there(path: &Path, reason: &str) -> Error {
    Error::io(path)(io::Error::new(io::ErrorKind::AlreadyExists, reason.to_owned()))
}

/// The weights, complete but for the name `target`.
fn write(
    weights: &Weights,
    target: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(Temporary, ImportSummary)> {
    let mut tensors: Vec<_> = weights.tensors().collect();
    // The widest numbers first: then all of them are aligned, as other readers may expect.
    tensors.sort_by_key(|(name, tensor)| (Reverse(tensor.dtype.bitsize()), *name));
    let temporary = Temporary::beside(target).map_err(Error::io(target))?;
    let mut out = BufWriter::with_capacity(BUFFER, temporary);
    let entries = tensors.iter().map(|(name, tensor)| {
        let Raw { dtype, shape, bytes } = tensor;
        (*name, dtype.to_string(), *shape, bytes.len())
    });
    let header = write_header(entries, json!({ "format": "pt" }), 8);
    out.write_all(&header).map_err(Error::io(target))?;
    let total: u64 = tensors.iter().map(|(_, tensor)| tensor.bytes.len() as u64).sum();
    let mut done = 0;
    // By way of the buffer, which is larger than a piece: written from the map, a source that is cut short meanwhile would
    // be an error of the target.
    for piece in tensors.iter().flat_map(|(_, tensor)| tensor.bytes.chunks(BUFFER / 2)) {
        out.write_all(piece).map_err(Error::io(target))?;
        done += piece.len() as u64;
        progress(done, total);
    }
    let temporary = out.into_inner().map_err(|error| Error::io(target)(error.into_error()))?;
    let bytes = header.len() as u64 + total;
    Ok((temporary, ImportSummary { tensors: tensors.len(), bytes }))
}
