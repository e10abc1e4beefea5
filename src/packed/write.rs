//! From a Hugging Face directory to a packed file, tensor by tensor.

use std::{fs, io, path::Path};

use nimbert_kernels::pack_int8;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    ALIGNMENT, FLOATS, FORMAT, FORMAT_VERSION, INT8, PANEL, PANEL_LAYOUT, WORDS,
    output::{Output, header},
    plan::Part,
};
use crate::{
    config::Config,
    error::{Error, Result},
    tokenizer::Tokenizer,
    weights::{Tensor, Weights},
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

/// Packs the Hugging Face directory `source` into the file `out`, with int8 weights.
///
/// `progress` is told how many tensors are done, of how many. The file appears under its name only when it is whole:
/// on an error nothing is left behind, and a file that was there before stays as it was.
///
/// # Errors
///
/// If the model can't be loaded, a weight is not finite, the tokenizer has tokens without an embedding, or the file
/// can't be written.
pub fn write(source: &Path, out: &Path, progress: &mut dyn FnMut(usize, usize)) -> Result<Summary> {
    let config_path = source.join("config.json");
    let config = Config::from_json(&fs::read(&config_path).map_err(Error::io(&config_path))?, &config_path)?;
    let tokenizer = Tokenizer::from_dir(source)?;
    if tokenizer.vocab_size() > config.vocab_size {
        let (tokens, rows) = (tokenizer.vocab_size(), config.vocab_size);
        return Err(Error::tokenizer(source, format!("{tokens} tokens, but only {rows} word embeddings")));
    }
    let weights = Weights::open_dir(source)?;
    check_target(out, &weights).map_err(Error::io(out))?;
    let mut output = Output::create(out)?;

    let (tokenizer, vocabulary) = tokenizer.to_parts();
    let packer = Packer { config, vocabulary, weights };
    let parts = Part::all(&packer.config);
    let vocabulary_len = packer.vocabulary.len();
    let sections: Vec<_> =
        parts.iter().flat_map(|part| part.sections(&packer.config, vocabulary_len)).collect();
    let tensors = sections.len() + 1;
    let header = header(&sections, packer.metadata(&tokenizer));
    progress(0, tensors);
    output.start(&header, sections)?;
    for part in &parts {
        packer.write(part, &mut output)?;
        progress(output.tensors(), tensors);
    }
    let bytes = output.finish()?;
    progress(tensors, tensors);
    let source_bytes = packer.weights.files().map(|(_, bytes, _)| bytes.len() as u64).sum();
    Ok(Summary { bytes, tensors, source_bytes })
}

/// Refuses to replace a device or a directory, or the very weights that are being read.
fn check_target(out: &Path, weights: &Weights) -> io::Result<()> {
    let refuse = |reason| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    // If nothing is there yet, all is well; whether it can be made is found out by making it.
    let Ok(target) = out.canonicalize() else { return Ok(()) };
    if !target.is_file() {
        return refuse("is there already and not a regular file");
    }
    if weights.files().any(|(path, ..)| path.canonicalize().is_ok_and(|path| path == target)) {
        return refuse("is one of the files to be packed");
    }
    Ok(())
}

struct Packer {
    config: Config,
    vocabulary: Vec<u8>,
    weights: Weights,
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
            "precision": INT8,
            "panel_layout": PANEL_LAYOUT,
            "source_sha256": source_sha256,
            "config": self.config.to_json(),
            "tokenizer": tokenizer,
        })
    }

    fn write(&self, part: &Part, output: &mut Output) -> Result<()> {
        match part {
            Part::Words => self.write_words(output),
            Part::Rows { name, rows } => {
                let hidden = self.config.hidden_size;
                let tensor = self.weights.get(name, &[*rows, hidden])?;
                for row in 0..*rows {
                    output.put_floats(&self.read(&tensor, name, row, hidden)?, FLOATS)?;
                }
                output.end_tensor()
            }
            Part::Vector { name, len } => {
                let tensor = self.weights.get(name, &[*len])?;
                output.put_floats(&self.read(&tensor, name, 0, *len)?, FLOATS)?;
                output.end_tensor()
            }
            Part::Matmul { sources, n, k, .. } => self.write_matmul(sources, *n, *k, output),
            Part::Vocabulary => {
                output.put(&self.vocabulary)?;
                output.end_tensor()
            }
        }
    }

    fn write_words(&self, output: &mut Output) -> Result<()> {
        let Config { vocab_size, hidden_size: hidden, .. } = self.config;
        let name = format!("{WORDS}.weight");
        let tensor = self.weights.get(&name, &[vocab_size, hidden])?;
        let mut scales = Vec::with_capacity(vocab_size);
        let mut bytes = vec![0; hidden.next_multiple_of(ALIGNMENT)];
        for row in 0..vocab_size {
            scales.push(quantize_row(&self.read(&tensor, &name, row, hidden)?, &mut bytes));
            output.put(&bytes)?;
        }
        output.end_tensor()?;
        output.put_floats(&scales, FLOATS)?;
        output.end_tensor()
    }

    fn write_matmul(&self, sources: &[String], n: usize, k: usize, output: &mut Output) -> Result<()> {
        let each = n / sources.len();
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for source in sources {
            let (weight_name, bias_name) = (format!("{source}.weight"), format!("{source}.bias"));
            let tensor = self.weights.get(&weight_name, &[each, k])?;
            weights.extend(self.read(&tensor, &weight_name, 0, each * k)?);
            let tensor = self.weights.get(&bias_name, &[each])?;
            bias.extend(self.read(&tensor, &bias_name, 0, each)?);
        }
        let (panels, scale) = pack_int8(&weights, n, k);
        output.put(bytemuck::cast_slice(&panels))?;
        output.end_tensor()?;
        for values in [scale, bias] {
            output.put_floats(&values, PANEL[0])?;
            output.end_tensor()?;
        }
        Ok(())
    }

    /// The `row`-th run of `len` numbers, all of them finite.
    fn read(&self, tensor: &Tensor, name: &str, row: usize, len: usize) -> Result<Vec<f32>> {
        let mut values = vec![0.0; len];
        tensor.read_f32(row * len, &mut values);
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => {
                let (value, at) = (values[at], row * len + at);
                let reason = format!("tensor {name} can't be packed: number {at} of it is {value}");
                Err(Error::weights(self.weights.path(), reason))
            }
            None => Ok(values),
        }
    }
}

/// Writes the row as whole numbers from -127 to 127, halves rounded to even, and returns what one step is worth.
/// Bytes beyond the row are left alone.
pub(super) fn quantize_row(row: &[f32], bytes: &mut [u8]) -> f32 {
    let scale = row.iter().fold(0.0f32, |max, value| max.max(value.abs())) / 127.0;
    for (byte, value) in bytes.iter_mut().zip(row) {
        // The cast clamps; it matters when the scale is so small that it has lost its own precision.
        let step = if scale == 0.0 { 0.0 } else { (value / scale).round_ties_even() };
        *byte = (step.clamp(-127.0, 127.0) as i8).cast_unsigned();
    }
    scale
}
