//! What PyTorch gave, as `tools/export_reference.py` wrote it.

use crate::data;
use safetensors::SafeTensors;
use std::fs;

/// One row of tokens and what every stage made of it; what the file does not have is empty.
pub struct Row {
    /// `[n]`
    pub token_ids: Vec<u32>,
    /// `[n]`
    pub token_type_ids: Vec<u32>,
    /// `[n, hidden]`
    pub embeddings: Vec<f32>,
    /// Of each layer `[n, hidden]`.
    pub layers: Vec<Vec<f32>>,
    /// `[hidden]`
    pub pooled: Vec<f32>,
    /// `[labels]`
    pub logits: Vec<f32>,
    /// `[labels]`
    pub scores: Vec<f32>,
}

/// A reference file.
pub struct Reference {
    /// In the order of the texts.
    pub rows: Vec<Row>,
    /// Of the weights' files, in the order of their names, in hex.
    pub weights_sha256: String,
}

impl Reference {
    /// The file tests/data/`name`.
    pub fn read(name: &str) -> Self {
        let bytes = fs::read(data(name)).expect("the reference is committed");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a safetensors file");
        let metadata = &header.metadata().as_ref().expect("with metadata")["reference"];
        let metadata: serde_json::Value = serde_json::from_str(metadata).expect("which are JSON");
        let tensors = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let count = metadata["rows"].as_u64().expect("a number of rows") as usize;
        let packed = tensors.tensor("cu_seqlens").is_ok();
        let rows = if packed { packed_rows(&tensors, count) } else { full_rows(&tensors, count) };
        Self { rows, weights_sha256: metadata["weights_sha256"].as_str().expect("a digest").to_owned() }
    }
}

/// The 4-byte values of a tensor, none if it is not there.
fn values<T>(tensors: &SafeTensors<'_>, name: &str, from_bytes: fn([u8; 4]) -> T) -> Vec<T> {
    let Ok(tensor) = tensors.tensor(name) else { return Vec::new() };
    let (words, rest) = tensor.data().as_chunks::<4>();
    assert!(rest.is_empty(), "{name}: not of 4-byte values");
    words.iter().map(|&word| from_bytes(word)).collect()
}

fn full_rows(tensors: &SafeTensors<'_>, count: usize) -> Vec<Row> {
    let row = |i: usize| {
        let floats = |stage: &str| values(tensors, &format!("{i}.{stage}"), f32::from_le_bytes);
        let ids = |stage: &str| values(tensors, &format!("{i}.{stage}"), u32::from_le_bytes);
        Row {
            token_ids: ids("token_ids"),
            token_type_ids: ids("token_type_ids"),
            embeddings: floats("embeddings"),
            layers: (0..)
                .map(|l| floats(&format!("layer.{l}")))
                .take_while(|layer| !layer.is_empty())
                .collect(),
            pooled: floats("pooled"),
            logits: floats("logits"),
            scores: floats("scores"),
        }
    };
    (0..count).map(row).collect()
}

fn packed_rows(tensors: &SafeTensors<'_>, count: usize) -> Vec<Row> {
    let ids = values(tensors, "token_ids", u32::from_le_bytes);
    let mut types = values(tensors, "token_type_ids", u32::from_le_bytes);
    types.resize(ids.len(), 0);
    let ends = values(tensors, "cu_seqlens", u32::from_le_bytes);
    let logits = values(tensors, "logits", f32::from_le_bytes);
    let labels = logits.len() / count;
    let row = |i: usize| {
        let place = ends[i] as usize..ends[i + 1] as usize;
        Row {
            token_ids: ids[place.clone()].to_vec(),
            token_type_ids: types[place].to_vec(),
            embeddings: Vec::new(),
            layers: Vec::new(),
            pooled: Vec::new(),
            logits: logits[i * labels..(i + 1) * labels].to_vec(),
            scores: Vec::new(),
        }
    };
    (0..count).map(row).collect()
}
