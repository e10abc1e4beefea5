//! A checkpoint's tensors: memory-mapped files, names and shapes checked on look-up.

mod advice;
mod bytes;
mod gather;
mod header;
mod index;
mod kind;
mod pickle;
mod pytorch;
mod tensor;
#[cfg(test)]
mod tests;
mod zip;

use std::{
    collections::HashMap,
    fs, iter,
    path::{Path, PathBuf},
};

use safetensors::Dtype as FileDtype;

pub(crate) use self::{
    bytes::Bytes,
    gather::gather,
    header::write_header,
    kind::kind,
    tensor::{Dtype, Tensor},
};
use self::{header::Header, pytorch::Place};
#[doc(hidden)]
pub use self::{header::fuzz_safetensors, pytorch::fuzz_pytorch};
use super::numbers::{self, Lost};
use crate::{
    error::{Error, Result},
    family::PREFIXES,
    memory,
};

/// The kinds of files that weights come in, the preferred one first, each with the name of a single file; shards are listed
/// in a file of this name with [`INDEX`].
const KINDS: [(Kind, &str); 2] =
    [(Kind::Safetensors, "model.safetensors"), (Kind::PyTorch, "pytorch_model.bin")];
const INDEX: &str = ".index.json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Safetensors,
    PyTorch,
}

/// One file.
#[derive(Debug)]
struct Shard {
    path: PathBuf,
    bytes: Bytes,
    /// Bytes before the first tensor.
    data_start: usize,
}

/// A tensor, where it lies in its file, or for a view that is not row-major in memory.
#[derive(Debug)]
struct Entry {
    name: String,
    dtype: FileDtype,
    shape: Vec<usize>,
    shard: usize,
    bytes: Bytes,
}

/// A tensor as its file has it, row-major.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) dtype: FileDtype,
    pub(crate) shape: &'a [usize],
    pub(crate) bytes: &'a [u8],
}

/// A checkpoint's tensors, from one file, from shards or from memory. The headers are checked in full before any
/// tensor is handed out; the numbers are not looked at.
#[derive(Debug)]
pub(crate) struct Weights {
    path: PathBuf,
    metadata: HashMap<String, String>,
    shards: Vec<Shard>,
    /// In file order, shard after shard.
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
}

impl Weights {
    /// `model.safetensors` of a directory, else the shards that `model.safetensors.index.json` lists, else the same of
    /// `pytorch_model.bin`.
    pub(crate) fn open_dir(dir: &Path) -> Result<Self> {
        // A directory that is not there at all gets the system's own words.
        fs::metadata(dir).map_err(Error::io(dir))?;
        for (kind, name) in KINDS {
            let [single, index] = [name.to_owned(), format!("{name}{INDEX}")].map(|name| dir.join(name));
            if single.exists() {
                let mut weights = Self::empty(&single);
                weights.metadata = weights.add_file(kind, &single, |_| true)?;
                return Ok(weights);
            }
            if index.exists() {
                return Self::open_index(kind, dir, index);
            }
        }
        let [safetensors, pytorch] = KINDS.map(|(_, name)| name);
        let reason = format!(
            "neither {safetensors} nor {pytorch} is there, nor an index of shards ({safetensors}{INDEX})"
        );
        Err(Error::weights(dir, reason))
    }

    #[cfg(test)]
    /// One safetensors file, mapped.
    pub(crate) fn open_file(path: &Path) -> Result<Self> {
        Self::from_bytes(Bytes::map(path)?, path)
    }

    /// A whole safetensors file in memory. `path` only names it in errors.
    pub(crate) fn from_bytes(bytes: Bytes, path: &Path) -> Result<Self> {
        let mut weights = Self::empty(path);
        weights.metadata = weights.add_safetensors(bytes, path, |_| true)?;
        Ok(weights)
    }

    /// The key-value pairs that one file's header carries besides the tensors; empty for shards.
    pub(crate) fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// The file, or the index of the shards.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    #[cfg(test)]
    /// The tensors' own names, in file order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Whole files in the order of their names: path, bytes, and how many of these the header takes.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &Bytes, usize)> {
        self.shards.iter().map(|shard| (shard.path.as_path(), &shard.bytes, shard.data_start))
    }

    /// Every tensor's own name and bytes, whatever its type, in file order.
    pub(crate) fn raw(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.tensors().map(|(name, tensor)| (name, tensor.bytes))
    }

    /// The same with type and shape.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (&str, Raw<'_>)> {
        self.entries.iter().map(|Entry { name, dtype, shape, bytes, .. }| {
            (name.as_str(), Raw { dtype: *dtype, shape, bytes })
        })
    }

    /// Whether [`Weights::get`] would find a tensor of this name, whatever its shape.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The floats (f32, f16 or bf16) called `name`, the modern one with prefix such as
    /// `bert.encoder.layer.0.output.LayerNorm.weight`. A checkpoint may have it without its family's prefix, and
    /// LayerNorm's parameters as `gamma` and `beta`.
    pub(crate) fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.look_up(name, shape, "F32, F16 or BF16", Dtype::is_float)
    }

    /// [`Weights::get`], as numbers, all of them finite: what is not would come out as a plausible answer where numbers
    /// are rounded to bytes.
    pub(crate) fn finite(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let values = self.get(name, shape)?.to_f32()?;
        let lost = |Lost { at, reason }| self.lost(name, &place(shape, at), values[at], reason);
        numbers::finite(&values).map_err(lost)?;
        Ok(values)
    }

    /// What is wrong with the number of tensor `name` at `place`.
    pub(crate) fn lost(&self, name: &str, place: &[usize], value: f32, reason: &str) -> Error {
        let (name, path) = match self.find(name) {
            Some(Entry { name, shard, .. }) => (name.as_str(), &self.shards[*shard].path),
            None => (name, &self.path),
        };
        Error::weights(path, format!("tensor {name}{place:?} is {value:?}: {reason}"))
    }

    /// The tensor called `name`, of exactly this type.
    pub(crate) fn get_as(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Tensor> {
        self.look_up(name, shape, &dtype.to_string(), |found| found == dtype)
    }

    /// The type of the tensor called `name`, if it is there and of a known type.
    pub(crate) fn dtype(&self, name: &str) -> Option<Dtype> {
        self.find(name).and_then(|entry| Dtype::of_file(entry.dtype))
    }

    fn look_up(
        &self,
        name: &str,
        shape: &[usize],
        wanted: &str,
        fits: impl Fn(Dtype) -> bool,
    ) -> Result<Tensor> {
        let Some(entry) = self.find(name) else {
            return Err(Error::weights(
                &self.path,
                format!("tensor {name} is missing{}", self.other_names()),
            ));
        };
        let path = &self.shards[entry.shard].path;
        let own_name = &entry.name;
        if entry.shape != shape {
            let found = &entry.shape;
            let reason = format!("tensor {own_name} should have the shape {shape:?}, but has {found:?}");
            return Err(Error::weights(path, reason));
        }
        let Some(dtype) = Dtype::of_file(entry.dtype).filter(|&dtype| fits(dtype)) else {
            let found = entry.dtype;
            return Err(Error::weights(
                path,
                format!("tensor {own_name} should be {wanted}, but is {found}"),
            ));
        };
        Ok(Tensor { dtype, shape: shape.to_vec(), bytes: entry.bytes.clone() })
    }

    /// What is wrong with all names, if something is, and the command that mends it.
    fn other_names(&self) -> String {
        let names: Vec<_> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
        let Some(prefix) = advice::prefix(&names) else { return String::new() };
        let (with, all) = (names.iter().filter(|name| name.starts_with(prefix)).count(), names.len());
        let command = advice::rename_command(&self.path, prefix);
        format!("; {with} of {all} names begin with {prefix:?}; to take that away: {command}")
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        let old = ["weight", "bias"].into_iter().zip(["gamma", "beta"]).find_map(|(new, old)| {
            name.strip_suffix(new)?.strip_suffix("LayerNorm.").map(|start| format!("{start}LayerNorm.{old}"))
        });
        [Some(name), old.as_deref()]
            .into_iter()
            .flatten()
            .flat_map(|name| {
                iter::once(name).chain(PREFIXES.iter().filter_map(|prefix| name.strip_prefix(prefix)))
            })
            .find_map(|name| self.by_name.get(name))
            .map(|&at| &self.entries[at])
    }

    fn empty(path: &Path) -> Self {
        let (metadata, by_name) = (HashMap::new(), HashMap::new());
        Self { path: path.to_owned(), metadata, shards: Vec::new(), entries: Vec::new(), by_name }
    }

    /// Maps a file and takes over those of its tensors whose names `wanted` accepts; returns the file's metadata.
    fn add_file(
        &mut self,
        kind: Kind,
        path: &Path,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<HashMap<String, String>> {
        let bytes = Bytes::map(path)?;
        match kind {
            Kind::Safetensors => self.add_safetensors(bytes, path, wanted),
            Kind::PyTorch => self.add_pytorch(bytes, path, wanted).map(|()| HashMap::new()),
        }
    }

    fn add_safetensors(
        &mut self,
        bytes: Bytes,
        path: &Path,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<HashMap<String, String>> {
        let header = Header::parse(&bytes).map_err(|reason| Error::weights(path, reason))?;
        let data_start = header.data_start;
        for (name, info) in header.tensors.into_iter().filter(|(name, _)| wanted(name)) {
            let range = data_start + info.data_offsets.0..data_start + info.data_offsets.1;
            self.add(name, info.dtype, info.shape, bytes.slice(range));
        }
        self.shards.push(Shard { path: path.to_owned(), bytes, data_start });
        Ok(header.metadata)
    }

    fn add_pytorch(&mut self, bytes: Bytes, path: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
        let tensors = pytorch::parse(&bytes, path).map_err(|reason| Error::weights(path, reason))?;
        for pytorch::Found { name, dtype, shape, place } in tensors {
            if !wanted(&name) {
                continue;
            }
            let bytes = match place {
                Place::Range(range) => bytes.slice(range),
                Place::Copy(copy) => Bytes::from_lines(memory::aligned_copy(&copy)?).slice(0..copy.len()),
            };
            self.add(name, dtype, shape, bytes);
        }
        self.shards.push(Shard { path: path.to_owned(), bytes, data_start: 0 });
        Ok(())
    }

    /// Adds a tensor of the file that is to be the next of the shards.
    fn add(&mut self, name: String, dtype: FileDtype, shape: Vec<usize>, bytes: Bytes) {
        self.by_name.insert(name.clone(), self.entries.len());
        self.entries.push(Entry { name, dtype, shape, shard: self.shards.len(), bytes });
    }
}

/// The index of the `at`-th number, row-major, in a tensor of this shape.
pub(crate) fn place(shape: &[usize], mut at: usize) -> Vec<usize> {
    let mut place: Vec<_> = shape
        .iter()
        .rev()
        .map(|&size| {
            let index = at % size;
            at /= size;
            index
        })
        .collect();
    place.reverse();
    place
}
