//! From a Hugging Face directory to a packed file, tensor by tensor.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use nimbert_kernels::{int8_step, int8_steps};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    ALIGNMENT, FLOATS, PANEL, TOKEN_INDEX, VOCABULARY,
    format::{FORMAT, FORMAT_VERSION, PANEL_LAYOUT},
    modules::Modules,
    output::{Output, header},
    section::Section,
};
use crate::{
    checkpoint::{
        import::COMPANIONS,
        numbers::{self, Lost},
        source::Source,
        weights::Weights,
    },
    config::Config,
    error::{Error, Result},
    files::target::Target,
    linear::Weight,
    memory,
    options::{NumberType, Precision},
    plan::{Matmul, Part, Plan, Table, Vector},
    tokenizer::Tokenizer,
};

/// What [`write()`] has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The packed file's size.
    pub bytes: u64,
    /// How many tensors it has, the checksums included.
    pub tensors: usize,
    /// The size of the weights files that it was made from.
    pub source_bytes: u64,
}

/// What a packed file stores its weights as.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PackOptions {
    /// Of the matmuls and the word embeddings; [`Precision::Auto`] is int8.
    pub precision: Precision,
    /// What is stored in f16 in an int8 file, by the names that [`Config::quantized_parts`] lists; [`f16_parts`](super::f16_parts) says which
    /// of them can be.
    pub keep_f16: BTreeSet<String>,
}

/// [`PackOptions`] for one model.
struct Chosen<'a> {
    precision: NumberType,
    keep_f16: &'a BTreeSet<String>,
}

impl PackOptions {
    /// With weights stored in this [precision](Self::precision).
    #[must_use]
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// With these parts [in f16](Self::keep_f16).
    #[must_use]
    pub fn keep_f16(self, keep_f16: BTreeSet<String>) -> Self {
        Self { keep_f16, ..self }
    }

    /// What is chosen, if the model has every part that is named.
    fn choose(&self, plan: &Plan) -> Result<Chosen<'_>> {
        if let Some(name) = self.keep_f16.iter().find(|name| !plan.has_quantizable(name)) {
            return Err(Error::Option {
                option: "keep-f16",
                reason: format!("no part of the model that could be int8 is called {name}"),
            });
        }
        Ok(Chosen { precision: self.precision.or(NumberType::Int8), keep_f16: &self.keep_f16 })
    }
}

impl Chosen<'_> {
    fn of(&self, part: Part<'_>) -> NumberType {
        match self.precision {
            _ if !part.is_quantizable() => NumberType::F32,
            NumberType::Int8 if self.keep_f16.contains(part.name()) => NumberType::F16,
            precision => precision,
        }
    }
}

/// Packs the Hugging Face directory `source` into the file `out`.
///
/// `progress` is told how many tensors are done, of how many. The file appears under its name only when it is whole:
/// on an error nothing is left behind, and a file that was there before stays as it was.
///
/// # Errors
///
/// If the model can't be loaded, a weight is not finite or more than f16 holds where it is to be f16, the tokenizer has tokens
/// without an embedding, an option names a part that the model does not have, or the file can't be written or is anything but a
/// regular file. Of a link, the file that it leads to is replaced.
pub fn write(
    source: &Path,
    out: &Path,
    options: &PackOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Summary> {
    let summary = write_if(source, out, options, progress, |_| true)?;
    Ok(summary.expect("every file is accepted"))
}

/// [`write()`], if `accept` says so of the complete file, which still has a temporary name: it can be loaded and measured
/// before anyone sees it. If not, it is removed, and the result is `None`.
///
/// # Errors
/// As [`write()`].
pub fn write_if(
    source: &Path,
    out: &Path,
    options: &PackOptions,
    progress: &mut dyn FnMut(usize, usize),
    accept: impl FnOnce(&Path) -> bool,
) -> Result<Option<Summary>> {
    let modules = Modules::of(source)?;
    let (dir, config) = modules.encoder(source)?;
    let plan = config.plan();
    let chosen = options.choose(&plan)?;
    let tokenizer = Tokenizer::from_dir(dir)?;
    if tokenizer.vocab_size() > config.encoder.vocab_size {
        let (tokens, rows) = (tokenizer.vocab_size(), config.encoder.vocab_size);
        return Err(Error::tokenizer(dir, format!("{tokens} tokens, but only {rows} word embeddings")));
    }
    let weights = Weights::open_dir(dir)?;
    let target = target(out, dir, &weights).map_err(Error::io(out))?;
    let mut output = Output::create(out, &target)?;

    let needs = tokenizer.needs();
    let (tokenizer, vocabulary, index) = tokenizer.to_parts();
    let tokens: Vec<_> = [(VOCABULARY, vocabulary), (TOKEN_INDEX, index)]
        .into_iter()
        .filter(|(name, bytes)| *name == VOCABULARY || !bytes.is_empty())
        .collect();
    let packer = Packer { weights, chosen };
    let sections = plan.parts().flat_map(|part| Section::of(part, packer.chosen.of(part)));
    let dense = modules.dense().flat_map(|(_, plan)| Section::of(Part::Matmul(&plan), NumberType::F32));
    let sections: Vec<_> = sections
        .chain(dense)
        .chain(tokens.iter().map(|(name, bytes)| Section::bytes(name, bytes.len())))
        .collect();
    let tensors = sections.len() + 1;
    let header = header(&sections, packer.metadata(&config, &tokenizer, needs, &modules));
    progress(0, tensors);
    output.start(&header, sections)?;
    for part in plan.parts() {
        packer.write(part, &mut output)?;
        progress(output.tensors(), tensors);
    }
    for (dense, plan) in modules.dense() {
        put_rows(&dense.weight, plan.k, NumberType::F32, &mut output)?;
        output.put_floats(&dense.bias, FLOATS)?;
        output.end_tensor()?;
    }
    for (_, bytes) in &tokens {
        output.put(bytes)?;
        output.end_tensor()?;
    }
    progress(tensors, tensors);
    let bytes = output.finish(accept)?;
    let source_bytes = packer.weights.files().map(|(_, bytes, _)| bytes.len() as u64).sum();
    Ok(bytes.map(|bytes| Summary { bytes, tensors, source_bytes }))
}

/// The file that is written. It is no part of the checkpoint that is being read.
fn target(out: &Path, source: &Path, weights: &Weights) -> io::Result<PathBuf> {
    let target = Target::file(out)?;
    let companions = COMPANIONS.iter().map(|name| source.join(name));
    let mut parts = weights.files().map(|(path, ..)| path.to_owned()).chain(companions);
    if parts.any(|path| path.canonicalize().is_ok_and(|path| path == target)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is one of the files to be packed"));
    }
    Ok(target)
}

struct Packer<'a> {
    weights: Weights,
    chosen: Chosen<'a>,
}

impl Packer<'_> {
    fn metadata(&self, config: &Config, tokenizer: &str, needs: &str, modules: &Modules) -> Value {
        let mut digest = Sha256::new();
        self.weights.files().for_each(|(_, bytes, _)| digest.update(&bytes[..]));
        let source_sha256: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut metadata = json!({
            "format": FORMAT,
            "format_version": FORMAT_VERSION.to_string(),
            "producer": concat!("nimbert ", env!("CARGO_PKG_VERSION")),
            "precision": self.chosen.precision.to_string(),
            "panel_layout": PANEL_LAYOUT,
            "source_sha256": source_sha256,
            "config": config.to_json(),
            "tokenizer": tokenizer,
            "needs": needs,
        });
        if let Some((need, value)) = modules.to_metadata() {
            metadata["needs"] = json!(format!("{needs} {need}").trim_start());
            metadata[need] = json!(value);
        }
        metadata
    }

    fn write(&self, part: Part<'_>, output: &mut Output) -> Result<()> {
        let precision = self.chosen.of(part);
        match part {
            Part::Table(table) if precision == NumberType::Int8 => self.write_quantized(table, output),
            Part::Table(Table { name, rows, columns, .. }) => {
                self.write_rows(name, (*rows, *columns), precision, output)
            }
            Part::Vector(Vector { name, len }) => self.write_vector(name, *len, output),
            Part::Matmul(Matmul { name, n, k, decisive: true, .. }) => {
                self.write_rows(&format!("{name}.weight"), (*n, *k), NumberType::F32, output)?;
                self.write_vector(&format!("{name}.bias"), *n, output)
            }
            Part::Matmul(matmul) => self.write_panels(matmul, precision, output),
        }
    }

    fn write_vector(&self, name: &str, len: usize, output: &mut Output) -> Result<()> {
        output.put_floats(&self.weights.finite(name, &[len])?, FLOATS)?;
        output.end_tensor()
    }

    fn write_panels(&self, matmul: &Matmul, precision: NumberType, output: &mut Output) -> Result<()> {
        let (weight, bias) = Source::Checkpoint(&self.weights).matmul(matmul, precision)?.into_parts();
        let floats: Vec<&[f32]> = match &weight {
            Weight::F32(panels) | Weight::F16(panels) => {
                output.put(panels)?;
                vec![&bias]
            }
            Weight::Int8 { panels, scales, sums } => {
                output.put(panels)?;
                vec![scales, sums, &bias]
            }
        };
        output.end_tensor()?;
        for values in floats {
            output.put_floats(values, PANEL[0])?;
            output.end_tensor()?;
        }
        Ok(())
    }

    fn write_quantized(&self, table: &Table, output: &mut Output) -> Result<()> {
        let values = self.weights.finite(&table.name, &[table.rows, table.columns])?;
        let mut scales = memory::room(table.rows)?;
        let mut bytes = vec![0; table.columns.next_multiple_of(ALIGNMENT)];
        for row in values.chunks_exact(table.columns) {
            scales.push(quantize_row(row, &mut bytes));
            output.put(&bytes)?;
        }
        output.end_tensor()?;
        output.put_floats(&scales, FLOATS)?;
        output.end_tensor()
    }

    /// A matrix row by row, in f16 or f32.
    fn write_rows(
        &self,
        name: &str,
        (rows, columns): (usize, usize),
        precision: NumberType,
        output: &mut Output,
    ) -> Result<()> {
        let values = self.weights.finite(name, &[rows, columns])?;
        numbers::fit(&values, precision).map_err(|Lost { at, reason }| {
            self.weights.lost(name, &[at / columns, at % columns], values[at], reason)
        })?;
        put_rows(&values, columns, precision, output)
    }
}

/// Rows of `columns` numbers, in f16 or f32.
fn put_rows(values: &[f32], columns: usize, precision: NumberType, output: &mut Output) -> Result<()> {
    for row in values.chunks_exact(columns) {
        if precision == NumberType::F16 {
            output.put_halves(row, 2 * FLOATS)?;
        } else {
            output.put_floats(row, FLOATS)?;
        }
    }
    output.end_tensor()
}

/// Writes the row as whole numbers from -127 to 127, halves rounded to even, and returns what one step is worth.
/// Bytes beyond the row are left alone.
pub(super) fn quantize_row(row: &[f32], bytes: &mut [u8]) -> f32 {
    let step = int8_step(row);
    for (byte, &value) in bytes.iter_mut().zip(row) {
        *byte = int8_steps(value, step).cast_unsigned();
    }
    step
}
