//! DistilBERT (Sanh et al., 2019): `model_type` distilbert. BERT's encoder without token types and pooler, under other names.

use nimbert_kernels::Activation;
use serde_json::{Value, json};

use super::{
    check_heads,
    classes::{Classes, classes},
    parts::{self, Classifier, Words},
};
use crate::{
    config::{Config, File, Shape},
    error::Result,
    plan::Plan,
};

/// What the names of the encoder's tensors begin with; a checkpoint of the encoder alone leaves it out.
pub(super) const PREFIX: &str = "distilbert.";

pub(super) const CLASSES: Classes = classes!("DistilBert", None, &["DistilBertForMultipleChoice"]);

/// Its LayerNorm's, which no key changes.
const EPSILON: f32 = 1e-12;

pub(super) fn shape(file: &File<'_>) -> Result<Shape> {
    let encoder = Shape {
        vocab_size: file.size("vocab_size", 1 << 24, None)?,
        hidden_size: file.size("dim", 1 << 16, None)?,
        num_hidden_layers: file.size("n_layers", 1 << 10, None)?,
        num_attention_heads: file.size("n_heads", 1 << 16, None)?,
        intermediate_size: file.size("hidden_dim", 1 << 18, None)?,
        // Sinusoidal ones are in the checkpoint like others.
        max_position_embeddings: file.size("max_position_embeddings", 1 << 20, Some(512))?,
        padding_idx: None,
        relative_attention_num_buckets: None,
        type_vocab_size: 0,
        layer_norm_eps: EPSILON,
        hidden_act: file.hidden_act("activation")?,
    };
    check_heads(file, ["dim", "n_heads"], encoder)
}

/// The keys that [`shape`] reads.
pub(super) fn to_json(encoder: &Shape) -> Value {
    json!({
        "vocab_size": encoder.vocab_size,
        "dim": encoder.hidden_size,
        "n_layers": encoder.num_hidden_layers,
        "n_heads": encoder.num_attention_heads,
        "hidden_dim": encoder.intermediate_size,
        "max_position_embeddings": encoder.max_position_embeddings,
        "activation": encoder.hidden_act.name(),
    })
}

pub(super) fn plan(config: &Config) -> Plan {
    let encoder = &config.encoder;
    let embeddings = parts::embeddings(&format!("{PREFIX}embeddings"), encoder);
    let classifier =
        Classifier { pooler: "pre_classifier", activation: Activation::Relu, classifier: "classifier" };
    let words = Words {
        transform: "vocab_transform",
        activation: encoder.hidden_act.into(),
        norm: "vocab_layer_norm",
        decoder: "vocab_projector",
        bias: None,
    };
    Plan {
        relative: None,
        layers: (0..encoder.num_hidden_layers).map(|i| layer(i).plan(encoder)).collect(),
        head: parts::head(&config.head, encoder, &embeddings, &classifier, &words),
        embeddings,
    }
}

fn layer(i: usize) -> parts::Layer {
    let name = format!("{PREFIX}transformer.layer.{i}");
    let attention = format!("{name}.attention");
    parts::Layer {
        qkv: ["q_lin", "k_lin", "v_lin"].map(|of| format!("{attention}.{of}")),
        stacked: format!("{attention}.qkv_lin"),
        attention_output: format!("{attention}.out_lin"),
        attention_norm: format!("{name}.sa_layer_norm"),
        intermediate: format!("{name}.ffn.lin1"),
        output: format!("{name}.ffn.lin2"),
        output_norm: format!("{name}.output_layer_norm"),
    }
}
