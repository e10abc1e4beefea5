//! MPNet (Song et al., 2020): `model_type` mpnet. RoBERTa without token types, with a bias by distance in attention.

use super::{
    bert,
    classes::{Classes, classes},
    parts, roberta,
};
use crate::{
    config::{Config, File, Shape},
    error::Result,
    plan::{Plan, Relative, Table},
};

/// What the names of the encoder's tensors begin with; a checkpoint of the encoder alone leaves it out.
pub(super) const PREFIX: &str = "mpnet.";

pub(super) const CLASSES: Classes = classes!("MPNet", None, &["MPNetForMultipleChoice"]);

/// The id of padding is the same in all, whatever `pad_token_id` says.
const PADDING: u32 = 1;
/// Distances are sorted into as many buckets, however many rows the table has: as the reference implementation does it.
const BUCKETS: usize = 32;
/// Where the last one begins at the latest.
const MAX_DISTANCE: usize = 128;

pub(super) fn shape(file: &File<'_>) -> Result<Shape> {
    let encoder = bert::shape(file)?;
    let key = "relative_attention_num_buckets";
    let rows = file.size(key, 1 << 16, Some(BUCKETS))?;
    if rows < BUCKETS {
        return Err(file.error(key, format!("{rows}, but distances fall into {BUCKETS} buckets")));
    }
    let encoder = Shape {
        type_vocab_size: 0,
        padding_idx: Some(PADDING),
        relative_attention_num_buckets: Some(rows),
        ..encoder
    };
    roberta::check_positions(file, encoder)
}

pub(super) fn plan(config: &Config) -> Plan {
    let encoder = &config.encoder;
    let embeddings = parts::embeddings(&format!("{PREFIX}embeddings"), encoder);
    let rows = encoder.relative_attention_num_buckets.unwrap_or(BUCKETS);
    let table = Table::new(
        format!("{PREFIX}encoder.relative_attention_bias.weight"),
        rows,
        encoder.num_attention_heads,
    );
    Plan {
        relative: Some(Relative { table, buckets: BUCKETS, max_distance: MAX_DISTANCE }),
        layers: (0..encoder.num_hidden_layers).map(|i| layer(i).plan(encoder)).collect(),
        head: parts::head(&config.head, encoder, &embeddings, &roberta::CLASSIFIER, &roberta::WORDS),
        embeddings,
    }
}

fn layer(i: usize) -> parts::Layer {
    let name = format!("{PREFIX}encoder.layer.{i}");
    let attention = format!("{name}.attention");
    parts::Layer {
        qkv: ["q", "k", "v"].map(|of| format!("{attention}.attn.{of}")),
        stacked: format!("{attention}.attn.qkv"),
        attention_output: format!("{attention}.attn.o"),
        attention_norm: format!("{attention}.LayerNorm"),
        intermediate: format!("{name}.intermediate.dense"),
        output: format!("{name}.output.dense"),
        output_norm: format!("{name}.output.LayerNorm"),
    }
}
