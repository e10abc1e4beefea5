//! The packed model: one file with all that the engine needs, laid out so that it can be mapped and used in place.
//!
//! It is a safetensors file, so any safetensors reader can list it. The header is padded with spaces and every
//! tensor's rows with zeros to multiples of 64 bytes; the data section and every tensor thus start on a cache line
//! wherever the file is mapped. `__metadata__` holds:
//!
//! | key | value |
//! | --- | --- |
//! | `format` | `nimbert` |
//! | `format_version` | `3`; readers refuse another one |
//! | `needs` | names of what a reader has to know beside what is listed here, with spaces between; it refuses others |
//! | `producer` | the program that wrote it, `nimbert 0.1.0` |
//! | `precision` | `int8`, `f16` or `f32`: of words and matmuls, but for those of an int8 file that are kept in f16 |
//! | `panel_layout` | `n32k4` |
//! | `source_sha256` | SHA-256 over the source's weights files, in the order of their names |
//! | `config` | the keys of `config.json` that the engine reads |
//! | `tokenizer` | the tokenizer without its vocabulary, by the parts of a `tokenizer.json` |
//! | `sentence` | of a sentence-transformers model: pooling, what follows it, prompts, how vectors are compared; in `needs` |
//! | `cross_encoder` | of a cross-encoder: the most tokens, and what makes a score of the logit; in `needs` |
//!
//! The tensors, with V words, P positions, hidden size H, and `a↑b` for `a` rounded up to a multiple of `b`:
//!
//! | name | type and shape | meaning |
//! | --- | --- | --- |
//! | `bert.embeddings.word_embeddings.weight`, `….scale` | I8 \[V, H↑64\], F32 \[V↑16\] | row i is `scale[i]` times it |
//! | the same in f16 or f32 | F16 \[V, H↑32\] or F32 \[V, H↑16\] | |
//! | `bert.embeddings.{position,token_type}_embeddings.weight` | F32 \[rows, H↑16\] | |
//! | `….LayerNorm.weight`, `….LayerNorm.bias` | F32 \[H↑16\] | |
//! | `….weight` of a matmul from K to N numbers | U8 \[⌈N/32⌉, ⌈K/4⌉, 32, 4\] | panels of w + 128; outside N×K zero |
//! | `….scale`, `….sum` of it | F32 \[N↑32\] | value of a step, and sum of the weights, per output channel |
//! | `….weight` of a matmul in f16 or f32 | F16 or F32 \[⌈N/32⌉, K, 32\] | panels; outside N×K zero |
//! | `….bias` of a matmul | F32 \[N↑32\] | |
//! | `classifier.weight`, `classifier.bias` | F32 \[labels, H↑16\], F32 \[labels↑16\] | of texts or of tokens |
//! | `qa_outputs.weight`, `qa_outputs.bias` | F32 \[2, H↑16\], F32 \[16\] | start and end of an answer |
//! | `sentence.dense.i.weight`, `….bias` | F32 \[N, K↑16\], F32 \[N↑16\] | step i after pooling, a dense layer |
//! | `tokenizer.vocab` | U8 \[length↑64\] | tokens by id, each ended by a line feed |
//! | `tokenizer.index` | U8 \[length↑64\] | of a Unigram tokenizer: scores, places and a trie of the tokens; `unigram` in `needs` |
//! | the same of a BPE tokenizer | | merges in their order, each of three U32, two ids and what they become; `bpe` in `needs` |
//! | `checksums` | U8 \[tensors, 64\] | SHA-256 in the first 32 bytes of each row, then zeros |
//!
//! The matmuls are, in each layer, `attention.self.qkv` (query, key and value one below the other),
//! `attention.output.dense`, `intermediate.dense` and `output.dense`; and what the head has: of a classifier of texts
//! `bert.pooler.dense`; of a masked language model `cls.predictions.transform.dense`, followed by a `LayerNorm`, and
//! `cls.predictions.decoder`, the matrix of words as panels. `classifier` and `qa_outputs` are small and stay in f32. Row 0 of `checksums`, which is the last tensor, is that of the whole header (length, JSON and
//! spaces); row i that of the i-th tensor in file order.

mod f16;
mod format;
mod modules;
mod output;
mod section;
#[cfg(test)]
mod tests;
mod verify;
mod write;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use self::{
    f16::f16_parts,
    verify::verify,
    write::{PackOptions, Summary, write, write_if},
};
use self::{
    format::{
        CROSS_ENCODER, NOT_PACKED, SENTENCE, advice, check_alignment, check_format, metadata,
        stored_precision,
    },
    verify::PACK_AGAIN,
};
use super::{
    numbers::{self, Lost},
    sentence::{CrossEncoder, Sentence},
    weights::{Bytes, Dtype, Tensor, Weights, kind},
};
use crate::{
    config::Config,
    error::{Error, Result},
    linear::Weight,
    memory,
    options::NumberType,
    plan::{Matmul, Table},
    tokenizer::Tokenizer,
};

/// Output channels, and input channels in a group, of a panel.
const PANEL: [usize; 2] = [32, 4];
/// Everything starts at a multiple of this many bytes.
const ALIGNMENT: usize = 64;
/// f32 rows are padded to this many numbers.
const FLOATS: usize = ALIGNMENT / size_of::<f32>();

const VOCABULARY: &str = "tokenizer.vocab";
const TOKEN_INDEX: &str = "tokenizer.index";
const CHECKSUMS: &str = "checksums";
const DIGEST: usize = 32;

/// What a packed file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackedInfo {
    /// What the matmuls' weights are stored as.
    pub precision: NumberType,
    /// Name and version of the program that wrote the file.
    pub producer: String,
    /// Hexadecimal SHA-256 of the weights that were packed.
    pub source_sha256: String,
}

/// A packed file, open. The weights stay where they are, in the map or in the program.
#[derive(Debug)]
pub(crate) struct PackedModel {
    pub(crate) config: Config,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) sentence: Option<Sentence>,
    pub(crate) cross_encoder: Option<CrossEncoder>,
    pub(crate) weights: Weights,
    /// What the matmuls' weights are stored as.
    pub(crate) precision: NumberType,
    /// Name and version of the program that wrote the file.
    pub(crate) producer: String,
    /// Hexadecimal SHA-256 of the weights that were packed.
    pub(crate) source_sha256: String,
}

/// A table of rows, each of whole numbers and one scale.
#[derive(Debug, Clone)]
pub(crate) struct QuantizedRows {
    /// `[rows, stride]` of i8
    pub(crate) bytes: Bytes,
    /// From one row's start to the next.
    pub(crate) stride: usize,
    /// `[rows]`
    pub(crate) scale: Vec<f32>,
}

impl QuantizedRows {
    /// Writes a row's first `out.len()` numbers as floats.
    pub(crate) fn read_f32(&self, row: usize, out: &mut [f32]) {
        let (start, scale) = (row * self.stride, self.scale[row]);
        for (out, &byte) in out.iter_mut().zip(&self.bytes[start..start + self.stride]) {
            *out = f32::from(byte.cast_signed()) * scale;
        }
    }
}

impl PackedModel {
    /// Maps a packed file. Its header, configuration and tokenizer are checked; a tensor's type and shape are when it
    /// is asked for, and a vector's numbers too; a matrix's are in [`PackedModel::verify`] only, and where they are
    /// converted.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bytes = Bytes::map(path)?;
        let kind = kind(&bytes);
        Self::from_bytes(bytes, path).map_err(|error| match (kind, error) {
            (Some(kind), _) => Error::weights(path, format!("{kind}, {}", advice(path))),
            (None, Error::Weights { path, reason }) if reason == NOT_PACKED => {
                let reason = format!("{reason}, {}", advice(&path));
                Error::Weights { path, reason }
            }
            (None, other) => other,
        })
    }

    /// A packed file in memory that starts on a 64-byte boundary. `name` only names it in errors.
    pub(crate) fn from_bytes(bytes: Bytes, name: &Path) -> Result<Self> {
        let address = bytes.as_ptr().addr();
        let weights = Weights::from_bytes(bytes, name)?;
        let tell = |reason| Error::weights(name, reason);
        check_format(&weights).map_err(tell)?;
        check_alignment(&weights, address).map_err(tell)?;
        let metadata = |key| metadata(&weights, key).map_err(tell);
        let config = Config::from_json(metadata("config")?.as_bytes(), name)?;
        let vocabulary = bytes_of(&weights, VOCABULARY)?;
        let has_index = weights.dtype(TOKEN_INDEX).is_some();
        let index = if has_index { bytes_of(&weights, TOKEN_INDEX)? } else { Bytes::from_static(&[]) };
        let tokenizer = Tokenizer::from_packed(metadata("tokenizer")?, &vocabulary, &index, name)?;
        let precision = stored_precision(&weights).map_err(tell)?;
        let [producer, source_sha256] =
            [metadata("producer")?, metadata("source_sha256")?].map(str::to_owned);
        let cross_encoder = extra(&weights, CROSS_ENCODER, name)?;
        let mut model = Self {
            config,
            tokenizer,
            sentence: None,
            cross_encoder,
            weights,
            precision,
            producer,
            source_sha256,
        };
        model.sentence = extra(&model.weights, SENTENCE, name)?
            .map(|sentence: Sentence| sentence.of_packed(&model, name))
            .transpose()?;
        Ok(model)
    }

    /// Panels where they lie, and the bias in whole panels.
    pub(crate) fn matmul(&self, Matmul { name, n, k, .. }: &Matmul) -> Result<(Weight, Vec<f32>)> {
        let padded = n.next_multiple_of(PANEL[0]);
        let vector = |of: &str| self.padded(&format!("{name}.{of}"), padded, PANEL[0]);
        let weight = format!("{name}.weight");
        let dtype = match self.number_type(&weight) {
            NumberType::Int8 => Dtype::U8,
            NumberType::F16 => Dtype::F16,
            NumberType::F32 => Dtype::F32,
        };
        let panels = self.weights.get_as(&weight, dtype, &panel_shape(dtype, *n, *k))?.bytes;
        let weight = match dtype {
            Dtype::U8 => Weight::Int8 { panels, scales: vector("scale")?, sums: vector("sum")? },
            Dtype::F16 => Weight::F16(panels),
            _ => Weight::F32(panels),
        };
        Ok((weight, vector("bias")?))
    }

    /// What a table is stored as.
    pub(crate) fn stored(&self, table: &Table) -> NumberType {
        if table.quantizable { self.number_type(&table.name) } else { NumberType::F32 }
    }

    /// What a tensor is stored as: an int8 file may keep some in f16.
    fn number_type(&self, tensor: &str) -> NumberType {
        match self.precision {
            NumberType::Int8 if self.weights.dtype(tensor) == Some(Dtype::F16) => NumberType::F16,
            precision => precision,
        }
    }

    /// A table in int8.
    pub(crate) fn quantized_rows(&self, table: &Table) -> Result<QuantizedRows> {
        let (rows, stride) = (table.rows, table.columns.next_multiple_of(ALIGNMENT));
        let bytes = self.weights.get_as(&table.name, Dtype::I8, &[rows, stride])?.bytes;
        let scale = self.padded(&format!("{}.scale", table.part()), rows, FLOATS)?;
        Ok(QuantizedRows { bytes, stride, scale })
    }

    /// The float table `name` of rows of `columns` numbers, where it lies: rows are `shape[1]` numbers apart.
    pub(crate) fn rows(&self, name: &str, dtype: Dtype, rows: usize, columns: usize) -> Result<Tensor> {
        self.weights.get_as(name, dtype, &[rows, columns.next_multiple_of(ALIGNMENT / dtype.size())])
    }

    /// The f32 matrix `name`, `[rows, columns]` row-major, without padding.
    pub(crate) fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Vec<f32>> {
        let tensor = self.rows(name, Dtype::F32, rows, columns)?;
        let mut values = memory::zeros(rows * columns)?;
        for (row, values) in values.chunks_mut(columns).enumerate() {
            tensor.read_f32(row * tensor.shape[1], values);
        }
        Ok(values)
    }

    /// The f32 vector `name`, without padding, all of it finite.
    pub(crate) fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>> {
        self.padded(name, len, FLOATS)
    }

    fn padded(&self, name: &str, len: usize, unit: usize) -> Result<Vec<f32>> {
        let tensor = self.weights.get_as(name, Dtype::F32, &[len.next_multiple_of(unit)])?;
        let mut values = memory::zeros(len)?;
        tensor.read_f32(0, &mut values);
        numbers::finite(&values).map_err(|Lost { at, reason }| {
            self.weights.lost(name, &[at], values[at], &format!("{reason}: {PACK_AGAIN}"))
        })?;
        Ok(values)
    }
}

/// What is in the metadata under a key that a file need not have.
fn extra<T: DeserializeOwned>(weights: &Weights, key: &str, name: &Path) -> Result<Option<T>> {
    let value = weights.metadata().get(key);
    let parse = |value: &String| {
        serde_json::from_str(value).map_err(|error| Error::weights(name, format!("{key}: {error}")))
    };
    value.map(parse).transpose()
}

/// Of the panels of a matmul from `k` numbers to `n`.
fn panel_shape(dtype: Dtype, n: usize, k: usize) -> Vec<usize> {
    match dtype {
        Dtype::U8 => vec![n.div_ceil(PANEL[0]), k.div_ceil(PANEL[1]), PANEL[0], PANEL[1]],
        _ => vec![n.div_ceil(PANEL[0]), k, PANEL[0]],
    }
}

/// A tensor of bytes, with the zeros that fill the last 64 up.
fn bytes_of(weights: &Weights, name: &str) -> Result<Bytes> {
    let padded = weights.raw().find(|(other, _)| *other == name).map_or(0, |(_, bytes)| bytes.len());
    Ok(weights.get_as(name, Dtype::U8, &[padded])?.bytes)
}
