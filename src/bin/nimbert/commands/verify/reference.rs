//! References from PyTorch, as `tools/export_reference.py` writes them.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::{count::count, shorten::shorten};

/// A reference file.
pub(super) struct Reference {
    pub(super) about: About,
    pub(super) rows: Vec<ReferenceRow>,
}

/// Where its numbers come from.
#[derive(Deserialize)]
pub(super) struct About {
    pub(super) model: String,
    /// Of the weights' files, in the order of their names.
    pub(super) weights_sha256: String,
    rows: usize,
    torch: String,
}

/// One row of tokens and what PyTorch made of it.
pub(super) struct ReferenceRow {
    pub(super) token_ids: Vec<u32>,
    pub(super) token_type_ids: Vec<u32>,
    /// `embeddings`, `layer.0` and so on, `pooled`, `logits`, `embedding`: those that the file has, in this order.
    pub(super) stages: Vec<(String, Vec<f32>)>,
}

impl About {
    pub(super) fn describe(&self) -> String {
        let [model, torch] = [&self.model, &self.torch].map(|text| shorten(text, 80));
        format!("{model} in PyTorch {torch}, {}", count(self.rows, "row"))
    }
}

impl Reference {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        ensure!(!path.exists() || path.is_file(), "{name}: not a regular file");
        let bytes = std::fs::read(path).map_err(|error| anyhow!("{name}: {error}"))?;
        Self::parse(&bytes).map_err(|error| anyhow!("{name}: {error:#}"))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes).context("no safetensors file")?;
        let about = header.metadata().as_ref().and_then(|metadata| metadata.get("reference"));
        let about =
            about.ok_or_else(|| anyhow!("no reference: it was not written by tools/export_reference.py"))?;
        let about: About = serde_json::from_str(about).context("the metadata \"reference\"")?;
        let file = File(SafeTensors::deserialize(bytes).context("no safetensors file")?);
        ensure!(about.rows > 0, "a reference without rows");
        let rows = if file.0.tensor("cu_seqlens").is_ok() {
            file.packed_rows(about.rows)
        } else {
            (0..about.rows).map(|row| file.full_row(row)).collect()
        };
        Ok(Self { about, rows: rows? })
    }
}

struct File<'a>(SafeTensors<'a>);

impl File<'_> {
    /// All numbers of a tensor of this type, of 4 bytes.
    fn values<T>(&self, name: &str, dtype: Dtype, from_bytes: fn([u8; 4]) -> T) -> Result<Vec<T>> {
        let tensor = self.0.tensor(name).map_err(|_| anyhow!("tensor {name} is missing"))?;
        ensure!(tensor.dtype() == dtype, "tensor {name} is {}, expected {dtype}", tensor.dtype());
        let (words, _) = tensor.data().as_chunks::<4>();
        Ok(words.iter().map(|&word| from_bytes(word)).collect())
    }

    /// The same, or nothing where there is no such tensor.
    fn floats(&self, name: &str) -> Result<Option<Vec<f32>>> {
        self.0.tensor(name).is_ok().then(|| self.values(name, Dtype::F32, f32::from_le_bytes)).transpose()
    }

    fn full_row(&self, row: usize) -> Result<ReferenceRow> {
        let mut stages = Vec::new();
        let mut add = |stage: &str| -> Result<bool> {
            let found = self.floats(&format!("{row}.{stage}"))?;
            let is_there = found.is_some();
            stages.extend(found.map(|values| (stage.to_owned(), values)));
            Ok(is_there)
        };
        add("embeddings")?;
        for layer in 0.. {
            if !add(&format!("layer.{layer}"))? {
                break;
            }
        }
        add("pooled")?;
        add("logits")?;
        add("embedding")?;
        ensure!(!stages.is_empty(), "tensor {row}.embeddings is missing");
        let ids = |name: &str| self.values(&format!("{row}.{name}"), Dtype::I32, u32::from_le_bytes);
        Ok(ReferenceRow { token_ids: ids("token_ids")?, token_type_ids: ids("token_type_ids")?, stages })
    }

    fn packed_rows(&self, count: usize) -> Result<Vec<ReferenceRow>> {
        let ids = |name: &str| self.values(name, Dtype::I32, u32::from_le_bytes);
        let (tokens, ends, logits) =
            (ids("token_ids")?, ids("cu_seqlens")?, self.values("logits", Dtype::F32, f32::from_le_bytes)?);
        let types = if self.0.tensor("token_type_ids").is_ok() {
            ids("token_type_ids")?
        } else {
            vec![0; tokens.len()]
        };
        let fits = ends.len() == count + 1
            && types.len() == tokens.len()
            && ends.last().is_some_and(|&end| end as usize == tokens.len())
            && ends.is_sorted()
            && logits.len().is_multiple_of(count);
        ensure!(fits, "cu_seqlens, token ids and logits do not belong together");
        let labels = logits.len() / count;
        let row = |i: usize| {
            let place = ends[i] as usize..ends[i + 1] as usize;
            ReferenceRow {
                token_ids: tokens[place.clone()].to_vec(),
                token_type_ids: types[place].to_vec(),
                stages: vec![("logits".to_owned(), logits[i * labels..(i + 1) * labels].to_vec())],
            }
        };
        Ok((0..count).map(row).collect())
    }
}
