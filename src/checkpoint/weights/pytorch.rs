//! `pytorch_model.bin`: a zip archive with a pickled state dict and a file for each storage, as `torch.save` writes it since
//! PyTorch 1.6. Read without Python, and without running anything: see [`pickle`](super::pickle).

#[cfg(test)]
mod tests;

use std::{collections::HashMap, ops::Range, path::Path};

use safetensors::Dtype;

use super::{
    kind::kind,
    pickle::{Tensor, state_dict},
    zip::{ZipEntry, entries},
};
use crate::memory;

/// The state dict of BERT large is 60 KB; this is for hundreds of times as many tensors.
const LONGEST_PICKLE: usize = 16 << 20;

/// A tensor of the archive.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) place: Place,
}

/// Where its numbers are, row-major and little-endian.
#[derive(Debug)]
pub(super) enum Place {
    /// In the archive.
    Range(Range<usize>),
    /// Gathered from a view of the archive that is not row-major.
    Copy(Vec<u8>),
}

/// The tensors of an archive, in the order of the state dict. The error is the reason, without the file's name; `path` is
/// that of a command in it.
pub(super) fn parse(file: &[u8], path: &Path) -> Result<Vec<Found>, String> {
    if !file.starts_with(b"PK") {
        return Err(not_zip(file));
    }
    let archive = Archive::open(file)?;
    let tensors = state_dict(archive.pickle, path)?;
    let (mut found, mut copied) = (Vec::with_capacity(tensors.len()), 0);
    for (name, tensor) in tensors {
        let place = archive.place(&tensor).map_err(|reason| format!("tensor {name:?}: {reason}"))?;
        if let Place::Copy(bytes) = &place {
            copied += bytes.len();
            if copied > file.len() {
                return Err("its views repeat more numbers than the file has: save copies of them".to_owned());
            }
        }
        found.push(Found { name, dtype: tensor.storage.dtype, shape: tensor.shape.clone(), place });
    }
    Ok(found)
}

fn not_zip(file: &[u8]) -> String {
    let advice = "load it with torch.load and write it again with torch.save";
    // A pickle of protocol 2 that begins with a number; tar archives name their kind at byte 257.
    if file.starts_with(b"\x80\x02\x8a") || file.get(257..262) == Some(b"ustar") {
        return format!("in the format of PyTorch before 1.6, which is not read: {advice}");
    }
    match kind(file) {
        Some(kind) => format!("{kind}, no zip archive, as PyTorch writes them since 1.6"),
        None => {
            format!("no zip archive, as PyTorch writes them since 1.6: another format or damaged; {advice}")
        }
    }
}

struct Archive<'a> {
    file: &'a [u8],
    pickle: &'a [u8],
    /// By name in the `data` directory.
    storages: HashMap<String, Range<usize>>,
}

impl<'a> Archive<'a> {
    fn open(file: &'a [u8]) -> Result<Self, String> {
        let entries = entries(file)?;
        let is_pickle = |entry: &&ZipEntry| entry.name == "data.pkl" || entry.name.ends_with("/data.pkl");
        let mut pickles = entries.iter().filter(is_pickle);
        let (Some(pickle), None) = (pickles.next(), pickles.next()) else {
            return Err("a zip archive, but not of PyTorch: it should have one data.pkl".to_owned());
        };
        let root = pickle.name.trim_end_matches("data.pkl");
        let bytes = &file[pickle.range.clone()];
        if bytes.len() > LONGEST_PICKLE {
            return Err(format!(
                "data.pkl has {} bytes, more than the {LONGEST_PICKLE} allowed",
                bytes.len()
            ));
        }
        for entry in &entries {
            // PyTorch can be told to leave the checksums out, which are 0 then.
            if entry.crc32 != 0 && crc32fast::hash(&file[entry.range.clone()]) != entry.crc32 {
                return Err(format!("{:?} does not match its checksum: the file is damaged", entry.name));
            }
        }
        let named = |name: &str| entries.iter().find(|entry| entry.name.strip_prefix(root) == Some(name));
        if let Some(order) = named("byteorder") {
            let order = &file[order.range.clone()];
            if order != b"little" {
                let order: String = String::from_utf8_lossy(order).chars().take(20).collect();
                return Err(format!("its numbers are in the byte order {order:?}, only \"little\" is read"));
            }
        }
        let data = format!("{root}data/");
        let storage =
            |entry: &ZipEntry| Some((entry.name.strip_prefix(&data)?.to_owned(), entry.range.clone()));
        Ok(Self { file, pickle: bytes, storages: entries.iter().filter_map(storage).collect() })
    }

    fn place(&self, tensor: &Tensor) -> Result<Place, String> {
        let Tensor { storage, offset, shape, strides } = tensor;
        let key = &storage.key;
        let range = self.storages.get(key).ok_or_else(|| format!("its storage data/{key} is missing"))?;
        let size = storage.dtype.bitsize() / 8;
        let (expected, found) = (storage.len.checked_mul(size), range.len());
        if expected != Some(found) {
            return Err(format!(
                "its storage data/{key} should have {} numbers of {size} bytes, but has {found} bytes",
                storage.len
            ));
        }
        let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let count = count.ok_or_else(|| format!("the shape {shape:?} is too large"))?;
        if count == 0 {
            return Ok(Place::Range(range.start..range.start));
        }
        let end = last(shape, strides, *offset).filter(|last| *last < storage.len);
        end.ok_or_else(|| {
            format!("{shape:?} from {offset} on reaches beyond its storage of {} numbers", storage.len)
        })?;
        if is_row_major(shape, strides) {
            let start = range.start + offset * size;
            return Ok(Place::Range(start..start + count * size));
        }
        // A view may repeat numbers without end: a small file must not become a large one.
        if count > storage.len {
            return Err(format!(
                "{shape:?} repeats the {} numbers of its storage: save a copy of it",
                storage.len
            ));
        }
        Ok(Place::Copy(gather(&self.file[range.clone()], size, tensor, count)?))
    }
}

/// The highest place in the storage that the tensor uses.
fn last(shape: &[usize], strides: &[usize], offset: usize) -> Option<usize> {
    shape
        .iter()
        .zip(strides)
        .try_fold(offset, |at, (size, stride)| at.checked_add((size - 1).checked_mul(*stride)?))
}

fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&size, &stride)| {
        let fits = size == 1 || stride == expected;
        expected *= size;
        fits
    })
}

/// The `count` numbers of `size` bytes, the last index fastest. All places were checked.
fn gather(storage: &[u8], size: usize, tensor: &Tensor, count: usize) -> Result<Vec<u8>, String> {
    let mut out = memory::room(count * size).map_err(|error| error.to_string())?;
    let mut index = vec![0; tensor.shape.len()];
    for _ in 0..count {
        let place = index.iter().zip(&tensor.strides).fold(tensor.offset, |at, (i, stride)| at + i * stride);
        out.extend(&storage[place * size..(place + 1) * size]);
        for (i, &size) in index.iter_mut().zip(&tensor.shape).rev() {
            *i += 1;
            if *i < size {
                break;
            }
            *i = 0;
        }
    }
    Ok(out)
}

/// Reads a file in memory and every byte of its tensors: what the fuzzer runs. Returns how many bytes these are, or nothing
/// where it is refused.
#[doc(hidden)]
pub fn fuzz_pytorch(file: &[u8]) -> Option<usize> {
    let tensors = parse(file, Path::new("fuzzed")).ok()?;
    let bytes = |tensor: &Found| match &tensor.place {
        Place::Range(range) => {
            std::hint::black_box(crc32fast::hash(&file[range.clone()]));
            range.len()
        }
        Place::Copy(bytes) => bytes.len(),
    };
    Some(tensors.iter().map(bytes).sum())
}
