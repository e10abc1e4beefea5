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
    ALIGNMENT, FLOATS, PANEL, WORDS,
    format::{FORMAT, FORMAT_VERSION, PANEL_LAYOUT},
    output::{Output, header},
    plan::Part,
};
use crate::{
    config::Config,
    error::{Error, Result},
    import::COMPANIONS,
    linear::Weight,
    memory,
    numbers::{self, Lost},
    options::Precision,
    source::Source,
    target::Target,
    tokenizer::Tokenizer,
    weights::Weights,
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
pub struct PackOptions {
    /// Of the matmuls and the word embeddings; [`Precision::Auto`] is int8.
    pub precision: Precision,
    /// What is stored in f16 in an int8 file, by the names that [`Config::quantized_parts`] lists; [`f16_parts`](super::f16_parts) says which
    /// of them can be.
    pub keep_f16: BTreeSet<String>,
}

impl PackOptions {
    /// `Precision::Auto` settled, and no unknown name.
    fn resolve(&self, config: &Config) -> Result<Self> {
        let parts: BTreeSet<String> = config.quantized_parts().into_iter().collect();
        if let Some(name) = self.keep_f16.difference(&parts).next() {
            return Err(Error::Option {
                option: "keep-f16",
                reason: format!("no part of the model that could be int8 is called {name}"),
            });
        }
        let precision = self.precision.or(Precision::Int8);
        Ok(Self { precision, keep_f16: self.keep_f16.clone() })
    }

    fn of(&self, name: &str) -> Precision {
        match self.precision {
            Precision::Int8 if self.keep_f16.contains(name) => Precision::F16,
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
    let config = Config::from_dir(source)?;
    let options = options.resolve(&config)?;
    let tokenizer = Tokenizer::from_dir(source)?;
    if tokenizer.vocab_size() > config.vocab_size {
        let (tokens, rows) = (tokenizer.vocab_size(), config.vocab_size);
        return Err(Error::tokenizer(source, format!("{tokens} tokens, but only {rows} word embeddings")));
    }
    let weights = Weights::open_dir(source)?;
    let target = target(out, source, &weights).map_err(Error::io(out))?;
    let mut output = Output::create(out, &target)?;

    let (tokenizer, vocabulary) = tokenizer.to_parts();
    let packer = Packer { config, vocabulary, weights, options };
    let parts = Part::all(&packer.config);
    let vocabulary_len = packer.vocabulary.len();
    let sections =
        |part: &Part| part.sections(&packer.config, vocabulary_len, |name| packer.options.of(name));
    let sections: Vec<_> = parts.iter().flat_map(sections).collect();
    let tensors = sections.len() + 1;
    let header = header(&sections, packer.metadata(&tokenizer));
    progress(0, tensors);
    output.start(&header, sections)?;
    for part in &parts {
        packer.write(part, &mut output)?;
        progress(output.tensors(), tensors);
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

struct Packer {
    config: Config,
    vocabulary: Vec<u8>,
    weights: Weights,
    options: PackOptions,
}

impl Packer {
    fn metadata(&self, tokenizer: &str) -> Value {
        let mut digest = Sha256::new();
        self.weights.files().for_each(|(_, bytes, _)| digest.update(&bytes[..]));
        let source_sha256: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "format": FORMAT,
            "format_version": FORMAT_VERSION.to_string(),
            "producer": concat!("nimbert ", env!("CARGO_PKG_VERSION")),
            "precision": self.options.precision.to_string(),
            "panel_layout": PANEL_LAYOUT,
            "source_sha256": source_sha256,
            "config": self.config.to_json(),
            "tokenizer": tokenizer,
        })
    }

    fn write(&self, part: &Part, output: &mut Output) -> Result<()> {
        match part {
            Part::Words => self.write_words(output),
            Part::Rows { name, rows } => self.write_table(name, *rows, Precision::F32, output),
            Part::Vector { name, len } => {
                output.put_floats(&self.weights.finite(name, &[*len])?, FLOATS)?;
                output.end_tensor()
            }
            Part::Matmul { name, sources, n, k } => {
                let source = Source::Checkpoint(&self.weights);
                let linear = source.stacked(sources, (*n, *k), self.options.of(name))?;
                let (weight, bias) = linear.into_parts();
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
            Part::Vocabulary => {
                output.put(&self.vocabulary)?;
                output.end_tensor()
            }
        }
    }

    fn write_words(&self, output: &mut Output) -> Result<()> {
        let Config { vocab_size, hidden_size: hidden, .. } = self.config;
        let name = format!("{WORDS}.weight");
        let precision = self.options.of(WORDS);
        if precision != Precision::Int8 {
            return self.write_table(&name, vocab_size, precision, output);
        }
        let values = self.weights.finite(&name, &[vocab_size, hidden])?;
        let mut scales = memory::room(vocab_size)?;
        let mut bytes = vec![0; hidden.next_multiple_of(ALIGNMENT)];
        for row in values.chunks_exact(hidden) {
            scales.push(quantize_row(row, &mut bytes));
            output.put(&bytes)?;
        }
        output.end_tensor()?;
        output.put_floats(&scales, FLOATS)?;
        output.end_tensor()
    }

    /// Rows of the hidden size, in f16 or f32.
    fn write_table(&self, name: &str, rows: usize, precision: Precision, output: &mut Output) -> Result<()> {
        let hidden = self.config.hidden_size;
        let values = self.weights.finite(name, &[rows, hidden])?;
        numbers::fit(&values, precision).map_err(|Lost { at, reason }| {
            self.weights.lost(name, &[at / hidden, at % hidden], values[at], reason)
        })?;
        for row in values.chunks_exact(hidden) {
            if precision == Precision::F16 {
                output.put_halves(row, 2 * FLOATS)?;
            } else {
                output.put_floats(row, FLOATS)?;
            }
        }
        output.end_tensor()
    }
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
